"""Track what you point at through your own video.

Examples:
  samn track holiday.mp4                                  draw the object with the mouse
  samn track holiday.mp4 --box 310,120,80,60              a box x,y,w,h in the first frame, in pixels from the top left
  samn track holiday.mp4 --point 350,150                  what a click there shows; --preview PNG draws what is meant
  samn track 'frames/*.jpg' --mask first.png --save masks every id in the PNG is an object
  samn track 0 --show                                     the camera; q or Ctrl-C ends

Exit codes: 0 done; 1 something was wrong, what was tracked until then is kept; 2 wrong command line; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.followers import Follower, create_follower
from samn_tracker.app.frames import Frame, FrameSource
from samn_tracker.app.later import changes, first_and_later
from samn_tracker.app.outputs import (
    DEBUG_PATTERNS,
    KINDS,
    check_masks,
    open_outputs,
    parse_kinds,
    patterns_of,
    words_of_earlier,
)
from samn_tracker.app.selection import Viewer, draw_boxes
from samn_tracker.app.sources import open_source
from samn_tracker.app.stream import is_address
from samn_tracker.app.targets import Targets, targets_from_text
from samn_tracker.app.tracking import INTERRUPTED, Run, close_all, track_all
from samn_tracker.errors import ImageError, ResultError
from samn_tracker.files import refuse_what_is_read, write_atomic
from samn_tracker.images import encode_image
from samn_tracker.output_folder import OutputFolder
from samn_tracker.runner.digits import ascii_number, positive
from samn_tracker.runner.trackers import SPEC_HELP
from samn_tracker.settings import add_behaviour, key_values
from samn_tracker.shapes.overlay import draw_answers, draw_ruler

if TYPE_CHECKING:
    from samn_tracker.app.debug import DebugOutput


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn track ...`; returns the exit code.

    Raises:
        SamnError: nothing could be started; later faults are reported with what was tracked until then.
    """
    arguments = _arguments(argv)
    kinds = parse_kinds(arguments.save)
    start, later = first_and_later(arguments.start)
    source = open_source(arguments.input, start, arguments.end, arguments.stride)
    folder, inside = _folders(arguments, source, kinds)
    viewer = Viewer() if arguments.show else None
    frames = iter(source)
    first = next(frames, None)
    if first is None:
        raise ImageError(f"{source.name} ends before frame {start}; give a smaller --start")
    for note in source.notes:
        print(f"samn track: {note}", file=sys.stderr)
    if arguments.ruler:
        return _write_picture(arguments.ruler, draw_ruler(first.image), source, "--ruler")
    targets = _targets(arguments, first)
    shape = (first.image.shape[0], first.image.shape[1])
    coming = changes(later, arguments.stop, targets, first.index, shape)
    follower = create_follower(arguments.tracker, arguments.device, key_values(arguments.set), targets)
    debug = _debug(inside, follower, arguments.debug_pixel)
    answers = follower.start(first.image)
    if arguments.preview:
        return _write_picture(arguments.preview, draw_answers(first.image, answers), source, "--preview")
    check_masks(kinds, answers)
    earlier = words_of_earlier(folder, kinds)
    run = Run(source, arguments.tracker)
    with folder, inside or nullcontext():
        if earlier:
            print(f"samn track: {earlier}", file=sys.stderr)
        outputs = open_outputs(folder, kinds, source.frames_per_second / arguments.every) | (
            {"debug": debug} if debug else {}
        )
        before = debug.before if debug else None
        begun = first, answers
        fault = track_all(run, follower, begun, frames, outputs, coming, viewer, before, arguments.every)
        files, faults = close_all(outputs)
    every = [fault, *faults] if fault else faults
    _report(run.summary(files, "; ".join(every) or None), arguments.json)
    return 130 if fault == INTERRUPTED else 1 if every else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    command_line = parser()
    arguments = command_line.parse_args(_joined(sys.argv[1:] if argv is None else argv))
    if arguments.debug_pixel and not arguments.debug_dir:
        command_line.error("--debug-pixel says whose attention to draw; give --debug-dir DIR too")
    return arguments


def _targets(arguments: argparse.Namespace, first: Frame) -> Targets:
    shape = first.image.shape[:2]
    given = arguments
    if given.box or given.polygon or given.mask or given.point:
        return targets_from_text(given.box, given.polygon, given.mask, (shape[0], shape[1]), given.point)
    return Targets(dict(enumerate(draw_boxes(first.image), start=1)))


def _folders(
    arguments: argparse.Namespace, source: FrameSource, kinds: list[str]
) -> tuple[OutputFolder, OutputFolder | None]:
    """The folders of results and of debug pictures, checked, with nothing written yet."""
    read = [*source.files, *map(Path, arguments.mask)]
    output = arguments.output or _default_folder(arguments.input)
    folder = OutputFolder(output, patterns_of(kinds), read)
    if arguments.debug_dir is None:
        return folder, None
    if arguments.debug_dir.resolve() == output.resolve():
        raise ResultError(f"--debug-dir is {output}, where the results go; choose another --debug-dir")
    return folder, OutputFolder(arguments.debug_dir, DEBUG_PATTERNS, read, "--debug-dir")


