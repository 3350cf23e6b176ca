"""A short clip and the real tracker, made quick, behind a studio server that runs in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from samn_tracker.core.tracker import Tracker
from samn_tracker.loading import load_tracker
from samn_tracker.studio.frames import open_store
from samn_tracker.studio.project import Project
from samn_tracker.studio.session import Event, Session

FRAMES = 12
SIZE = (120, 160)
TOKEN = "a-token-of-the-tests"
QUICK = {f"{key}": "96" for key in ("box_start.patch_size", "mask_start.patch_size", "spatial.patch_size")}


def truth(index: int) -> NDArray[np.uint8]:
    """The red disk of a frame as a mask (H, W)."""
    mask = np.zeros(SIZE, dtype=np.uint8)
    cv2.circle(mask, (40 + 4 * abs((index + 20) % 40 - 20), 60), 18, 1, -1)
    return mask


def picture(index: int) -> NDArray[np.uint8]:
    """A frame (H, W, 3) RGB: a red disk that moves to the right, and from frame 20 on back, over green noise."""
    image = np.random.default_rng(index).integers(60, 90, (*SIZE, 3), dtype=np.uint8)
    image[..., 1] += 60
    image[truth(index) > 0] = (220, 30, 40)
    return image


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of the clip's frames."""
    return write_clip(tmp_path_factory.mktemp("clip"), FRAMES)


def write_clip(folder: Path, frames: int) -> list[Path]:
    """Write so many frames, and return their files."""
    paths = [folder / f"{index:03d}.png" for index in range(frames)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), picture(index)[..., ::-1])
    return paths


def make_tracker() -> Tracker:
    """The shipped tracker on small patches."""
    return load_tracker("samn-lite", "cpu", QUICK)


def open_session(clip: list[Path], folder: Path, tell: Callable[[Event], None] = lambda _: None) -> Session:
    """A session of the clip, its project in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(str(clip[0].parent))
    return Session(store, Project(folder, store), make_tracker, folder / "results", tell)


@pytest.fixture
def session(clip: list[Path], tmp_path: Path) -> Iterator[Session]:
    """A session with one object, and without a server; `events` are what it told."""
    made = open_session(clip, tmp_path / "project")
    made.add_object("disk")
    yield made
    made.close()


class Server:
    """A studio that serves in a thread; `begin` puts another clip and project behind the same address.

    Attributes:
        hub: of the session that is open now.
    """

    def __init__(self) -> None:
        import uvicorn

        from samn_tracker.studio.server import Hub, create_app

        self.hub = Hub()
        config = uvicorn.Config(create_app(self.hub, TOKEN), port=0, log_level="error", ws_max_size=1 << 20)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        _wait_until(lambda: self._server.started)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def begin(self, clip: list[Path], folder: Path) -> None:
        """Open a session of the clip, its project in `folder`."""
        self.hub.session = open_session(clip, folder, self.hub.tell)

    def end(self) -> None:
        """Close the session, once every page has gone."""
        _wait_until(lambda: not self.hub.pages)
        self.hub.session.close()

    def address(self, path: str = "", token: str | None = TOKEN, scheme: str = "http") -> str:
        """Of a path, with the token."""
        return f"{scheme}://127.0.0.1:{self.port}/{path}" + ("" if token is None else f"?token={token}")

    def close(self) -> None:
        """End the server."""
        self._server.should_exit = True
        self._thread.join(timeout=20)
        self.hub.close()


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the server does not come to rest"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def studio(clip: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests of a file, its networks warm; skips where what the page needs is not installed."""
    pytest.importorskip("uvicorn", reason="the studio's extra is not installed: pip install 'samn-tracker[studio]'")
    made = Server()
    made.begin(clip, tmp_path_factory.mktemp("warm"))
    made.hub.session.warm_up()
    yield made
    made.close()


@pytest.fixture
def server(studio: Server, clip: list[Path], tmp_path: Path) -> Iterator[Server]:
    """The studio, with a new project of the clip."""
    studio.begin(clip, tmp_path / "project")
    yield studio
    studio.end()
