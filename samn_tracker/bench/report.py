"""The benchmark's figures as a table to read."""

from __future__ import annotations

from typing import Any

_CONSTANT = {"flat_time": "<= 1.05", "flat_rss_mb": "<= 16"}
TARGETS = {
    "cpu": {
        "r50_T20": ">= 6",
        "r50_T60": ">= 10",
        "lite_fps": ">= 30",
        **_CONSTANT,
        "init": ">= 5",
        "objects5": "<= 2.5",
    },
    "cuda": {"r50_device_ms": "<= 3", "r50_fps": ">= 200", "lite_fps": ">= 400", **_CONSTANT},
}
"""What two CPU cores, and what an H200, should reach."""


def table(results: dict[str, Any]) -> str:
    """Every section, one after the other."""
    sections = [_machine, _frames, _parts, _starts, _objects, _videos, _peaks, _long_run, _ratios]
    return "\n\n".join("\n".join(section(results)) for section in sections)


def _machine(results: dict[str, Any]) -> list[str]:
    machine = results["machine"]
    weights = ", ".join(f"{name}: {source}" for name, source in results["weights"].items())
    return [
        f"{machine['processor']}, {machine['cores']} cores, products by {', '.join(machine['products']) or 'nothing'}",
        f"device {machine['device']}, {machine['torch_threads']} torch threads, load {machine['load_average']}",
        f"torch {machine['torch']}, OpenCV {machine['opencv']}, Python {machine['python']}",
        f"weights: {weights}",
    ]


def _frames(results: dict[str, Any]) -> list[str]:
    lines = [f"{'one frame, ms':<24}{'stored':>8}{'reference':>11}{'product':>9}{'ratio':>7}"]
    for name, by_stored in results["frames"].items():
        for stored, one in by_stored.items():
            lines.append(f"{name:<24}{stored:>8}{one['reference']:>11.1f}{one['product']:>9.1f}{one['ratio']:>7.2f}")
    return lines


def _parts(results: dict[str, Any]) -> list[str]:
    columns: dict[str, dict[str, float]] = {}
    for name, by_stored in results["frames"].items():
        columns[f"{name} reference"] = by_stored["T20"]["reference_parts"]
        columns[name] = by_stored["T20"]["product_parts"]
    parts = dict.fromkeys(part for column in columns.values() for part in column)
    lines = [f"{'parts at T20, ms':<24}" + "".join(f"{name:>25}" for name in columns)]
    for part in parts:
        lines.append(f"{part:<24}" + "".join(f"{column.get(part, 0.0):>25.1f}" for column in columns.values()))
    return lines


def _starts(results: dict[str, Any]) -> list[str]:
    lines = [f"{'start of a sequence, ms':<32}{'reference':>11}{'product':>9}{'ratio':>7}"]
    for name, one in results["starts"].items():
        lines.append(f"{name:<32}{one['reference']:>11.0f}{one['product']:>9.0f}{one['ratio']:>7.2f}")
    return lines


def _objects(results: dict[str, Any]) -> list[str]:
    return ["several objects, lite, ms", *(f"{name:<32}{value:>11.1f}" for name, value in results["objects"].items())]


def _videos(results: dict[str, Any]) -> list[str]:
    speeds = results["frames_per_second"]
    return ["from JPEG files to answers, frames/s", *(f"{name:<32}{value:>11.1f}" for name, value in speeds.items())]


def _peaks(results: dict[str, Any]) -> list[str]:
    lines = [f"{'peak memory at T60, MB':<32}{'resident':>11}{'device':>9}"]
    for name, sides in results["peak_memory"].items():
        for side, peak in sides.items():
            lines.append(f"{f'{name} {side}':<32}{peak['resident_mb']:>11.0f}{peak['device_mb']:>9.0f}")
    return lines


def _long_run(results: dict[str, Any]) -> list[str]:
    run = results["long_run"]
    title = f"long run, {run['frames']} frames"
    return [
        f"{title:<32}{'ms':>11}{'RSS MB':>9}{'device MB':>11}",
        f"{'early':<32}{run['early_ms']:>11.1f}{run['early_mb']:>9.1f}{run['early_device_mb']:>11.1f}",
        f"{'late':<32}{run['late_ms']:>11.1f}{run['late_mb']:>9.1f}{run['late_device_mb']:>11.1f}",
        f"target found in {run['found']:.1%} of the frames",
    ]


def _ratios(results: dict[str, Any]) -> list[str]:
    targets = TARGETS["cuda" if results["machine"]["gpu"] else "cpu"]
    lines = [f"{'ratios':<32}{'measured':>11}{'target':>9}"]
    for name, value in results["ratios"].items():
        lines.append(f"{name:<32}{value:>11.2f}{targets.get(name, ''):>9}")
    return [*lines, f"measured in {results['minutes']:.1f} minutes"]
