"""Worker processes, each started anew: none inherits a lock that a thread holds at the moment."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def pool(
    processes: int, /, *, begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """Return a pool of processes, each of which calls `begin` with `given` once.

    They are spawned, not forked: Arrow, DuckDB and BLAS have threads, and a fork copies their
    locks without them.
    """
    return ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=begin, initargs=given
    )


def available() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
