"""Readers of foreign bytes answer or raise one of our errors, whatever they are given."""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from pathlib import Path

import fuzz_campaign
import pytest
import torch
from fuzz_campaign import fuzz, input_bytes
from fuzz_parsers import Parser, all_parsers

from samn_tracker.errors import DatasetError, ResultError, WeightsError
from samn_tracker.model.weights import read_tensors
from samn_tracker.runner.lint import LARGEST_FILE, ZipSource
from samn_tracker.runner.run_folder import RunFolder
from vot_workspace.layouts import read_dataset
from vot_workspace.trajectory import parse_region


@pytest.fixture(scope="module")
def parsers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parser]:
    return {parser.name: parser for parser in all_parsers(tmp_path_factory.mktemp("seeds"))}


def test_every_reader_survives_damaged_input(parsers: dict[str, Parser], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts = {}
        for index, (name, parser) in enumerate(parsers.items()):
            (folder := tmp_path / str(index)).mkdir()
            with fuzz_campaign.quiet_below_python():
                counts[name] = fuzz(parser, 100, folder, seed=1)
    crashes = {name: count.crashes for name, count in counts.items() if count.crashed}
    assert not crashes
    assert len(counts) >= 20


def test_every_reader_accepts_a_seed_and_refuses_damage(parsers: dict[str, Parser], tmp_path: Path) -> None:
    """Otherwise the campaign would knock at closed doors only."""
    # they answer with a list of faults, or take what they can use
    never_whole = {"run record", "result rows", "TrackingNet results", "VOT tag", "studio's answers.jsonl"}
    for index, (name, parser) in enumerate(parsers.items()):
        (folder := tmp_path / str(index)).mkdir()
        with fuzz_campaign.quiet_below_python():
            count = fuzz(parser, len(parser.seeds) + 40, folder, seed=2)
        assert count.accepted, name
        assert count.refused or name in never_whole, name


def test_inputs_repeat(parsers: dict[str, Parser]) -> None:
    parser = parsers["tracker TOML"]
    first = [input_bytes(parser, 5, number) for number in range(50)]
    assert first == [input_bytes(parser, 5, number) for number in range(50)]
    assert first != [input_bytes(parser, 6, number) for number in range(50)]


def test_a_crash_and_a_hang_are_counted(tmp_path: Path) -> None:
    def crash(data: bytes, folder: Path) -> None:
        raise ZeroDivisionError("of no use")

    def hang(data: bytes, folder: Path) -> None:
        while True:
            pass

    assert fuzz(Parser("crash", [b"a"], crash), 3, tmp_path).crashes[0] == (0, "ZeroDivisionError: of no use")
    count = fuzz(Parser("hang", [b"a"], hang), 1, tmp_path, limit=0.05)
    assert count.crashes == [(0, "TooSlowError: longer than 0.05 s")]
    text = fuzz_campaign.table({"hang": count})
    assert "TooSlowError" in text


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_campaign_of_a_hundred_thousand_inputs_a_reader(capsys: pytest.CaptureFixture[str]) -> None:
    counts = fuzz_campaign.campaign(100_000, seed=0, only=[])
    with capsys.disabled():
        print("\n" + fuzz_campaign.table(counts))
    assert not any(count.crashed for count in counts.values())


class _Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, bytes]]:
        return Path.write_bytes, (self.path, b"the pickle ran")  # type: ignore[return-value]


@pytest.mark.parametrize("wrapped", [False, True])
def test_hostile_checkpoint_is_refused_and_does_not_run(tmp_path: Path, wrapped: bool) -> None:
    mark = tmp_path / "mark"
    hostile = _Hostile(mark)
    torch.save({"state_dict": {"a": torch.zeros(1), "b": hostile}} if wrapped else hostile, tmp_path / "hostile.pt")
    assert pickle.loads(pickle.dumps(hostile)) and mark.exists(), "the pickle is harmless, so the test says nothing"
    mark.unlink()
    with pytest.raises(WeightsError, match="refused"):
        read_tensors(tmp_path / "hostile.pt")
    assert not mark.exists()


def test_archive_that_leaves_its_folder_is_a_fault_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../escape.txt", "/absolute.txt", "a\\..\\..\\escape.txt", "good/good_001.txt"):
            archive.writestr(name, "1,2,3,4\n")
    source = ZipSource(path)
    assert sorted(fault.file for fault in source.faults()) == [
        "../escape.txt",
        "/absolute.txt",
        "a\\..\\..\\escape.txt",
    ]
    assert [source.read(name) for name in source.names()]
    assert [one.name for one in tmp_path.iterdir()] == ["results.zip"]


def test_archive_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("one.txt", "w") as stream:
        for _ in range(LARGEST_FILE // (1 << 20) + 1):
            stream.write(bytes(1 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(ResultError, match="unpacks to"):
        ZipSource(path).read("one.txt")


def test_archive_that_lies_about_its_size_gives_no_more_than_it_says(tmp_path: Path) -> None:
    path = tmp_path / "lie.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.txt", bytes(1 << 20))
    data = path.read_bytes()
    path.write_bytes(data.replace((1 << 20).to_bytes(4, "little"), (16).to_bytes(4, "little")))
    with pytest.raises(ResultError, match="damaged"):
        ZipSource(path).read("one.txt")


def test_mask_bomb_is_refused() -> None:
    with pytest.raises(ResultError, match="larger than any image"):
        parse_region("m0,0,1000000,1000000,1000000000000")


def test_run_lengths_that_overflow_are_refused() -> None:
    huge = 2**63 - 1
    with pytest.raises(ResultError):
        parse_region(f"m0,0,2,3,{huge},{huge},8")


def test_index_with_paths_for_names_is_refused(tmp_path: Path) -> None:
    entry = '{"gt_rect": [[1, 2, 3, 4]], "width": 9, "height": 9}'
    (tmp_path / "VOT2018.json").write_text(f'{{"../../escape": {entry}, "good": {entry}}}')
    with pytest.raises(DatasetError, match=r"'\.\./\.\./escape' is a path"):
        read_dataset(tmp_path)


def _record_of(run: Path, file: str) -> None:
    (run / "records").mkdir(parents=True)
    facts = {"bytes": 4, "sha256": "0" * 64}
    record = {
        "sequence": "one",
        "configuration": "c",
        "input": "i",
        "frames": 1,
        "seconds": 1.0,
        "files": {file: facts},
    }
    (run / "records" / "one.json").write_text(json.dumps(record))


def test_record_that_names_files_outside_of_the_run_counts_as_missing(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    run = tmp_path / "run"
    _record_of(run, "../outside.txt")
    assert RunFolder(run).damage("one") == "missing"
    assert RunFolder(run).records() == {}
    assert outside.read_text() == "mine"


@pytest.mark.parametrize("letter", ["a", "ä"])
def test_record_that_names_a_file_longer_than_a_file_system_takes_counts_as_missing(
    tmp_path: Path, letter: str
) -> None:
    _record_of(tmp_path, "results/" + letter * 255 + "b")
    assert RunFolder(tmp_path).damage("one") == "missing"
