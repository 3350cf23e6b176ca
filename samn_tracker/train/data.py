"""From a configuration's data sets to the sample maker, and to a packed file."""

from __future__ import annotations

from pathlib import Path

from samn_tracker.errors import DatasetError
from samn_tracker.train.config import TrainConfig
from samn_tracker.train.layouts import open_set
from samn_tracker.train.pool import WeightedSource
from samn_tracker.train.samples import SampleMaker
from samn_tracker.train.sources import Source, read_pack, write_pack


def open_sources(config: TrainConfig) -> list[Source]:
    """Every data set of the configuration, from its packed file if it has one, else from disk.

    Raises:
        DatasetError: a data set is missing or empty; the message names its file or folder.
    """
    if not config.pack:
        return [open_set(one, Path(config.data_root)) for one in config.sets]
    packed = read_pack(config.pack)
    missing = [one.name for one in config.sets if one.name not in packed]
    if missing:
        raise DatasetError(f"{config.pack} lacks the data sets {', '.join(missing)} (it holds {', '.join(packed)})")
    return [packed[one.name] for one in config.sets]


def make_samples(config: TrainConfig) -> SampleMaker:
    """The sample maker over all data sets; raises as `open_sources`."""
    weighted = [
        WeightedSource(source, one.paste, one.still, one.clip, one.background)
        for source, one in zip(open_sources(config), config.sets, strict=True)
    ]
    return SampleMaker(weighted, config.sampling)


def pack(config: TrainConfig, path: Path, quality: int) -> str:
    """Write all data sets to one file; returns what it holds, a line a data set."""
    sources = open_sources(config)
    write_pack(sources, path, {one.name: one.longest_side for one in config.sets}, quality)
    lines = [f"{source.name}: {len(source)} labelled images, {len(source.clips)} clips" for source in sources]
    return "\n".join([*lines, f"{path}: {path.stat().st_size / 2**20:.1f} MiB"])
