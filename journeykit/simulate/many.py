"""A method run on many worlds: in processes, with the same answers on any number of them."""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_whole
from journeykit.errors import ArgumentError, JourneyKitError, JourneyKitWarning, MethodError
from journeykit.simulate.part import with_settings
from journeykit.simulate.processes import available, pool
from journeykit.simulate.world import World, chosen_parts, world
from journeykit.stats import mix

if TYPE_CHECKING:
    Method = Callable[[World], pd.DataFrame]

#: Worlds a process is handed at a time: few enough for the bar to move.
_MOST_AT_A_TIME = 25
#: Hand-outs a process gets at least, so that none waits long for the last one.
_TURNS = 4
#: Bits of a world's own seed, short enough to be typed and to be exact in JSON.
_SEED_BITS = 48


@dataclass(frozen=True, slots=True)
class Plan:
    """Which method runs on which worlds.

    Attributes
    ----------
    method : callable
    columns : tuple of tuple of str
        Columns the method's frame must have; of each inner tuple, one.
    customers, days, seed : int
    settings : mapping of str to object
    parts : tuple of str or None
    """

    method: Method
    columns: tuple[tuple[str, ...], ...]
    customers: int
    days: int
    seed: int
    settings: Mapping[str, object]
    parts: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method said of one world: a frame, or why it could say nothing."""

    frame: pd.DataFrame | None
    reason: str = ""


def seed_of(number: int, /, *, seed: int) -> int:
    """Return the seed of world `number` of a run with `seed`."""
    return int(mix(np.array([number]), seed=seed)[0] >> np.uint64(64 - _SEED_BITS))


def method_name(method: object, /) -> str:
    """Return what a method is called, for messages and provenance."""
    return getattr(method, "__qualname__", None) or repr(method)


def answers(
    plan: Plan, /, *, worlds: int, processes: int | None, progress: bool
) -> tuple[Answer, ...]:
    """Run the method on all worlds; answers are in the order of the worlds' numbers.

    Raises
    ------
    ArgumentError
        Arguments out of range, a method that does not return the frame it should, or one that
        cannot be sent to other processes.
    MethodError
        The method failed otherwise than by a `JourneyKitError`; or a process died.
    """
    check_whole("worlds", worlds, least=1)
    if processes is not None:
        check_whole("processes", processes, least=1)
    # What is wrong with the world is told before any process starts.
    with_settings(chosen_parts(plan.parts), plan.settings)
    wanted = processes or available()
    size = max(1, min(_MOST_AT_A_TIME, worlds // (wanted * _TURNS)))
    chunks = [range(low, min(low + size, worlds)) for low in range(0, worlds, size)]
    found: list[Answer] = []
    with _bar(worlds, progress) as advance:
        for part in _in_turn(plan, chunks, min(wanted, len(chunks))):
            found += part
            advance(len(part))
    return tuple(found)


def _in_turn(plan: Plan, chunks: Sequence[range], processes: int) -> Iterator[list[Answer]]:
    if processes == 1:
        yield from ([_answer(plan, number) for number in chunk] for chunk in chunks)
        return
    sent = _pickled(plan)
    try:
        with pool(processes, begin=_begin, given=(sent,)) as workers:
            yield from workers.map(_answers, chunks)
    except BrokenProcessPool as error:
        raise MethodError(
            "A worker process died. It may have run out of memory; or the method cannot be "
            "imported where it runs: define it in a module, and in a script call this under "
            "`if __name__ == '__main__':`. With `processes=1` no other process is needed."
        ) from error


def _pickled(plan: Plan) -> bytes:
    name = method_name(plan.method)
    try:
        sent = pickle.dumps(plan)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"The method {name} cannot be sent to other processes: {error}. Define it by name at "
            "the top of a module, or use `processes=1`."
        ) from error
    main = sys.modules["__main__"]
    if b"__main__" in sent and not hasattr(main, "__file__"):
        raise ArgumentError(
            f"The method {name} is defined in a notebook or at a prompt, where other processes "
            "cannot find it. Put it into a module and import it, or use `processes=1`."
        )
    return sent


#: The plan of a worker process, set once when it begins.
_given: list[Plan] = []


def _begin(sent: bytes) -> None:
    _given[:] = [pickle.loads(sent)]  # noqa: S301 (we pickled it)


def _answers(numbers: range) -> list[Answer]:
    return [_answer(_given[0], number) for number in numbers]


def _answer(plan: Plan, number: int) -> Answer:
    seed = seed_of(number, seed=plan.seed)
    made = world(
        customers=plan.customers,
        seed=seed,
        settings=plan.settings,
        parts=plan.parts,
        days=plan.days,
    )
    try:
        with warnings.catch_warnings():
            # Said of one world in a thousand it helps nobody; the scores tell whether it matters.
            warnings.simplefilter("ignore", JourneyKitWarning)
            frame = plan.method(made)
    except JourneyKitError as error:
        return Answer(None, f"{type(error).__name__}: {error}")
    except Exception as error:
        where = "".join(
            f", {key}={value!r}"
            for key, value in (
                ("settings", dict(plan.settings)),
                ("parts", plan.parts),
                ("days", plan.days),
            )
        )
        raise MethodError(
            f"The method {method_name(plan.method)} failed in world {number}: "
            f"{type(error).__name__}: {error}. The world is "
            f"world(customers={plan.customers}, seed={seed}{where})."
        ) from error
    _check_frame(plan, frame)
    return Answer(frame)


def _check_frame(plan: Plan, frame: object) -> None:
    name = method_name(plan.method)
    if not isinstance(frame, pd.DataFrame):
        raise ArgumentError(
            f"The method {name} must return a pandas.DataFrame; got {type(frame).__name__}."
        )
    for columns in plan.columns:
        if not set(columns) & set(frame.columns):
            wanted = " or ".join(f"`{column}`" for column in columns)
            raise ArgumentError(
                f"The method {name} must return a column {wanted}; "
                f"got {', '.join(map(str, frame.columns)) or 'none'}."
            )


def _nothing(_: int) -> None:
    """Move no bar."""


@contextmanager
def _bar(worlds: int, progress: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error; give what moves it on."""
    if not progress:
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Worlds", total=worlds)
        yield lambda done: bar.advance(task, done)
