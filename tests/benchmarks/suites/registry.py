"""Tasks by name."""

from __future__ import annotations

from collections.abc import Callable

Task = Callable[[str], Callable[[], object]]
#: Each returns, after preparing, the piece of work to be timed; that returns a check value.
TASKS: dict[str, Task] = {}


def task(function: Task) -> Task:
    TASKS[function.__name__] = function
    return function
