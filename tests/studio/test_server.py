"""The server: who may come in, what there is, limits, one editor at a time, and a page that leaves in the middle."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from samn_tracker.studio.commands import MAXIMUM_MESSAGE

from .conftest import FRAMES, Server

websockets = pytest.importorskip("websockets")

OUTSIDE = [
    "../setup.cfg",
    "..%2f..%2fetc%2fpasswd",
    "frame/../../../../etc/passwd",
    "frame/..%2f..%2fetc%2fpasswd",
    "frame/-1",
    f"frame/{FRAMES}",
    "frame/0/../../page.html",
    "answers/%2e%2e%2fproject.json",
    "answers/99999999999999999999",
    "project.json",
    "static/page.html",
    "page.html",
]


def status(address: str, path: str | None = None) -> int:
    """The status of a GET whose path is sent as it is, dots and all."""
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc, timeout=20)
    connection.request("GET", f"/{path}?{parts.query}" if path is not None else address)
    return connection.getresponse().status


def talk(server: Server, conversation: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with websockets.connect(server.address("socket", scheme="ws"), max_size=None) as socket:
            return await conversation(socket)

    return asyncio.run(asyncio.wait_for(run(), 60))


async def until(socket: Any, kind: str) -> dict[str, Any]:
    """The next event of this kind; those before it are skipped."""
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        if event["type"] == kind:
            return event


async def ask(socket: Any, kind: str, **values: Any) -> None:
    await socket.send(json.dumps({"type": kind, **values}))


def test_only_loopback_is_listened_at_by_default() -> None:
    from samn_tracker.studio.command import parser

    assert parser().parse_args(["film.mp4"]).host == "127.0.0.1"


@pytest.mark.parametrize("token", [None, "", "wrong", "a-token-of-the-test"])
@pytest.mark.parametrize("path", ["", "frame/0", "answers/0", "nothing", "frame/../../etc/passwd"])
def test_without_the_token_everything_is_403(server: Server, token: str | None, path: str) -> None:
    assert status(server.address("", token), path) == 403


def test_a_socket_without_the_token_is_403(server: Server) -> None:
    async def knock() -> None:
        async with websockets.connect(server.address("socket", "wrong", "ws")):
            raise AssertionError("let in")

    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        asyncio.run(knock())
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", OUTSIDE)
def test_what_is_not_there_is_404_whatever_the_path(server: Server, path: str) -> None:
    assert status(server.address(), path) == 404


def test_the_page_needs_nothing_from_elsewhere_and_may_not_fetch_it(server: Server) -> None:
    with urllib.request.urlopen(server.address()) as reply:
        page, policy = reply.read().decode(), reply.headers["Content-Security-Policy"]
    assert "http://" not in page and "https://" not in page and "@import" not in page
    assert "default-src 'none'" in policy


def test_frames_are_jpeg_files(server: Server) -> None:
    with urllib.request.urlopen(server.address("frame/3")) as reply:
        assert reply.headers["Content-Type"] == "image/jpeg"
        assert reply.read()[:2] == b"\xff\xd8"
    with urllib.request.urlopen(server.address("answers/3")) as reply:
        assert json.load(reply) == {}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("x" * (MAXIMUM_MESSAGE + 1), "too long"),
        ("{", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("[]", "unknown command"),
        ('{"type": "close"}', "unknown command"),
        ('{"type": "__init__"}', "unknown command"),
        ('{"type": "point", "object": 1, "frame": 0, "point": [1], "positive": true}', "point missing or impossible"),
        ('{"type": "point", "object": 1, "frame": 0, "point": [NaN, 2], "positive": true}', "point missing"),
        ('{"type": "box", "object": true, "frame": 1.5, "box": "abcd"}', "object, frame, box missing"),
        ('{"type": "track", "frame": 99, "forwards": true}', "no object is marked"),
        ('{"type": "point", "object": 9, "frame": 0, "point": [1, 2], "positive": true}', "there is no object 9"),
        ('{"type": "save", "kinds": "exe"}', "nothing to save"),
    ],
)
def test_an_impossible_message_is_an_error_and_the_page_goes_on(server: Server, message: str, words: str) -> None:
    async def conversation(socket: Any) -> dict[str, Any]:
        await until(socket, "project")
        await socket.send(message)
        error = await until(socket, "error")
        await ask(socket, "add_object", name="still here")
        project = await until(socket, "project")
        assert [one["name"] for one in project["objects"]] == ["still here"]
        return error

    assert words in talk(server, conversation)["text"]


def test_a_message_that_closes_the_connection_leaves_the_server(server: Server) -> None:
    async def conversation(socket: Any) -> int | None:
        await until(socket, "project")
        await socket.send("x" * (2 << 20))
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await until(socket, "error")
        return socket.close_code

    assert talk(server, conversation) == 1009
    assert talk(server, lambda socket: until(socket, "project"))["frames"] == FRAMES


def test_a_second_page_is_read_only_until_the_first_is_closed(server: Server) -> None:
    async def run() -> None:
        address = server.address("socket", scheme="ws")
        async with websockets.connect(address) as first:
            assert (await until(first, "role"))["editor"]
            async with websockets.connect(address) as second:
                assert not (await until(second, "role"))["editor"]
                await ask(second, "add_object", name="mine")
                assert "another page has this project open" in (await until(second, "error"))["text"]
                await ask(first, "add_object", name="first's")
                while not (project := await until(second, "project"))["objects"]:
                    pass
                assert project["objects"][0]["name"] == "first's", "it shows what the first does"
                await first.close()
                assert (await until(second, "role"))["editor"]

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_page_that_is_closed_in_mid_track_loses_nothing(server: Server) -> None:
    async def begin(socket: Any) -> None:
        await ask(socket, "add_object", name="disk")
        await ask(socket, "point", object=1, frame=0, point=[40, 60], positive=True)
        await until(socket, "answers")
        await ask(socket, "track", frame=0, forwards=True)
        await until(socket, "answers")  # and away

    talk(server, begin)
    server.hub.session.wait()

    async def again(socket: Any) -> dict[str, Any]:
        return await until(socket, "project")

    (disk,) = talk(server, again)["objects"]
    assert disk["prompts"] == [0]
    assert None not in disk["confidences"]
