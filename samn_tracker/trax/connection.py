"""The connection to a TraX client, which may hang up without a quit.

The TraX library does not notice that. At the end of its input it waits at full processor load for the frame that
belongs to an initialisation, or fails with numbers of uninitialised memory. So a thread passes the input on, and says
quit where the client no longer can.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from samn_tracker.errors import EnvironmentProblemError, SamnError
from samn_tracker.trax.options import REGION_KINDS
from samn_tracker.trax.stream_guard import StreamGuard

IMAGE_KINDS = ("path", "memory", "buffer")
_QUIT = b"@@TRAX:quit"
# The quotation mark and the line breaks end what was cut off in the middle.
_FAREWELL = b'"\n\n' + _QUIT + b" \n"
_CHUNK = 1 << 16
_PAUSE = 0.2


class Connection:
    """A TraX server on the guarded streams, or on the local port that `TRAX_SOCKET` names.

    Raises:
        EnvironmentProblemError: nobody listens at that port.
    """

    def __init__(self, guard: StreamGuard, tracker_name: str, several: bool = False) -> None:
        import trax.server
        from trax._ctypes import trax_server_setup_file_v

        incoming, outgoing = guard.protocol_in, guard.protocol_out
        if "TRAX_SOCKET" in os.environ:
            incoming = outgoing = _connect(os.environ["TRAX_SOCKET"])
        self._input = ClientInput(incoming)
        setup = trax.server.trax_server_setup_v
        trax.server.trax_server_setup_v = lambda metadata, logger, flags: trax_server_setup_file_v(
            metadata, self._input.descriptor, outgoing, logger, flags
        )
        try:
            self._server = trax.server.Server(
                list(REGION_KINDS), list(IMAGE_KINDS), tracker_name=tracker_name, multiobject=several
            )
        finally:
            trax.server.trax_server_setup_v = setup

    def wait(self) -> Any:
        """The client's next request.

        Raises:
            SamnError: it hung up without a quit, or sent what is no TraX message.
        """
        import trax

        request, fault = None, None
        try:
            request = self._server.wait()
        except trax.TraxException as error:
            fault = error
        if self._input.hung_up and (request is None or request.type == "quit"):
            raise SamnError("the client hung up without a quit; its own messages say why")
        if request is None:
            raise SamnError(f"the client sent what is no TraX message ({fault}); see its log")
        return request

    def status(self, objects: Sequence[tuple[Any, Mapping[str, str]]]) -> None:
        """Answer a request."""
        self._server.status(list(objects))

    def quit(self, reason: str) -> None:
        """Tell the client why this is the end."""
        self._server.quit(reason)


class ClientInput:
    """What a client sends, with quit messages after its end.

    Attributes:
        descriptor: to read from.
        hung_up: whether the client's input ended, and not with a quit.
    """

    def __init__(self, source: int) -> None:
        self.hung_up = False
        self.descriptor, writer = os.pipe()
        threading.Thread(target=self._copy, args=(source, writer), name="trax-input", daemon=True).start()

    def _copy(self, source: int, writer: int) -> None:
        """Until nobody reads: more than one quit, as the first may be taken for the end of a broken message."""
        pause, end = threading.Event(), b""
        try:
            while data := os.read(source, _CHUNK):
                end = (end + data)[-4 * len(_QUIT) :]
                _write_all(writer, data)
        except OSError:  # a socket whose other end was killed
            end = b""
        self.hung_up = _QUIT not in end
        try:
            while not pause.wait(_PAUSE):
                _write_all(writer, _FAREWELL)
        except OSError:
            os.close(writer)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _connect(port: str) -> int:
    """A descriptor connected to a port of this machine."""
    try:
        connected = socket.create_connection(("127.0.0.1", int(port)))
    except (OSError, ValueError, OverflowError) as error:
        raise EnvironmentProblemError(
            f"no TraX client listens at TRAX_SOCKET={port} ({error}); name the port of one, or unset TRAX_SOCKET"
        ) from None
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected.detach()
