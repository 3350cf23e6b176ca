"""What is in weights files, and conversion from and to the published layout.

Examples:
  samn weights list
  samn weights verify samn-lite
  samn weights describe mine.safetensors --preset samn-lite --training-data davis16/cows --licence "for research"
  samn weights average late.safetensors later.safetensors mean.safetensors    often better than either
  samn weights convert SAMN.tar samn.safetensors --as samn     the authors' checkpoint; the result goes to --tracker
  samn weights convert STM_weights.pth stm.safetensors --as stm    a start for training, not for tracking
  samn weights export samn.safetensors ours.pth           and back, for the authors' code
  samn weights export samn-lite folder --to openvino      quantised, for programs without torch; --to onnx as well

Exit codes: 0 done; 1 a file is missing, damaged, of another model or not the shipped one; 2 wrong command line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from samn_tracker.core.config import CONVERTED_PRESET, TrackerConfig, preset_names, tracking_settings
from samn_tracker.errors import ConfigError, WeightsError
from samn_tracker.files import refuse_what_is_read
from samn_tracker.loading import find_weights
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.published import LAYOUTS, Layout, export_published, import_published
from samn_tracker.model.weights import describe_weights, load_weights, read_info, save_weights
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.runtime.export import export_onnx, export_openvino
from samn_tracker.settings import add_settings, key_values, merge, to_dict
from samn_tracker.shipped import SHIPPED_WEIGHTS, shipped_hashes


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn weights ...`; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return int(arguments.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="samn weights", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("list", help="the shipped weights").set_defaults(run=_list)
    for name, run, text in (
        ("info", _info, "print all that a file says of itself as JSON"),
        ("verify", _verify, "load a file completely and check it against the shipped hash, if it is a shipped one"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("weights", help="a shipped name or a .safetensors file")
        command.set_defaults(run=run)
    convert = commands.add_parser("convert", help="published checkpoint (SAMN.tar, STM_weights.pth) to .safetensors")
    convert.add_argument("checkpoint", type=Path, help="as the authors publish it, or as PyTorch saves its state_dict")
    convert.add_argument("output", type=Path, help="the .safetensors file to write")
    convert.add_argument(
        "--as",
        dest="layout",
        choices=sorted(LAYOUTS),
        help="whose network it is; asked for where the file does not say: both have the same names and shapes",
    )
    convert.add_argument("--float32", action="store_true", help="keep full precision; default is float16")
    convert.set_defaults(run=_convert)
    describe = commands.add_parser(
        "describe",
        help="write what a file says of itself anew, its parameters unchanged; int8's ranges are measured here, once",
    )
    describe.add_argument("weights", help="a shipped name or a .safetensors file")
    describe.add_argument("output", type=Path, nargs="?", help="the file to write; default the same one")
    describe.add_argument("--name", help="of the variant; default as it was")
    describe.add_argument("--preset", help="whose settings to track with; default as they were")
    describe.add_argument("--training-data", action="append", metavar="NAME", help="set or set/sequence; repeatable")
    describe.add_argument("--licence", metavar="TEXT", help="the terms of use")
    describe.add_argument("--note", action="append", default=[], metavar="KEY=VALUE", help="a fact of its origin")
    add_settings(describe, "a setting to track with, on top of the preset")
    describe.set_defaults(run=_describe)
    average = commands.add_parser("average", help="the mean of several states of one training, as a file of its own")
    average.add_argument("weights", nargs="+", help="shipped names or .safetensors files of one network, two at least")
    average.add_argument("output", type=Path, help="the .safetensors file to write")
    average.set_defaults(run=_average)
    export = commands.add_parser("export", help="weights for the authors' code, for OpenVINO or for ONNX")
    export.add_argument("weights", help="a shipped name or a .safetensors file; of samn-r50's shape for the authors")
    export.add_argument("output", type=Path, help="the .pth file to write, or the folder for other formats")
    kinds = ("published", "openvino", "onnx")
    export.add_argument("--to", choices=kinds, default="published", help="default: published")
    export.add_argument("--float32", action="store_true", help="OpenVINO and ONNX: no eight bits; default is int8")
    export.set_defaults(run=_export)
    return parser


def _list(arguments: argparse.Namespace) -> int:
    for path in sorted(SHIPPED_WEIGHTS.glob("*.safetensors")):
        info = read_info(path)
        print(f"{info.name}  {path.stat().st_size / 1e6:.1f} MB  sha256 {info.sha256}")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    info = read_info(find_weights(arguments.weights))
    print(json.dumps({**vars(info), "model": to_dict(info.model)}, indent=2))
    return 0


def _describe(arguments: argparse.Namespace) -> int:
    path = find_weights(arguments.weights)
    network, info = load_weights(path)
    tracking = tracking_settings(arguments.preset) if arguments.preset else info.tracking
    if tracking is None:
        raise ConfigError(f"{path} does not say how to track with it; say so with --preset {'|'.join(preset_names())}")
    before = merge(TrackerConfig(model=info.model), tracking)
    new = replace(
        info,
        name=arguments.name or info.name,
        tracking=_merged(tracking, before.with_overrides(key_values(arguments.set)), before),
        ranges=activation_ranges(network),
        training_data=tuple(arguments.training_data or info.training_data),
        licence=arguments.licence or info.licence,
        provenance={**info.provenance, **key_values(arguments.note)},
    )
    output = arguments.output or path
    describe_weights(path, output, new)
    print(f"wrote {output}")
    return 0


def _average(arguments: argparse.Namespace) -> int:
    """The parameters' mean, under the first file's name and settings, the data and the terms of all."""
    paths = [find_weights(one) for one in arguments.weights]
    if len(paths) < 2:
        raise ConfigError("one file has no mean; give two or more, and the file to write behind them")
    refuse_what_is_read(arguments.output, paths, "output")
    loaded = [load_weights(path) for path in paths]
    network, first = loaded[0]
    for path, (_, info) in zip(paths, loaded, strict=True):
        if info.model != first.model:
            raise WeightsError(f"{path} is of another network than {paths[0]}; average states of one training")
    states = [one.state_dict() for one, _ in loaded]
    mean = {
        key: torch.stack([state[key].float() for state in states]).mean(0).to(value.dtype)
        for key, value in states[0].items()
    }
    network.load_state_dict(mean)
    provenance = {"averaged": [info.provenance for _, info in loaded]}
    data = sorted({one for _, info in loaded for one in info.training_data})
    save_weights(
        arguments.output,
        network,
        first.name,
        provenance,
        tracking=first.tracking,
        training_data=data,
        licence="; ".join(dict.fromkeys(info.licence for _, info in loaded)),
        ranges=activation_ranges(network),
    )
    print(f"wrote {arguments.output}, the mean of {len(paths)}")
    return 0


def _merged(tracking: dict[str, Any], wanted: TrackerConfig, before: TrackerConfig) -> dict[str, Any]:
    """The settings by section, with those that are other ones in `wanted` than `before`."""
    merged = {section: dict(values) for section, values in tracking.items()}
    now, then = to_dict(wanted), to_dict(before)
    for section, values in now.items():
        changed = {key: value for key, value in values.items() if value != then[section][key]}
        if changed and section in ("model", "runtime"):
            raise ConfigError(f"{section}.{next(iter(changed))} is no setting of tracking; a file cannot change it")
        if changed:
            merged.setdefault(section, {}).update(changed)
    return merged


def _verify(arguments: argparse.Namespace) -> int:
    path = find_weights(arguments.weights)
    _, info = load_weights(path)
    listed = shipped_hashes().get(path.name) if path.parent == SHIPPED_WEIGHTS else None
    if listed is not None and listed != info.sha256:
        print(f"{path.name} has sha256 {info.sha256}, but the package lists {listed}; reinstall it", file=sys.stderr)
        return 1
    print(f"{path.name}: complete, finite, fits its model; sha256 {info.sha256}")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    refuse_what_is_read(arguments.output, [arguments.checkpoint], "output")
    network, layout = import_published(arguments.checkpoint, arguments.layout)
    dtype = torch.float32 if arguments.float32 else torch.float16
    name = variant_of(network.config, layout)
    save_weights(
        arguments.output,
        network,
        name,
        {"source": arguments.checkpoint.name, "layout": layout},
        dtype,
        tracking=tracking_settings(CONVERTED_PRESET if network.config.aggregate_single else name),
        ranges=activation_ranges(network),
    )
    print(f"wrote {arguments.output}")
    if layout == "stm":
        print("these weights start a training (start.weights); they do not track like SAMN's", file=sys.stderr)
    return 0


def variant_of(model: ModelConfig, layout: Layout) -> str:
    """The name under which converted weights are known: STM's own, SAMN's by their preset, or trained here."""
    if layout == "stm":
        return "stm"
    return CONVERTED_PRESET if model == LAYOUTS["samn"] else "samn-r50"


def _export(arguments: argparse.Namespace) -> int:
    path = find_weights(arguments.weights)
    refuse_what_is_read(arguments.output, [path], "output")
    network, info = load_weights(path)
    written = [arguments.output]
    if arguments.to == "published":
        export_published(network, arguments.output)
    else:
        write = export_openvino if arguments.to == "openvino" else export_onnx
        ranges = None if arguments.float32 else info.ranges or activation_ranges(network)
        written = write(network, arguments.output, ranges)
    print("\n".join(f"wrote {one}" for one in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
