"""How every command line begins and ends: usable streams, signals that stop it alike, errors as sentences.

Exit codes: what the command returns; 1 an error of ours, or output that nobody can take; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from samn_tracker.errors import SamnError, StorageError

INTERRUPTED = 130
GO_ON = "interrupted; run the same command again to go on"

_EXTRAS = {
    **dict.fromkeys(("av", "cv2", "numpy", "openvino", "ot", "PIL", "safetensors", "shapely", "torch", "tqdm"), ""),
    **dict.fromkeys(("attributee", "trax", "vot", "yaml"), "vot"),
    **dict.fromkeys(("pycocotools", "tensorboard"), "train"),
    **dict.fromkeys(("starlette", "uvicorn", "websockets"), "studio"),
    "got10k": "got10k",
    "matplotlib": "report",
    "skimage": "demo",
}
"""The extra that brings a package, by the name that is imported; empty for what is always needed."""

_SHOWN = 100
_LONG_WORD = re.compile(r"\S{1500,}")
"""What a sentence repeats of the input at its beginning and end alone; the longest path is shorter in most systems."""

_STOPPING = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK")
"""What ends a program as Ctrl-C does: `kill`, a closed terminal, a dropped ssh, Ctrl-\\, Windows' closed console."""


def run_program(name: str, command: Callable[[], int], interrupted: str = GO_ON) -> int:
    """The exit code of `command`; what goes wrong on purpose is one sentence on stderr that begins with `name`.

    Args:
        interrupted: what to say when Ctrl-C or one of its kind ends it.
    """
    with usable_streams(), stopping_signals():
        try:
            try:
                return int(command())
            finally:
                sys.stdout.flush()
        except SamnError as error:
            return _failed(name, str(error))
        except ModuleNotFoundError as error:
            sentence = _missing(error)
            if sentence is None:
                raise
            return _failed(name, sentence)
        except BrokenPipeError:  # what reads our output has ended, as `head` does
            _silence(sys.stdout)
            return 1
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            return _failed(name, f"{place}{error.strerror or error}; check its permissions and the room on its disk")
        except MemoryError:
            return _failed(name, "there is not enough memory; end other programs, or give smaller pictures")
        except KeyboardInterrupt:
            print(f"{name}: {interrupted}", file=sys.stderr)
            return INTERRUPTED


def _missing(error: ModuleNotFoundError) -> str | None:
    """What to do about a package that is not installed; None where that is a fault of the program."""
    package = (error.name or "").split(".")[0]
    if package not in _EXTRAS:
        return None
    extra = _EXTRAS[package]
    return f"this needs {package}, which is not installed: pip install 'samn-tracker{f'[{extra}]' if extra else ''}'"


def _failed(name: str, sentence: str) -> int:
    print(f"{name}: {_LONG_WORD.sub(_shortened, sentence)}", file=sys.stderr)
    return 1


def _shortened(word: re.Match[str]) -> str:
    return f"{word[0][:_SHOWN]}...{word[0][-_SHOWN:]}"


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Inside, SIGTERM, SIGHUP, SIGQUIT and Windows' SIGBREAK are a KeyboardInterrupt, as Ctrl-C is.

    A second one of them is ignored while the first is answered: a closed terminal sends several. What is ignored from
    outside, as SIGHUP is under `nohup`, stays so. In other threads than the main one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _STOPPING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in taken:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def usable_streams() -> Iterator[None]:
    """Inside, messages on stderr never stop a program, and lost output on stdout is a StorageError, never silence.

    Descriptors 0, 1 and 2 that are closed are opened on nothing: the next file would get their number, and be written
    by whatever prints. BrokenPipeError stays as it is.
    """
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout = _guarded(before[0], 1, forgiving=False)
    sys.stderr = _guarded(before[1], 2, forgiving=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Stream:
    """A text stream with another answer to failing writes; everything else is the stream's own."""

    def __init__(self, stream: Any, forgiving: bool) -> None:
        self._stream = stream
        self._forgiving = forgiving

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:
            if not self._forgiving:
                raise
            _silence(self._stream)
        except (OSError, ValueError) as error:
            _silence(self._stream)
            if not self._forgiving:
                reason = getattr(error, "strerror", None) or error
                raise StorageError(f"cannot write to standard output: {reason}; let it go elsewhere") from None

    def __getattr__(self, name: str) -> Any:
        if name == "_stream":
            raise AttributeError(name)
        return getattr(self._stream, name)


def _guarded(stream: Any, descriptor: int, forgiving: bool) -> Any:
    if isinstance(stream, _Stream):
        return stream
    if stream is None:  # closed when Python began
        stream = io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), encoding="utf-8", write_through=True)
    return _Stream(stream, forgiving)


def _open_closed_descriptors() -> None:
    """On nothing; standard output so that writing to it fails, and is told."""
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)


def _silence(stream: Any) -> None:
    """Let what is still in the stream's buffer go nowhere, so that Python does not fail over it at its end."""
    with suppress(OSError, ValueError, AttributeError):
        opened = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(opened, stream.fileno())
        finally:
            os.close(opened)
