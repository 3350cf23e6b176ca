"""Speed and memory, as ratios in one run: the product against a plain reference of the authors' schedule.

    samn bench --json speed.json
    samn bench --quick
    samn bench accuracy|agreement|backends|cuda|readers|recovery|scores|speed|studio|versions --help   others

The table goes to stdout, progress to stderr. Absolute times drift on a shared machine; what counts are the ratios, for
every two things that are compared were measured in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from samn_tracker.bench.cuda import Checked, check, words
from samn_tracker.bench.device_time import device_milliseconds
from samn_tracker.bench.frames import OBJECTS, Comparison, compare_frames, compare_objects, compare_starts
from samn_tracker.bench.machine import describe_machine
from samn_tracker.bench.memory_peaks import measure_peaks
from samn_tracker.bench.report import table
from samn_tracker.bench.scenario import FRAME_SIZE, make_variants
from samn_tracker.bench.videos import OTHER_PATCHES, LongRun, compare_trackers, generated_video, long_run, real_videos
from samn_tracker.errors import SamnError
from samn_tracker.files import write_atomic
from samn_tracker.runner.digits import positive, within
from samn_tracker.runtime.devices import resolve_device

COMMANDS = {
    "accuracy": "how well trackers follow on the development sequences",
    "backends": "encoder and decoder by every backend and precision, with their errors",
    "cuda": "a GPU's masks against the CPU's, milliseconds and memory",
    "agreement": "how far answers move where a setting saves time",
    "readers": "what readers of data sets take, here and in another checkout",
    "recovery": "how often and how soon a target is found again",
    "scores": "seconds to score 100 sequences of 1,000 frames",
    "studio": "from a click to its mask, and frames shown while the page tracks",
    "versions": "milliseconds a frame, here and in another checkout",
    "speed": "milliseconds a frame on one thread and on two, of trackers, starts, backends and the authors' schedule",
}


@dataclass(frozen=True)
class Effort:
    """How much is measured: repeats of frames and starts, frames of the video and of the long run, video rounds."""

    repeats: int
    start_repeats: int
    video_frames: int
    video_rounds: int
    long_frames: int


FULL = Effort(20, 20, 120, 3, 10_000)
QUICK = Effort(3, 1, 60, 1, 600)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and write JSON where asked; or one of the other protocols."""
    line = list(sys.argv[1:] if argv is None else argv)
    if line and line[0] in COMMANDS:
        return int(import_module(f"samn_tracker.bench.{line[0]}").main(line[1:]))
    arguments = _parser().parse_args(line)
    effort = QUICK if arguments.quick else FULL
    if arguments.frames:
        effort = Effort(**{**asdict(effort), "long_frames": arguments.frames})
    try:
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        results = measure(effort, str(resolve_device(arguments.device)), arguments.data)
    except SamnError as error:
        print(f"samn bench: {error}", file=sys.stderr)
        return 1
    print(table(results))
    if "cuda" in results:
        print(words(Checked(**results["cuda"])))
    if arguments.json:
        write_atomic(arguments.json, json.dumps(results, indent=1) + "\n")
    return 0


def measure(effort: Effort, device: str, data: Path | None) -> dict[str, Any]:
    """Everything, as the JSON file has it."""
    began, on_cuda = time.perf_counter(), torch.device(device).type == "cuda"
    results: dict[str, Any] = {"machine": describe_machine(torch.device(device)), "effort": asdict(effort)}
    *heavy, light = make_variants()
    results["weights"] = {one.name: one.weights for one in (*heavy, light)}
    _say("frames of r50")
    frames = compare_frames(heavy, device, effort.repeats)
    _say("frames of lite")
    frames |= compare_frames([light], device, effort.repeats)
    results["frames"] = {
        name: {f"T{stored}": one.as_json() for stored, one in by_stored.items()} for name, by_stored in frames.items()
    }
    _say("starts")
    starts = {one.name: compare_starts(one, device, effort.start_repeats) for one in (heavy[0], light)}
    results["starts"] = {name: one.as_json() for name, one in starts.items()}
    _say("several objects")
    results["objects"] = compare_objects(light, device, effort.repeats)
    _say("videos")
    with tempfile.TemporaryDirectory() as folder:
        videos = (
            real_videos(data, effort.video_frames // 4)
            if data
            else [generated_video(Path(folder), effort.video_frames)]
        )
        variants = [light, heavy[0]] if on_cuda else [light]
        results["frames_per_second"] = compare_trackers(variants, device, videos, effort.video_rounds)
    if on_cuda:
        _say("masks against the CPU's")
        results["cuda"] = check(light, device, effort.video_frames, FRAME_SIZE)._asdict()
        _say("device time")
        results["device_ms"] = {one.name: device_milliseconds(one, device, effort.repeats) for one in (heavy[0], light)}
    _say("peak memory")
    results["peak_memory"] = measure_peaks([heavy[0].name, light.name], device)
    _say("long run")
    long = long_run(light, device, effort.long_frames)
    results["long_run"] = asdict(long)
    results["ratios"] = _ratios(frames, starts, results["objects"], results["frames_per_second"], long)
    results["ratios"] |= {f"{name}_device_ms": value for name, value in results.get("device_ms", {}).items()}
    results["minutes"] = (time.perf_counter() - began) / 60
    return results


def _ratios(
    frames: dict[str, dict[int, Comparison]],
    starts: dict[str, Comparison],
    objects: dict[str, float],
    speeds: dict[str, float],
    long: LongRun,
) -> dict[str, float]:
    """What the targets are stated in; `init` is that of the variant that gains less."""
    return {
        "r50_T20": frames["r50"][20].ratio,
        "r50_T60": frames["r50"][60].ratio,
        "r50_own_pass_T20": frames["r50, own pass"][20].ratio,
        "r50_own_pass_T60": frames["r50, own pass"][60].ratio,
        "lite_T20": frames["lite"][20].ratio,
        "lite_T60": frames["lite"][60].ratio,
        **{f"{name}_fps": speeds[name] for name in ("lite", "r50") if name in speeds},
        **{f"lite_{size}_fps": speeds[f"lite, patch {size}"] for size in OTHER_PATCHES},
        "flat_time": long.late_ms / long.early_ms,
        "flat_rss_mb": long.late_mb - long.early_mb,
        "init": min(one.ratio for one in starts.values()),
        "init_r50": starts["r50"].ratio,
        "init_lite": starts["lite"].ratio,
        f"objects{OBJECTS}": objects[f"{OBJECTS} objects"] / objects["one object"],
    }


def _say(what: str) -> None:
    print(f"samn bench: {what}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn bench", description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--quick", action="store_true", help="three minutes instead of fifteen; rougher")
    parser.add_argument("--data", type=Path, help="development sequences for the videos; default: a generated one")
    parser.add_argument("--frames", type=positive, help="length of the long run")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--threads", type=within(0, 1024), default=0, help="of torch on the CPU; default: torch's own choice"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
