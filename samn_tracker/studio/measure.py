"""How long a click takes, and how fast the studio tracks and shows beside `samn track`: one table, as ratios.

    python -m samn_tracker.studio.measure frames --point 310,120

It asks a studio of its own as the page does: it clicks, tracks, and fetches the picture of every frame that is done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE, Popen, run
from typing import Any

from samn_tracker.errors import ResultError

_PROGRAM = (sys.executable, "-m", "samn_tracker.cli")
_CLICKS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code.

    Raises:
        ResultError: the studio does not start.
    """
    parser = argparse.ArgumentParser(prog="python -m samn_tracker.studio.measure", description=__doc__)
    parser.add_argument("input", help="folder of images or video file")
    parser.add_argument("--point", required=True, metavar="X,Y", help="on the object, in the first frame")
    arguments = parser.parse_args(argv)
    x, y = (float(part) for part in arguments.point.split(","))
    with tempfile.TemporaryDirectory() as place:
        clicks, studio = _studio(arguments.input, (x, y), Path(place))
        alone = _track(arguments.input, arguments.point, Path(place))
    print(f"click to proposed mask: first {clicks[0]:.2f} s, then {min(clicks[1:]):.2f} to {max(clicks[1:]):.2f} s")
    print(f"samn track:             {alone:.2f} frames a second, with overlay, masks and boxes")
    print(f"samn studio:            {studio:.2f} frames a second tracked and fetched, {studio / alone:.0%} of that")
    return 0


def _studio(source: str, point: tuple[float, float], place: Path) -> tuple[list[float], float]:
    """Seconds of each click, and frames a second from the first to the last that is shown."""
    command = [*_PROGRAM, "studio", source, "--no-browser", "--project", str(place / "project")]
    with Popen(command, stdout=PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        try:
            if not address:
                raise ResultError("the studio did not start; run `samn studio` with the same input to see why")
            return asyncio.run(_as_the_page(address, point))
        finally:
            server.terminate()


async def _as_the_page(address: str, point: tuple[float, float]) -> tuple[list[float], float]:
    import websockets

    path, _, query = address.partition("?")
    async with websockets.connect(f"{path.replace('http', 'ws', 1)}socket?{query}", max_size=None) as socket:

        async def heard(kind: str) -> dict[str, Any]:
            while (event := json.loads(await socket.recv()))["type"] != kind:
                if event["type"] == "error":
                    raise ResultError(event["text"])
            return dict(event)

        async def ask(kind: str, **values: Any) -> None:
            await socket.send(json.dumps({"type": kind, **values}))

        frames = (await heard("project"))["frames"]
        await ask("add_object", name="")
        clicks = []
        for _ in range(_CLICKS):
            begun = time.perf_counter()
            await ask("point", object=1, frame=0, point=point, positive=True)
            await heard("answers")
            clicks.append(time.perf_counter() - begun)
            await ask("clear", object=1, frame=0)
            await heard("answers")
        await ask("point", object=1, frame=0, point=point, positive=True)
        await heard("answers")
        await ask("track", frame=0, forwards=True)
        shown: list[float] = []
        while len(shown) < frames - 1:
            event = await heard("answers")
            await asyncio.to_thread(_fetch, f"{path}frame/{event['frame']}?{query}")
            shown.append(time.perf_counter())
    return clicks, (len(shown) - 1) / (shown[-1] - shown[0])


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address) as reply:
        return bytes(reply.read())


def _track(source: str, point: str, place: Path) -> float:
    """Frames a second of `samn track` as a whole, from its own report and the clock: start-up is left out."""
    folder = place / "track"
    command = [*_PROGRAM, "track", source, "--point", point, "--output", str(folder), "--json"]
    done = run(command, capture_output=True, text=True, check=True)
    masks = sorted((folder / "masks").iterdir())
    seconds = masks[-1].stat().st_mtime - masks[0].stat().st_mtime
    return (json.loads(done.stdout)["frames"] - 1) / seconds


if __name__ == "__main__":
    sys.exit(main())
