"""Trackers by name: the text after `--tracker` becomes an object with `initialize` and `track`, and an identity.

samn-lite, samn-r50, samn-base      shipped weights of this project
PATH.safetensors                    weights of your own
opencv-mil, opencv-csrt, opencv-kcf OpenCV's trackers
opencv-nano, opencv-vit             OpenCV's NanoTrack and ViT, with the files of their networks as settings
package.module:factory              your tracker: factory() returns an object with initialize() and track()
trax:COMMAND, got10k:..., ...       trackers of other makes: `samn_tracker.runner.adapters`
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from samn_tracker.answers import CheckedTracker
from samn_tracker.errors import ConfigError, EnvironmentProblemError
from samn_tracker.files import sha256
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.adapters import FILLED, WRAPPERS, Filled, StartsFrom, create_process, is_process, process_hash
from samn_tracker.runner.opencv_trackers import (
    OPENCV_NETWORKS,
    OPENCV_TRACKERS,
    create_opencv_network,
    create_opencv_tracker,
    network_files,
)
from samn_tracker.settings import to_dict

SPEC_HELP = "samn-lite|samn-r50|PATH.safetensors|opencv-mil|opencv-csrt|opencv-kcf|opencv-nano|opencv-vit|"
SPEC_HELP += "package.module:factory|trax:COMMAND|trackers.ini:NAME|got10k:module:factory|pytracking:module:factory|"
SPEC_HELP += "filled:TRACKER"
_CORE = Path(__file__).resolve().parents[1]
_PACKAGES = ("samn-tracker", "numpy", "opencv-python", "opencv-contrib-python")
_NETWORK_PACKAGES = ("torch", "POT")
_DECIDING = ("core", "memory", "model", "runtime", "shapes", "images.py", "loading.py", "prediction.py", "settings.py")


def create_tracker(spec: str, device: str = "auto", overrides: Mapping[str, str] | None = None) -> TrackerProtocol:
    """The tracker named by `spec`.

    Args:
        spec: as in the module's header.
        device: "auto", "cpu" or "cuda[:n]"; handed to this project's trackers and to factories that take `device`.
        overrides: settings; dotted keys for this project's trackers, keyword arguments for factories.

    Raises:
        ConfigError: the specification, the factory or an override is not usable.
        EnvironmentProblemError: the tracker needs a package that is not installed.
        WeightsError: the weights are missing or do not fit.
    """
    return checked_tracker(spec, make_tracker(spec, device, overrides))


def checked_tracker(spec: str, tracker: Any) -> TrackerProtocol:
    """The tracker that `spec` made; the answers of one that is not this project's are checked (`samn_tracker.answers`).

    Raises:
        ConfigError: it lacks a method of the contract.
    """
    missing = [name for name in ("initialize", "track") if not callable(getattr(tracker, name, None))]
    if missing:
        raise ConfigError(
            f"{spec} returned a {type(tracker).__name__} without {' and '.join(missing)}(); "
            "a tracker has initialize(image, target) and track(image), which return a Prediction or a box"
        )
    own = is_own(spec) or _is_opencv(spec)
    if own:
        return cast(TrackerProtocol, tracker)
    if spec.startswith(FILLED):
        return cast(TrackerProtocol, Filled(checked_tracker(spec.removeprefix(FILLED), tracker)))
    start = getattr(tracker, "start", None)
    return CheckedTracker(StartsFrom(tracker, start) if isinstance(start, str) else tracker, spec)


def make_tracker(spec: str, device: str = "auto", overrides: Mapping[str, str] | None = None) -> Any:
    """What `spec` makes, whatever methods it has; arguments and errors as of `create_tracker`."""
    overrides = dict(overrides or {})
    if spec in OPENCV_TRACKERS:
        _refuse_overrides(spec, overrides)
        return create_opencv_tracker(spec)
    if spec in OPENCV_NETWORKS:
        return create_opencv_network(spec, overrides)
    if is_own(spec):
        return _load_own_tracker(spec, device, overrides)
    if spec.startswith(FILLED):
        return make_tracker(spec.removeprefix(FILLED), device, overrides)
    if is_process(spec):
        return create_process(spec, overrides)
    for prefix, wrapper in WRAPPERS.items():
        if spec.startswith(prefix):
            return wrapper(make_tracker(spec.removeprefix(prefix), device, overrides))
    factory = load_factory(spec)
    if "device" in _parameters(factory):
        overrides.setdefault("device", device)
    try:
        return factory(**overrides)
    except TypeError as error:
        raise ConfigError(f"{spec} could not be called with {overrides or 'no arguments'}: {error}") from error


def describe_tracker(spec: str, device: str = "auto", overrides: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What decides the tracker's answers, as a JSON-able dictionary: two equal identities mean comparable results.

    Keys: `tracker` (the specification, weights paths reduced to the file's name), `weights_sha256` and `header_sha256`
    (None without weights; the header holds the model, the settings, int8's ranges and the hash of the parameters),
    `training_data` (what that header names; of this project's trackers only),
    `preset` (whose rules: the one asked for, or the weights file's own name),
    `code_sha256` (of the rooms that decide what this project's tracker answers, or of the factory's module; None for
    OpenCV), `config`, `overrides`, `packages` (name to version) and `device` ("cpu" or "cuda...", resolved; or that the
    factory takes none).

    Raises:
        As `create_tracker`.
    """
    overrides = dict(overrides or {})
    names = _PACKAGES if _is_opencv(spec) else _PACKAGES + _NETWORK_PACKAGES
    identity: dict[str, Any] = {
        "tracker": spec,
        "weights_sha256": None,
        "header_sha256": None,
        "code_sha256": None,
        "config": {},
        "overrides": overrides,
        "packages": {name: found for name in names if (found := _version(name))},
        "device": "cpu",
    }
    if spec in OPENCV_TRACKERS:
        _refuse_overrides(spec, overrides)
        return identity
    if spec in OPENCV_NETWORKS:
        hashes = {path.name: sha256(path) for path in network_files(spec, overrides)}
        return identity | {"overrides": hashes, "weights_sha256": "+".join(hashes.values())}
    if is_own(spec):
        return identity | _own_identity(spec, overrides) | {"device": _resolved_device(device)}
    if is_process(spec):
        return identity | {"code_sha256": process_hash(spec, overrides), "device": "the tracker's own choice"}
    for prefix in (FILLED, *WRAPPERS):
        if spec.startswith(prefix):
            return describe_tracker(spec.removeprefix(prefix), device, overrides) | {"tracker": spec}
    factory = load_factory(spec)
    chosen = _resolved_device(device) if "device" in _parameters(factory) else "the tracker's own choice"
    return identity | {"code_sha256": _source_hash(factory), "device": chosen}


