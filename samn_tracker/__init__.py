"""SAMN: a segmentation-based visual object tracker, and runners for the field's benchmarks.

The names below load on first use, so that scoring results needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from samn_tracker.errors import SamnError
from samn_tracker.prediction import Prediction

if TYPE_CHECKING:
    from samn_tracker.app.generator import track_video
    from samn_tracker.core.config import TrackerConfig
    from samn_tracker.core.tracker import Tracker
    from samn_tracker.loading import load_tracker
    from samn_tracker.shapes.points import Points

__version__ = "0.2.0"
__all__ = [
    "Points",
    "Prediction",
    "SamnError",
    "Tracker",
    "TrackerConfig",
    "__version__",
    "load_tracker",
    "track_video",
]

_LAZY = {
    "Tracker": "samn_tracker.core.tracker",
    "TrackerConfig": "samn_tracker.core.config",
    "Points": "samn_tracker.shapes.points",
    "load_tracker": "samn_tracker.loading",
    "track_video": "samn_tracker.app.generator",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'samn_tracker' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