def _debug(inside: OutputFolder | None, follower: Follower, pixel: tuple[float, float] | None) -> DebugOutput | None:
    if inside is None:
        return None
    from samn_tracker.app.debug import DebugOutput  # loads torch, which takes seconds

    return DebugOutput(inside, follower, pixel)


def _write_picture(path: Path, picture: NDArray[np.uint8], source: FrameSource, option: str) -> int:
    """Write what was asked for instead of tracking; returns the exit code."""
    refuse_what_is_read(path, source.files, option)
    try:
        data = encode_image(picture, path.suffix)
    except ImageError:
        raise ResultError(f"cannot write {path}; give {option} a name that ends in .png") from None
    write_atomic(path, data)
    print(path)
    return 0


def _joined(words: Sequence[str]) -> list[str]:
    """`--box -5,10,40,30` as one word, `--box=-5,10,40,30`: argparse takes what begins with "-" for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in ("--box", "--polygon", "--point") and re.match(r"-[\d.]", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _report(summary: dict[str, Any], as_json: bool) -> None:
    if summary["fault"]:
        kept = f"; the {summary['frames']} frames tracked until then are kept" if summary["frames"] else ""
        print(f"samn track: {summary['fault']}{kept}", file=sys.stderr)
    if as_json:
        print(json.dumps(summary, indent=2))
        return
    rate = summary["tracker_frames_per_second"]
    print(f"{summary['frames']} frames of {summary['input']}, {rate} a second in the tracker")
    for number, one in summary["objects"].items():
        seen = f"seen in {one['frames_found']} of {one['frames']} frames"
        print(f"  object {number}: {seen}, mean confidence {one['mean_confidence']:.2f}")
    for kind, path in summary["files"].items():
        print(f"  {kind}: {path}")


def _default_folder(text: str) -> Path:
    path = Path(urlsplit(text).path if is_address(text) else text)
    is_camera = ascii_number(text) is not None and not path.exists()
    name = f"camera{text}" if is_camera else (path.parent.name if "*" in path.name else path.stem) or "frames"
    return Path(f"{name}_samn")


def _pixel(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not x,y") from None
    return x, y


def parser() -> argparse.ArgumentParser:
    """The command line of `samn track`."""
    saved = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())
    result = argparse.ArgumentParser(
        prog="samn track", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument(
        "input", help="video file, folder of images, glob in quotes, camera number, or http, https or rtsp address"
    )
    add = result.add_argument_group(
        "what to follow, in the first frame (repeat for several objects; none: the mouse)"
    ).add_argument
    add("--box", action="append", default=[], metavar="X,Y,W,H", help="left, top, width, height")
    add("--polygon", action="append", default=[], metavar="X,Y,...", help="corners")
    add("--point", action="append", default=[], metavar="X,Y[,+|-]", help="on the object, or with - beside it")
    add("--mask", action="append", default=[], metavar="PNG", help="each id of an indexed PNG")
    add("--ruler", type=Path, metavar="PNG", help="only write the first frame with coordinates, to read a box from")
    add("--preview", type=Path, metavar="PNG", help="only write the first frame with the masks that would be tracked")
    add(
        "--start",
        action="append",
        default=[],
        metavar="N[:KIND:VALUES]",
        help="first frame: the number in its name, else from 0; or an object that comes later: 120:box:10,20,30,40, "
        "120:mask:later.png, '120:point:50,60;55,90,-'",
    )
    add("--stop", action="append", default=[], metavar="N:ID", help="from frame N on this object is not followed")
    add("--stride", type=positive, default=1, metavar="N", help="track every Nth frame of the input only")
    add("--end", type=positive, metavar="N", help="stop before this frame")
    add = result.add_argument_group("what to leave behind").add_argument
    add(
        "--output",
        type=Path,
        metavar="DIR",
        help="default NAME_samn here; an earlier run's files of the same kinds are replaced",
    )
    add("--save", default="overlay,masks,txt", metavar="KINDS", help=f"comma separated; {saved}")
    add("--every", type=positive, default=1, metavar="N", help="save every Nth tracked frame only")
    add("--json", action="store_true", help="print one JSON object to stdout instead of words")
    add("--show", action="store_true", help="watch in a window while tracking")
    add = result.add_argument_group("the tracker").add_argument
    add("--tracker", default="samn-lite", metavar="SPEC", help=SPEC_HELP)
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    add_behaviour(result, "a setting, for instance appearance.interval=10; repeat for several")
    add(
        "--debug-dir",
        type=Path,
        metavar="DIR",
        help="a picture of the tracker's inside and a JSON line for every frame",
    )
    add("--debug-pixel", type=_pixel, metavar="X,Y", help="draw this pixel's attention; default the target's middle")
    return result


if __name__ == "__main__":
    sys.exit(main())
