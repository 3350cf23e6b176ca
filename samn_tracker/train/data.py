"""From a configuration's data sets to the sample maker."""

from __future__ import annotations

from pathlib import Path

from samn_tracker.errors import DatasetError
from samn_tracker.train.config import SetConfig, TrainConfig
from samn_tracker.train.readers import FileSource, folder, sequences
from samn_tracker.train.samples import SampleMaker, WeightedSource
from samn_tracker.train.sources import Source, read_pack


def make_samples(config: TrainConfig) -> SampleMaker:
    """Open every data set of the configuration.

    Raises:
        DatasetError: a data set is missing or empty; the message names its file or folder.
    """
    packed = read_pack(config.pack) if config.pack else {}
    weighted = []
    for one in config.sets:
        source: Source | None = packed.get(one.name) if config.pack else open_source(one, Path(config.data_root))
        if source is None:
            raise DatasetError(f"{config.pack} holds no data set '{one.name}' (it holds {', '.join(packed)})")
        weighted.append(WeightedSource(source, one.paste, one.still, one.clip, one.background))
    return SampleMaker(weighted, config.sampling)


def open_source(one: SetConfig, root: Path) -> FileSource:
    """The reader of one data set on disk."""
    layout = {"folder": folder, "sequences": sequences}[one.reader]
    return layout(one.name, root / one.path, one.images, one.masks, one.binary)
