"""Mark, track and correct objects of your video on a page in your browser.

Examples:
  samn studio holiday.mp4                     opens the page; the project is kept in holiday_studio
  samn studio frames/ --no-browser            prints the page's address only
  samn studio holiday.mp4 --port 8484         always at the same port

The page is for this computer only, and for who has the printed address. Ctrl-C ends; everything is kept.

Exit codes: 0 ended by Ctrl-C; 1 something was wrong; 2 wrong command line.
"""

from __future__ import annotations

import argparse
import secrets
import socket
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from samn_tracker.errors import ConfigError, EnvironmentProblemError
from samn_tracker.files import locked
from samn_tracker.runner.digits import within
from samn_tracker.settings import add_settings, key_values

LOOPBACK = "127.0.0.1"
_LARGEST_FRAME = 1 << 20
"""Bytes of a WebSocket message beyond which the connection itself is closed; `commands.MAXIMUM_MESSAGE` is smaller."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn studio ...` until it is interrupted; returns the exit code.

    Raises:
        SamnError: nothing could be started.
    """
    arguments = parser().parse_args(argv)
    uvicorn = _require_server()
    from samn_tracker.loading import load_tracker  # loads torch, which takes seconds
    from samn_tracker.studio.frames import open_store
    from samn_tracker.studio.project import Project
    from samn_tracker.studio.server import Hub, create_app
    from samn_tracker.studio.session import Session

    overrides = key_values(arguments.set)
    load_tracker(arguments.tracker, arguments.device, overrides)  # a fault is told before the page is opened
    store = open_store(arguments.input)
    folder = arguments.project or _default_folder(arguments.input)
    token, hub = secrets.token_urlsafe(24), Hub()
    with locked(folder, "--project"), _listening(arguments.host, arguments.port) as listener:
        hub.session = Session(
            store,
            Project(folder, store),
            lambda: load_tracker(arguments.tracker, arguments.device, overrides),
            arguments.output or folder / "results",
            hub.tell,
        )
        hub.session.warm_up()
        host, port = listener.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={token}"
        print(address, flush=True)
        print("samn studio: open this address in a browser on this computer; Ctrl-C ends", file=sys.stderr)
        if not arguments.no_browser:
            webbrowser.open(address)
        config = uvicorn.Config(
            create_app(hub, token),
            log_level="warning",
            ws_max_size=_LARGEST_FRAME,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            pass  # how a studio ends
        finally:
            hub.close()
    return 0


def _require_server():  # type: ignore[no-untyped-def]
    try:
        import starlette  # noqa: F401
        import uvicorn
        import websockets  # noqa: F401
    except ImportError as error:
        raise EnvironmentProblemError(
            f"the studio needs {error.name}, which is not installed; run `pip install 'samn-tracker[studio]'`"
        ) from None
    return uvicorn


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # a browser that is quicker than the server waits, and is not refused
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(
            f"nothing can listen at {host} port {port} ({error}); choose another --port, 0 for any that is free"
        ) from None
    return listener


def _default_folder(text: str) -> Path:
    path = Path(text)
    return Path(f"{(path.parent.name if '*' in path.name else path.stem) or 'frames'}_studio")


def parser() -> argparse.ArgumentParser:
    """The command line of `samn studio`."""
    result = argparse.ArgumentParser(
        prog="samn studio", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = result.add_argument
    add("input", help="video file, folder of images, or glob in quotes")
    add("--project", type=Path, metavar="DIR", help="where the work is kept; default NAME_studio here")
    add("--output", type=Path, metavar="DIR", help="where saved results go; default results in the project")
    add("--port", type=within(0, 65535), default=0, metavar="N", help="default 0: any that is free")
    add("--host", default=LOOPBACK, metavar="ADDRESS", help=f"default {LOOPBACK}, this computer only")
    add("--no-browser", action="store_true", help="only print the address")
    add("--tracker", default="samn-lite", metavar="NAME", help="shipped name, or a .safetensors file")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    add_settings(result, "a setting, for instance appearance.interval=10; repeat for several")
    return result


if __name__ == "__main__":
    sys.exit(main())