def load_factory(spec: str) -> Callable[..., Any]:
    """The callable named `package.module:factory`; the working directory is searched too.

    Raises:
        ConfigError: the text has another form, or names nothing callable.
        EnvironmentProblemError: the module cannot be imported.
    """
    module_name, colon, attribute = spec.partition(":")
    if not (colon and module_name and attribute):
        raise ConfigError(f"no tracker is called '{spec}'; give one of {SPEC_HELP}")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise EnvironmentProblemError(
            f"the module '{module_name}' of --tracker {spec} cannot be imported: {error}; "
            "install it, or run from the folder that contains it"
        ) from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        raise ConfigError(f"'{attribute}' in {module_name} is not callable; name the factory of your tracker")
    return factory


def is_own(spec: str) -> bool:
    """Whether the specification names this project's tracker: a shipped variant or a weights file."""
    return spec.startswith("samn-") or spec.endswith(".safetensors")


def _is_opencv(spec: str) -> bool:
    return spec in OPENCV_TRACKERS or spec in OPENCV_NETWORKS


def _own_identity(spec: str, overrides: Mapping[str, str]) -> dict[str, Any]:
    tracker = _load_own_tracker(spec, "cpu", overrides)
    return {
        "tracker": Path(spec).name,
        "weights_sha256": tracker.info.sha256,
        "header_sha256": tracker.info.header_sha256,
        "training_data": list(tracker.info.training_data),
        "code_sha256": _own_code_hash(),
        "preset": overrides.get("preset", tracker.info.name),
        "config": to_dict(tracker.config),
    }


def _load_own_tracker(spec: str, device: str, overrides: Mapping[str, str]) -> Any:
    """Imported here and by name, so that this layer neither depends on the tracker nor needs torch for scoring."""
    settings = dict(overrides)
    training_weights = settings.pop("training_weights", "false") == "true"
    preset = settings.pop("preset", None)
    load_tracker = importlib.import_module("samn_tracker").load_tracker
    return load_tracker(spec, device=device, overrides=settings, preset=preset, training_weights=training_weights)


def _own_code_hash() -> str:
    """sha256 over the sources that decide what this project's tracker answers, its presets included."""
    digest = hashlib.sha256()
    for place in _DECIDING:
        found = (_CORE / place).rglob("*") if (_CORE / place).is_dir() else [_CORE / place]
        for source in sorted(path for path in found if path.suffix in (".py", ".toml")):
            digest.update(source.relative_to(_CORE).as_posix().encode() + source.read_bytes())
    return digest.hexdigest()


def _source_hash(factory: Callable[..., Any]) -> str | None:
    try:
        source = inspect.getsourcefile(factory)
    except TypeError:
        return None
    return sha256(Path(source)) if source else None


def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}


def _refuse_overrides(spec: str, overrides: Mapping[str, str]) -> None:
    if overrides:
        raise ConfigError(f"{spec} has no settings, got {', '.join(overrides)}; leave --set out")


def _resolved_device(device: str) -> str:
    if device != "auto":
        return device
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
