"""Where the product's packages lie, for tests that read their sources."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "samn_tracker",
    "vot_workspace",
    "got10k_runner",
    "trackingnet_runner",
    "davis_runner",
    "ope_runner",
    "vos_runner",
)
