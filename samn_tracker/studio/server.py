"""The studio's page, its frames and its WebSocket, for who has the token of the printed address."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from samn_tracker.errors import SamnError
from samn_tracker.studio.commands import parse
from samn_tracker.studio.session import Event, Session

PAGE = Path(__file__).with_name("page.html")
WAITING = 2000
"""Events that wait for a slow page; beyond, it is shown the whole project anew."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Hub:
    """Gives the session's events, which come from any thread, to every page that is open.

    Attributes:
        session: set once, before the first page.
        pages: the open pages in the order in which they came; the first may change things.
    """

    session: Session

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers = ThreadPoolExecutor(1, thread_name_prefix="studio")

    def open(self) -> None:
        """Events are given to the pages of the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def tell(self, event: Event) -> None:
        """Give an event to every page; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._give, event)

    async def do(self, name: str, values: dict[str, Any]) -> None:
        """Carry out a command of the page, after those that came before."""
        await asyncio.get_running_loop().run_in_executor(self._workers, lambda: getattr(self.session, name)(**values))

    def close(self) -> None:
        """Finish the command that is being carried out, and the session."""
        self._workers.shutdown(cancel_futures=True)
        self.session.close()

    def tell_roles(self) -> None:
        """Tell every page whether it may change things."""
        for page in self.pages:
            page.give({"type": "role", "editor": page is self.pages[0]})

    def _give(self, event: Event) -> None:
        for page in self.pages:
            page.give(event)


class Page:
    """One open page: what it has yet to be told."""

    def __init__(self, hub: Hub, socket: WebSocket) -> None:
        self._hub = hub
        self._socket = socket
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def give(self, event: Event) -> None:
        """Tell the page an event soon."""
        if self._events.qsize() >= WAITING:
            while not self._events.empty():
                self._events.get_nowait()
            event = self._hub.session.about()
        self._events.put_nowait(event)

    async def run(self) -> None:
        """Talk with the page until it is closed."""
        await self._socket.accept()
        self._hub.pages.append(self)
        self._hub.tell_roles()
        self.give(self._hub.session.about())
        telling = asyncio.create_task(self._tell())
        try:
            while True:
                await self._answer(await self._socket.receive())
        except WebSocketDisconnect:
            pass
        finally:
            telling.cancel()
            self._hub.pages.remove(self)
            self._hub.tell_roles()

    async def _tell(self) -> None:
        while True:
            await self._socket.send_text(json.dumps(await self._events.get(), separators=(",", ":")))

    async def _answer(self, message: Message) -> None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        try:
            name, values = parse(message.get("text") or message.get("bytes") or "")
            if self is not self._hub.pages[0]:
                self.give({"type": "error", "text": "another page has this project open; this one only shows it"})
            elif name == "stop":
                self._hub.session.halt()
            else:
                await self._hub.do(name, values)
        except (SamnError, OSError) as error:
            self.give({"type": "error", "text": str(error)})
        except Exception as error:  # a fault of ours: the page says so, and goes on
            self.give({"type": "error", "text": f"{type(error).__name__}: {error}"})


class TokenGuard:
    """Answers 403 to everything that does not bring the token, whatever it asks for."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As any ASGI application."""
        if scope["type"] == "lifespan" or self._brings_token(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before the handshake: the answer is 403
        else:
            text = "the token is missing or wrong; open the address that samn studio printed\n"
            await PlainTextResponse(text, 403, _HEADERS)(scope, receive, send)

    def _brings_token(self, scope: Scope) -> bool:
        fields = [field.partition(b"=") for field in scope.get("query_string", b"").split(b"&")]
        return any(key == b"token" and secrets.compare_digest(value, self._token) for key, _, value in fields)


def create_app(hub: Hub, token: str) -> ASGIApp:
    """The application of the hub's session. Everything but the four addresses below is 404."""

    def page(_: Request) -> Response:
        return FileResponse(PAGE, media_type="text/html; charset=utf-8", headers=_HEADERS)

    def frame(request: Request) -> Response:
        index = request.path_params["index"]
        if index >= hub.session.store.count:
            return PlainTextResponse(f"there is no frame {index}\n", 404, _HEADERS)
        try:
            return Response(hub.session.store.picture(index), media_type="image/jpeg", headers=_HEADERS)
        except SamnError as error:
            return PlainTextResponse(f"{error}\n", 500, _HEADERS)

    def answers(request: Request) -> Response:
        index = request.path_params["index"]
        if index >= hub.session.store.count:
            return PlainTextResponse(f"there is no frame {index}\n", 404, _HEADERS)
        return JSONResponse(hub.session.answers(index), headers=_HEADERS)

    async def socket(websocket: WebSocket) -> None:
        await Page(hub, websocket).run()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        hub.open()
        yield

    routes = [
        Route("/", page),
        Route("/frame/{index:int}", frame),
        Route("/answers/{index:int}", answers),
        WebSocketRoute("/socket", socket),
    ]
    return TokenGuard(Starlette(routes=routes, lifespan=lifespan), token)
