"""Small data sets and configurations made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from training_pictures import picture, write


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """`stills/{img,mask}` with 4 pictures and `clips/{a,b}/{img,mask}` with 8 frames each; masks are 0 and 255."""
    root = tmp_path / "data"
    for number in range(4):
        image, labels = picture(number)
        write(root / "stills" / "img" / f"{number}.jpg", image)
        write(root / "stills" / "mask" / f"{number}.png", labels * 255)
    for number, name in enumerate("ab"):
        for frame in range(8):
            image, labels = picture(number, x=30 + 5 * frame)
            write(root / "clips" / name / "img" / f"{frame:05d}.jpg", image)
            write(root / "clips" / name / "mask" / f"{frame:05d}.png", labels * 255)
    return root


@pytest.fixture
def small_config(small_data: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Writes a tiny training configuration over `small_data`, with extra TOML text at its top."""

    def make(extra: str = "") -> Path:
        path = tmp_path / "small.toml"
        path.write_text(extra + CONFIG.format(root=small_data))
        return path

    return make


CONFIG = """
variant = "samn-lite"
data_root = "{root}"

[run]
iterations = 6
batch = 2
size = 64
final_size = 80
final_share = 0.34
threads = 1
workers = 0
log_every = 2
checkpoint_every = 2

[optimiser]
rate = 1e-3
schedule = "cosine"
warmup = 1
trunk_factor = 0.5
frozen = "stem"
weight_decay = 1e-4

[sampling]
longest_gap = 3

[[sets]]
name = "stills"
path = "stills"
binary = true
paste = 1.0
still = 1.0
background = 1.0

[[sets]]
name = "clips"
reader = "sequences"
path = "clips"
binary = true
clip = 1.0
"""
