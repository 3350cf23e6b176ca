"""The style sheet of the report: light and dark by the reader's setting, one column on a phone."""

STYLE = """
:root { --back:#fbfbfa; --card:#fff; --ink:#1d2129; --soft:#5d6572; --rule:#dde1e7; --best:#e7f4ea; --mark:#0b6bcb;
  --s0:#0b6bcb; --s1:#d1495b; --s2:#2e8b57; --s3:#b06f00; --s4:#7b4fc9; --s5:#00838f; --s6:#a6428f; --s7:#5c6b00; }
@media (prefers-color-scheme: dark) {
  :root { --back:#14171c; --card:#1c2027; --ink:#e6e9ee; --soft:#9aa4b2; --rule:#333a45; --best:#1d3a28; --mark:#6db3ff;
    --s0:#6db3ff; --s1:#ff8a96; --s2:#6fd49a; --s3:#f2b84b; --s4:#b79bff; --s5:#4fd0dc; --s6:#f08fda; --s7:#c3d44a; } }
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
thead th { color:var(--soft); font-weight:600; font-size:.82rem; vertical-align:bottom }
th[scope=row], thead th:first-child { text-align:left; position:sticky; left:0; background:var(--card); font-weight:600;
  max-width:15rem; overflow:hidden; text-overflow:ellipsis }
td.best { background:var(--best); font-weight:700 } td.behind { color:var(--s1) } td.ahead { color:var(--s2) }
table.facts th { text-align:left; vertical-align:top }
td.text { text-align:left; vertical-align:top; white-space:normal; overflow-wrap:anywhere; min-width:12rem }
.grid { display:grid; gap:14px; grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr)) }
.strips { display:grid; gap:14px; align-items:start;
  grid-template-columns:repeat(auto-fill,minmax(min(500px,100%),1fr)) }
.strips figure { margin-bottom:10px }
.small-grid { display:grid; gap:12px; grid-template-columns:repeat(auto-fill,minmax(min(240px,100%),1fr)) }
figure { margin:0; padding:12px; background:var(--card); border:1px solid var(--rule); border-radius:8px }
figure img { width:100%; height:auto; display:block; border-radius:4px }
svg { width:100%; height:auto; display:block } svg text { fill:var(--ink); font-size:13px } svg .small { font-size:12px;
  fill:var(--soft) }
svg .grid { stroke:var(--rule); stroke-width:1; fill:none } svg .line { stroke:var(--c); stroke-width:2.2; fill:none;
  stroke-linejoin:round } svg .thin { stroke-width:1.5 } svg .dot { fill:var(--c) } svg .bar { fill:var(--c) }
.legend { display:flex; flex-wrap:wrap; gap:4px 16px; margin:8px 0 0; padding:0; list-style:none; font-size:.87rem }
.legend svg { width:26px; height:10px; display:inline-block; vertical-align:middle; margin-right:6px }
details { margin-top:10px } summary { cursor:pointer; color:var(--mark) }
nav { display:flex; flex-wrap:wrap; gap:4px 16px; margin-top:10px; font-size:.9rem } a { color:var(--mark) }
@media print { body { max-width:none } figure, .scroll { break-inside:avoid } }
"""
