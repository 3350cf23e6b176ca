"""Keeps everything that libraries print away from a protocol on standard output.

The TraX client reads our standard output, and the VOT toolkit sends standard error down the same pipe. Text that does
not end in a line break before a TraX message stalls the protocol for ever. So file descriptors 1 and 2 point to a
spool file while a tracker works, and whole lines are passed on to the real standard error between two messages.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import tempfile
from types import TracebackType


class StreamGuard:
    """Takes over file descriptors 0, 1 and 2 of this process; a context manager gives them back.

    Attributes:
        protocol_in, protocol_out: descriptors of the original standard input and output, for the protocol alone.
    """

    def __init__(self) -> None:
        _flush_python()
        self.protocol_in, self.protocol_out, self._stderr = os.dup(0), os.dup(1), os.dup(2)
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the guard)
        self._forwarded = 0
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(self._spool.fileno(), 1)
        os.dup2(self._spool.fileno(), 2)
        with contextlib.suppress(RuntimeError):
            faulthandler.enable(file=self._stderr)

    def forward(self) -> None:
        """Pass on what was printed since the last call, always ending in a line break."""
        _flush_python()
        size = os.fstat(self._spool.fileno()).st_size
        if size == self._forwarded:
            return
        text = os.pread(self._spool.fileno(), size - self._forwarded, self._forwarded)
        self._forwarded = size
        _write_all(self._stderr, text if text.endswith(b"\n") else text + b"\n")

    def close(self) -> None:
        """Forward the rest and give descriptors 0, 1 and 2 back to the process."""
        self.forward()
        faulthandler.disable()
        for original, standard in ((self.protocol_in, 0), (self.protocol_out, 1), (self._stderr, 2)):
            os.dup2(original, standard)
            os.close(original)
        self._spool.close()

    def __enter__(self) -> StreamGuard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _flush_python() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything; a reader that has gone away is no reason to stop tracking."""
    view = memoryview(data)
    with contextlib.suppress(BrokenPipeError):
        while view:
            view = view[os.write(descriptor, view) :]
