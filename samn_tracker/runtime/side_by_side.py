"""Two pieces of work at once on a CPU, each on its share of torch's threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

# A thread that asks torch for the first time takes the process's number, whatever was set in it before.
_pool = ThreadPoolExecutor(1, "beside", initializer=torch.get_num_threads)


@contextmanager
def beside(work: Callable[[], object], at_once: bool = True) -> Iterator[None]:
    """`work` runs on half of torch's threads, what is inside on the others; at the end both are done.

    Threads that share a network wait for each other in every layer. Two networks at once, each on half of the threads,
    are done sooner than one after the other on all. Unless `at_once`, or with a single thread, `work` is done first.

    Raises:
        Exception: that of `work`, at the end, unless what is inside raised one.
    """
    threads = torch.get_num_threads()
    if not at_once or threads == 1:
        work()
        yield
        return
    working = _pool.submit(_on_threads, threads // 2, work)
    torch.set_num_threads(threads - threads // 2)
    try:
        yield
    finally:
        error = working.exception()  # waits until it is done
        torch.set_num_threads(threads)
    if error is not None:
        raise error


def _on_threads(threads: int, work: Callable[[], object]) -> None:
    torch.set_num_threads(threads)
    work()
