"""A tracker's process and its TraX messages: every wait has an end, and what it said is kept."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import IO

from samn_tracker.errors import TrackerProcessError
from samn_tracker.trax.messages import Message, format_message, parse_message

_CHUNK = 1 << 16
_MUCH = 1 << 20  # bytes of anything else than messages in one answer
_LONGEST = 1 << 26
"""Bytes of a message; a mask of as many runs as the largest pictures could have takes less."""
_SHOWN_LINES = 20
_SHOWN_BYTES = 4096
_FAREWELL = 1.0


class TrackerProcess:
    """A started process that speaks TraX on its standard streams, in a session of its own.

    It is ended with this object, or with our process.

    Raises:
        TrackerProcessError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], timeout: float) -> None:
        self._timeout = timeout
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._noise = b""
        self._buffer = b""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **environment},
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise TrackerProcessError(f"the tracker {command[0]} cannot be started: {error.strerror}") from None
        self._end = weakref.finalize(self, _end, self._process)

    @property
    def alive(self) -> bool:
        """Whether it can be asked something."""
        return self._process.poll() is None

    def send(self, kind: str, values: Sequence[str] = (), properties: Mapping[str, str] | None = None) -> None:
        """Send a message.

        Raises:
            TrackerProcessError: the process has ended.
        """
        assert self._process.stdin is not None
        if not self.alive:
            raise self._failed(self._ending())
        data = memoryview(format_message(kind, values, properties))
        deadline = time.monotonic() + self._timeout
        descriptor = self._process.stdin.fileno()
        os.set_blocking(descriptor, False)
        try:
            while data:
                if not select.select([], [descriptor], [], max(0.0, deadline - time.monotonic()))[1]:
                    raise self._failed(f"has not read our message in {self._timeout:g} seconds")
                data = data[os.write(descriptor, data) :]
        except OSError:
            raise self._failed(self._ending()) from None

    def receive(self, kind: str) -> Message:
        """The next message, which must be of this kind; other lines are kept as what the tracker printed.

        Raises:
            TrackerProcessError: the process has ended, has not answered in time, or says something else.
        """
        deadline = time.monotonic() + self._timeout
        printed = 0
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                message = parse_message(line.decode(errors="replace"))
                if message is None:
                    self._noise = (self._noise + line + b"\n")[-_SHOWN_BYTES:]
                    printed += len(line)
                elif message.kind == kind:
                    return message
                else:
                    reason = message.properties.get("trax.reason", "")
                    why = f": {_printable(reason)}" if reason else ""
                    raise self._failed(f"answered {message.kind} instead of {kind}{why}")
            elif len(self._buffer) > _LONGEST:
                raise self._failed("answers without end")
            elif printed + len(self._buffer) > _MUCH and b"@@TRAX:" not in self._buffer:
                raise self._failed("prints what is no TraX message")
            else:
                self._buffer += self._read(deadline)

    def close(self) -> None:
        """Say quit, and end it where it does not."""
        with contextlib.suppress(TrackerProcessError, subprocess.TimeoutExpired):
            if self.alive:
                self.send("quit")
                self._process.wait(_FAREWELL)
        self._end()

    def _read(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise self._failed(f"has not answered in {self._timeout:g} seconds")
        data = os.read(descriptor, _CHUNK)
        if not data:
            raise self._failed(self._ending())
        return data

    def _ending(self) -> str:
        try:
            code = self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            return "has closed its output"
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _failed(self, fact: str) -> TrackerProcessError:
        """The error to raise, with the last of what it printed; the process is ended."""
        self._end()
        size = os.fstat(self._errors.fileno()).st_size
        errors = os.pread(self._errors.fileno(), _SHOWN_BYTES, max(0, size - _SHOWN_BYTES))
        said = (self._noise + self._buffer[:_SHOWN_BYTES] + errors).decode(errors="replace").splitlines()
        lines = [_printable(line) for line in said if line.strip()][-_SHOWN_LINES:]
        printed = "; its last words:\n    " + "\n    ".join(lines) if lines else "; it printed nothing"
        return TrackerProcessError(f"the tracker's process {fact}{printed}")


def _printable(text: str) -> str:
    """The text with what would command a terminal, or break a line, spelled out."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and what it started, and take its exit code."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()
