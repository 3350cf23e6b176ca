"""The toolkit's own download, from a server on this machine."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest

if find_spec("vot") is None:
    pytest.skip("the VOT toolkit is not installed (pip install samn-tracker[vot])", allow_module_level=True)

from workspaces import polygon, write_images

from samn_tracker.errors import DatasetError
from vot_workspace.__main__ import main
from vot_workspace.create import create
from vot_workspace.download import download
from vot_workspace.workspace import Workspace

LENGTH = 3


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: standard error is what the tests look at."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of `folder`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def write_release(folder: Path, names: list[str]) -> None:
    """A data set as the challenge's server has it: a description, and two archives a sequence."""
    described = []
    for name in names:
        parts = {"annotations": folder / "annotations" / name, "color": folder / "images" / name}
        write_images(parts["color"], LENGTH)
        parts["annotations"].mkdir(parents=True)
        rows = [",".join(map(str, polygon(step))) for step in range(LENGTH)]
        (parts["annotations"] / "groundtruth.txt").write_text("\n".join(rows))
        for part, source in parts.items():
            with zipfile.ZipFile(folder / f"{name}_{part}.zip", "w") as archive:
                for path in sorted(source.iterdir()):
                    archive.write(path, path.name)
        channel = {"url": f"{name}_color.zip", "uncompressed": 1, "pattern": "%08d.jpg"}
        annotations = {"url": f"{name}_annotations.zip", "uncompressed": 1, "uid": name}
        described.append({"name": name, "fps": 30, "annotations": annotations, "channels": {"color": channel}})
    (folder / "description.json").write_text(json.dumps({"name": "small", "sequences": described}))


def workspace_of(folder: Path, address: str) -> Workspace:
    create(folder, "demo", [])
    with (folder / "stack.yaml").open("a") as stack:
        stack.write(f"dataset: {address}/description.json\n")
    return Workspace(folder)


def test_a_download_that_broke_off_goes_on_and_no_sequence_stays_without_images(tmp_path: Path) -> None:
    write_release(tmp_path / "release", ["a", "b"])
    missing = tmp_path / "release" / "b_color.zip"
    shutil.move(missing, tmp_path / "kept.zip")
    with served(tmp_path / "release") as address:
        workspace = workspace_of(tmp_path / "w", address)
        with pytest.raises(DatasetError, match=r"description\.json are not all here.*goes on with the download"):
            download(workspace, "SAMN")
        shutil.move(tmp_path / "kept.zip", missing)
        download(workspace, "SAMN")
    assert {name: len(item.frames) for name, item in workspace.sequences.items()} == {"a": LENGTH, "b": LENGTH}
    download(workspace, "SAMN")  # the server is gone: nothing is asked for again


def test_without_a_connection_the_address_and_the_other_way_are_told(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "w", "http://127.0.0.1:1")
    with pytest.raises(DatasetError, match=r"http://127\.0\.0\.1:1/description\.json .*create --data"):
        download(workspace, "SAMN")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rules", "demo"], "the rules 'demo' have no data to download: give --data"),
        (["--sequences", "bag"], "--sequences chooses from --data"),
    ],
)
def test_what_cannot_be_downloaded_is_a_wrong_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["create", str(tmp_path / "w"), *arguments])
    assert ended.value.code == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
