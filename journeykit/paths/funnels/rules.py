"""What makes a funnel: its steps, their order, their windows, what ends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from journeykit.checks import check_choice, check_whole
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import microseconds
from journeykit.journeys.pattern import touchpoints
from journeykit.paths.funnels.kernels import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

Order = Literal["ordered", "strict", "unordered"]
Entry = Literal["closed", "open"]
Start = Literal["first", "any", "last"]
Duration = str | timedelta


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Touchpoints that must not come between two steps.

    Attributes
    ----------
    touchpoints : str
        A class of the search language, such as ``support | complaint``.
    after, before : int
        Not between step `after` (from 1) and step `before`, by default the last; an event that
        itself is taken as a step is not excluded.
    """

    touchpoints: str
    after: int = 1
    before: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """A funnel over names, for the kernel.

    Attributes
    ----------
    steps : tuple of str
    order, entry, start
    reentry, shared_events : bool
    step : array of bool, shape (k, m)
        Which touchpoints each step is.
    exclude : array of bool, shape (k - 1, m)
        Which must not come between a step and the next.
    leaving : array of bool, shape (m,)
    lo, hi : arrays of int64, shape (k - 1,)
        Least and most microseconds from each step to the next.
    within, at_least : int
        Most microseconds from the first step to any, least from the first to the last.
    """

    steps: tuple[str, ...]
    order: Order
    entry: Entry
    start: Start
    reentry: bool
    shared_events: bool
    step: NDArray[np.bool_]
    exclude: NDArray[np.bool_]
    leaving: NDArray[np.bool_]
    lo: NDArray[np.int64]
    hi: NDArray[np.int64]
    within: int
    at_least: int

    @property
    def timed(self) -> bool:
        """Whether any window is declared."""
        stepwise = bool(self.lo.any()) or bool((self.hi < NEVER).any())
        return stepwise or bool(self.within < NEVER) or self.at_least > 0

    @property
    def begins(self) -> NDArray[np.bool_]:
        """Which touchpoints an attempt can begin with, shape (m,)."""
        anywhere = self.entry == "open" or self.order == "unordered"
        return np.asarray(self.step.any(axis=0) if anywhere else self.step[0])

    @property
    def settles(self) -> bool:
        """Whether an attempt that cannot go on is over for good: no later start replaces it."""
        return self.reentry or self.start != "any"

    def closes(self, step: int) -> bool:
        """Say whether a window ends the waiting for `step` (from 1)."""
        limited = bool(self.within < NEVER) or bool((self.hi[: step - 1] < NEVER).all())
        return self.settles and limited


def funnel_rules(
    names: Sequence[str],
    *,
    steps: Sequence[str],
    order: Order,
    entry: Entry,
    start: Start,
    within: Duration | None,
    at_least: Duration | None,
    step_within: Duration | Sequence[Duration | None] | None,
    step_at_least: Duration | Sequence[Duration | None] | None,
    exclude: str | Sequence[Exclusion],
    leaving: str | None,
    reentry: bool,
    shared_events: bool,
) -> Rules:
    """Read and check the options of `funnel`."""
    if isinstance(steps, str) or len(steps) < 2:
        raise ArgumentError(f"`steps` must be a list of at least two steps; got {steps!r}.")
    check_choice("order", order, ("ordered", "strict", "unordered"))
    check_choice("entry", entry, ("closed", "open"))
    check_choice("start", start, ("first", "any", "last"))
    gaps, m = len(steps) - 1, len(names)
    rules = Rules(
        steps=tuple(steps),
        order=order,
        entry=entry,
        start=start,
        reentry=reentry,
        shared_events=shared_events,
        step=np.stack([touchpoints(text, names) for text in steps]),
        exclude=_excluded(exclude, names, gaps, order),
        leaving=np.zeros(m, dtype=bool) if leaving is None else touchpoints(leaving, names),
        lo=_limits("step_at_least", step_at_least, gaps, 0),
        hi=_limits("step_within", step_within, gaps, int(NEVER)),
        within=int(NEVER) if within is None else microseconds("within", within),
        at_least=0 if at_least is None else microseconds("at_least", at_least),
    )
    _check(rules)
    return rules


def _limits(
    name: str,
    given: Duration | Sequence[Duration | None] | None,
    gaps: int,
    without: int,
) -> NDArray[np.int64]:
    each = [given] * gaps if given is None or isinstance(given, str | timedelta) else list(given)
    if len(each) != gaps:
        raise ArgumentError(
            f"`{name}` must be one duration, or one for each of the {gaps} gaps between steps "
            f"(None for no limit); got {len(each)}."
        )
    read = [without if limit is None else microseconds(name, limit) for limit in each]
    return np.array(read, dtype=np.int64)


def _excluded(
    exclude: str | Sequence[Exclusion], names: Sequence[str], gaps: int, order: Order
) -> NDArray[np.bool_]:
    listed = [Exclusion(exclude)] if isinstance(exclude, str) else list(exclude)
    table = np.zeros((gaps, len(names)), dtype=bool)
    for one in listed:
        before = gaps + 1 if one.before is None else one.before
        check_whole("after", one.after, least=1, most=gaps)
        check_whole("before", before, least=one.after + 1, most=gaps + 1)
        if order == "unordered" and (one.after, before) != (1, gaps + 1):
            raise ArgumentError(
                "`exclude` must hold from the first step to the last where steps have no order; "
                f"got step {one.after} to {before}."
            )
        table[one.after - 1 : before - 1] |= touchpoints(one.touchpoints, names)
    if order == "strict":
        if listed:
            raise ArgumentError(
                "`exclude` must be left out for strict order, where nothing may come between."
            )
        table[:] = True
    return table


def _check(rules: Rules) -> None:
    """Refuse what contradicts itself or has no meaning."""
    if (rules.lo > rules.hi).any() or rules.lo.sum() > rules.within:
        raise ArgumentError("`step_at_least` must not exceed `step_within` and `within` together.")
    longest = sum(int(gap) for gap in rules.hi)
    if rules.at_least > min(rules.within, longest):
        raise ArgumentError("`at_least` must not exceed `within`, nor all of `step_within` added.")
    if (rules.leaving & rules.step.any(axis=0)).any():
        raise ArgumentError("`leaving` must not name a touchpoint that is also a step.")
    unordered, opened = rules.order == "unordered", rules.entry == "open"
    wrong = (
        (rules.reentry and rules.start == "last", "`reentry` needs `start` 'first' or 'any'"),
        (unordered and rules.start == "last", "without order `start` must be 'first' or 'any'"),
        (opened and rules.start == "last", "an open funnel needs `start` 'first' or 'any'"),
        (unordered and opened, "without order every step is an entry: `entry` must be 'closed'"),
        (
            unordered and (rules.lo.any() or (rules.hi < NEVER).any() or rules.at_least > 0),
            "without order there is one window, `within`: step windows and `at_least` need order",
        ),
        (opened and rules.at_least > 0, "`at_least` needs a closed funnel"),
        (
            rules.reentry and rules.start == "any" and (unordered or rules.at_least > 0 or opened),
            "`reentry` with `at_least`, without order or in an open funnel needs `start` 'first'",
        ),
        (
            rules.order == "strict" and rules.shared_events,
            "in strict order each step is an event of its own: `shared_events` must be false",
        ),
    )
    for contradiction, message in wrong:
        if contradiction:
            raise ArgumentError(f"{message}.")
