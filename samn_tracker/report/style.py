"""Style sheet and script of the report: light and dark by the reader's setting, one column on a phone."""

LIGHT = ("#0b6bcb", "#d1495b", "#2e8b57", "#b06f00", "#7b4fc9", "#00838f", "#a6428f", "#5c6b00")
DARK = ("#6db3ff", "#ff8a96", "#6fd49a", "#f2b84b", "#b79bff", "#4fd0dc", "#f08fda", "#c3d44a")
"""Colours of the series on a light and on a dark page; pictures are drawn on with those of the dark one."""

_STYLE = """
:root { --back:#fbfbfa; --card:#fff; --ink:#1d2129; --soft:#5d6572; --rule:#dde1e7; --best:#e7f4ea; --mark:#0b6bcb;
  LIGHT_SERIES }
@media (prefers-color-scheme: dark) {
  :root { --back:#14171c; --card:#1c2027; --ink:#e6e9ee; --soft:#9aa4b2; --rule:#333a45; --best:#1d3a28; --mark:#6db3ff;
    DARK_SERIES } }
* { box-sizing:border-box }
html { color-scheme:light dark; -webkit-text-size-adjust:100% }
body { margin:0 auto; max-width:1180px; padding:24px 16px 64px; background:var(--back); color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif }
h1 { font-size:1.6rem; line-height:1.2; margin:0 0 4px } h2 { font-size:1.15rem; margin:36px 0 10px }
h3 { font-size:.95rem; margin:0 0 6px } div + h3 { margin-top:16px } p { margin:4px 0 }
.soft,figcaption { color:var(--soft); font-size:.87rem }
.scroll { overflow-x:auto; background:var(--card); border:1px solid var(--rule); border-radius:8px }
table { border-collapse:separate; border-spacing:0; width:100%; font-variant-numeric:tabular-nums }
th,td { padding:6px 12px; text-align:right; white-space:nowrap; border-bottom:1px solid var(--rule) }
tr:last-child td, tr:last-child th[scope=row] { border-bottom:0 }
thead th { color:var(--soft); font-weight:600; font-size:.82rem; vertical-align:bottom; white-space:normal }
th[scope=row], thead th:first-child { text-align:left; position:sticky; left:0; background:var(--card); font-weight:600;
  max-width:15rem; overflow:hidden; text-overflow:ellipsis }
td.best { background:var(--best); font-weight:700 } td.behind { color:var(--s1) } td.ahead { color:var(--s2) }
table.facts th { text-align:left; vertical-align:top }
td.text { text-align:left; vertical-align:top; white-space:normal; overflow-wrap:anywhere; min-width:12rem }
.grid { display:grid; gap:14px; grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr)) }
.strips { display:grid; gap:14px; align-items:start;
  grid-template-columns:repeat(auto-fill,minmax(min(500px,100%),1fr)) }
.strips figure { margin-bottom:10px } .together { margin-top:10px; gap:4px 14px }
.small-grid { display:grid; gap:12px; grid-template-columns:repeat(auto-fill,minmax(min(240px,100%),1fr)) }
figure { margin:0; padding:12px; background:var(--card); border:1px solid var(--rule); border-radius:8px }
figure img { width:100%; height:auto; display:block; border-radius:4px }
svg { width:100%; height:auto; display:block } svg text { fill:var(--ink); font-size:13px } svg .small { font-size:12px;
  fill:var(--soft) }
svg .grid { stroke:var(--rule); stroke-width:1; fill:none } svg .line { stroke:var(--c); stroke-width:2.2; fill:none;
  stroke-linejoin:round } svg .thin { stroke-width:1.5 } svg .dot { fill:var(--c) } svg .bar { fill:var(--c) }
svg .shade { fill:var(--mark); opacity:.1 } table.sortable thead th { cursor:pointer }
th[aria-sort=ascending]::after { content:" ▴" } th[aria-sort=descending]::after { content:" ▾" }
figure:target { outline:2px solid var(--mark) }
.legend { display:flex; flex-wrap:wrap; gap:4px 16px; margin:8px 0 0; padding:0; list-style:none; font-size:.87rem }
.legend svg { width:26px; height:10px; display:inline-block; vertical-align:middle; margin-right:6px }
details { margin-top:10px } summary { cursor:pointer; color:var(--mark) }
nav { display:flex; flex-wrap:wrap; gap:4px 16px; margin-top:10px; font-size:.9rem } a { color:var(--mark) }
@media (max-width:600px) { body { padding:16px 10px 48px } th,td { padding:5px }
  table { font-size:.84rem } thead th { font-size:.75rem } }
@media print { body { max-width:none } figure, .scroll { break-inside:avoid } }
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sorted")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  table.classList.add("sortable");
  const value = (row, column) => {
    const cell = row.cells[column], number = parseFloat(cell.dataset.v ?? cell.textContent);
    return column && !isNaN(number) ? number : cell.textContent.trim();
  };
  const compare = (a, b) => typeof a === typeof b ? (a > b) - (a < b) : typeof a === "number" ? 1 : -1;
  heads.forEach((head, column) => {
    const sort = () => {
      const sign = head.ariaSort === "descending" ? 1 : -1;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.ariaSort = sign > 0 ? "ascending" : "descending";
      body.append(...[...body.rows].sort((a, b) => sign * compare(value(a, column), value(b, column))));
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
}
"""
"""Sorts a table by the column whose head is clicked, highest first, then lowest first."""


def _variables(colours: tuple[str, ...]) -> str:
    return " ".join(f"--s{index}:{colour};" for index, colour in enumerate(colours))


STYLE = _STYLE.replace("LIGHT_SERIES", _variables(LIGHT)).replace("DARK_SERIES", _variables(DARK))


def series_colour(index: int) -> tuple[int, int, int]:
    """RGB in pictures of the run with this number."""
    red, green, blue = bytes.fromhex(DARK[index % len(DARK)][1:])
    return red, green, blue
