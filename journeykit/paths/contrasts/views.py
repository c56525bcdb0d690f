"""What is compared: how each view of journeys becomes observations and events of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_whole
from journeykit.counts.kernels import gram_codes
from journeykit.counts.paths import path_keys, path_stops
from journeykit.counts.transitions import ENTRY, EXIT, UNSEEN
from journeykit.errors import ArgumentError
from journeykit.journeys.ending import begins_unseen, is_cut, is_open
from journeykit.paths.funnels.attempts import follow
from journeykit.paths.funnels.kernels import NEVER
from journeykit.paths.sequences.frequent import pattern_texts
from journeykit.paths.sequences.mining import completions, frequent, least_customers
from journeykit.paths.variants import first_seen
from journeykit.stats import Tallies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.paths.contrasts.groups import Side
    from journeykit.paths.funnels.rules import Rules
    from journeykit.paths.sequences.mining import Limits

OTHER = "(other)"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Observations of customers in contexts, and the events among them in cells.

    Attributes
    ----------
    customer, group, context : arrays of int64, shape (n,)
        One entry an observation: the denominators.
    observation, cell : arrays of int64, shape (n_hits,)
        Which observation was an event in which cell.
    labels : mapping of str to array of str, shape (n_cells,)
        What a cell is called, column by column.
    exclusive : bool
        Whether every observation is an event in exactly one cell of its context.
    """

    customer: NDArray[np.int64]
    group: NDArray[np.int64]
    context: NDArray[np.int64]
    observation: NDArray[np.int64]
    cell: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.object_]]
    exclusive: bool

    def tallies(self) -> Tallies:
        """Add up by customer."""
        n_customers = int(self.customer.max(initial=0)) + 1
        key, row = np.unique(self.context * n_customers + self.customer, return_inverse=True)
        n_cells = len(next(iter(self.labels.values())))
        cell_context = np.zeros(n_cells, dtype=np.int64)
        cell_context[self.cell] = self.context[self.observation]
        entry, at = np.unique(self.cell * len(key) + row[self.observation], return_inverse=True)
        side = self.group[self.observation]
        return Tallies(
            cell_context=cell_context,
            context=key // n_customers,
            m=_by_group(row, self.group, len(key)),
            cell=entry // len(key),
            row=entry % len(key),
            x=_by_group(at, side, len(entry)),
        )

    def pooled(
        self,
        rare: NDArray[np.bool_],
        cell_context: NDArray[np.int64],
        shown: NDArray[np.bool_],
    ) -> View:
        """Make the `rare` cells of each context one cell, and leave out cells not `shown`."""
        stays = shown[self.cell]
        cell = self.cell[stays]
        key = np.where(rare[cell], -1 - cell_context[cell], cell)
        kept, code = np.unique(key, return_inverse=True)
        _, example = np.unique(code, return_index=True)
        labels = {name: column[cell[example]] for name, column in self.labels.items()}
        last = list(labels)[-1]
        labels[last][kept < 0] = OTHER
        return View(
            self.customer, self.group, self.context, self.observation[stays], code, labels, True
        )


def _by_group(index: NDArray[np.int64], group: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.bincount(index * 2 + group, minlength=2 * size).reshape(size, 2)


def _joined(
    sides: Sequence[Side], journey: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return customer and group of the observations, given the journey of each, side by side."""
    customer = [side.customer[index] for side, index in zip(sides, journey, strict=True)]
    group = [np.full(len(index), number) for number, index in enumerate(journey)]
    return np.concatenate(customer), np.concatenate(group)


def _exclusive(
    sides: Sequence[Side],
    journey: Sequence[NDArray[np.int64]],
    context: NDArray[np.int64],
    cell: NDArray[np.int64],
    labels: Mapping[str, NDArray[np.object_]],
) -> View:
    customer, group = _joined(sides, journey)
    return View(customer, group, context, np.arange(len(cell)), cell, labels, True)


def transition_view(sides: Sequence[Side], *, order: int) -> View:
    """Observe every step whose successor is known: its context is the last touchpoints."""
    check_whole("order", order, least=1)
    names = sides[0].journeys.names
    m, base = len(names), len(names) + 2
    if base ** (order + 1) >= 2**63:
        raise ArgumentError(f"`order` {order} is too high for {m:,} touchpoints; lower it.")
    codes, journey = [], []
    for side in sides:
        part = side.journeys
        begin = m + begins_unseen(part).astype(np.int64)
        end = m + is_open(part).astype(np.int64)
        step, first = gram_codes(part.touchpoint, part.start, begin, end, order, base)
        # What follows (unseen) is no step: it tells when the watching began.
        known = (step % base != m + 1) & (step // base % base != m + 1)
        codes.append(step[known])
        journey.append(np.repeat(np.arange(len(part)), np.diff(first))[known])
    kinds, cell = np.unique(np.concatenate(codes), return_inverse=True)
    _, context_of = np.unique(kinds // base, return_inverse=True)
    before = np.array([*names, ENTRY, UNSEEN], dtype=object)
    digits = kinds[:, None] // base ** np.arange(order, -1, -1) % base
    source = np.array([" > ".join(before[row[:-1]]) for row in digits], dtype=object)
    target = np.array([*names, EXIT], dtype=object)[digits[:, -1]]
    labels = {"source": source, "target": target}
    return _exclusive(sides, journey, context_of[cell], cell, labels)


def step_view(sides: Sequence[Side], *, steps: int) -> View:
    """Observe where each journey whose beginning was seen is at event 1, 2, ..., `steps`.

    Having ended before is a place of its own; journeys still open before a step are not observed
    at it.
    """
    check_whole("steps", steps, least=1)
    names = sides[0].journeys.names
    m = len(names)
    journey, where = [], []
    for side in sides:
        part = side.journeys
        seen = np.flatnonzero(~begins_unseen(part) if is_cut(part) else part.length >= 0)
        still = is_open(part)[seen]
        observed = []
        for step in range(steps):
            longer = part.length[seen] > step
            there, over = seen[longer], seen[~longer & ~still]
            at = part.touchpoint[part.start[there] + step].astype(np.int64)
            observed += [there, over]
            where.append(step * (m + 1) + np.concatenate([at, np.full(len(over), m)]))
        journey.append(np.concatenate(observed))
    kinds, cell = np.unique(np.concatenate(where), return_inverse=True)
    number, place = kinds // (m + 1), kinds % (m + 1)
    labels = {
        "step": (number + 1).astype(object),
        "touchpoint": np.array([*names, EXIT], dtype=object)[place],
    }
    return _exclusive(sides, journey, number[cell], cell, labels)


def variant_view(sides: Sequence[Side]) -> View:
    """Observe the path of each customer's first journey whose beginning was seen, once it ended.

    Uncut journeys count as they are, as in `variants`.
    """
    keys, journey = [], []
    text: dict[tuple[int, int], str] = {}
    for side in sides:
        part, stop = side.journeys, path_stops(side.journeys)
        chosen = first_seen(part)
        if is_cut(part):
            chosen &= ~is_open(part)
        index = np.flatnonzero(chosen)
        key = path_keys(part, stop)[index]
        names = np.array(part.names, dtype=object)
        for (low, high), one in zip(*_examples(key, index), strict=True):
            text[low, high] = " > ".join(names[part.touchpoint[part.start[one] : stop[one]]])
        keys.append(key)
        journey.append(index)
    kinds, cell = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    paths = np.array([text[low, high] for low, high in kinds.tolist()], dtype=object)
    context = np.zeros(len(cell), dtype=np.int64)
    return _exclusive(sides, journey, context, cell.reshape(-1), {"path": paths})


def _examples(
    key: NDArray[np.uint64], index: NDArray[np.int64]
) -> tuple[list[list[int]], list[int]]:
    """Return the distinct keys, and one of the journeys of each."""
    kinds, at = np.unique(key, axis=0, return_index=True)
    return kinds.tolist(), index[at].tolist()


def pattern_view(
    journeys: Journeys, sides: Sequence[Side], limits: Limits, *, support: float
) -> View:
    """Observe customers: an event in every frequent pattern of `journeys` that they have."""
    found = frequent(journeys, limits, least=least_customers(support, journeys.n_customers))
    member, group = _members(sides)
    observation, cell = [], []
    for number, side in enumerate(sides):
        for code, pattern in enumerate(found.codes):
            has = np.unique(side.customer[completions(side.journeys, pattern, limits) >= 0])
            observation.append(np.searchsorted(member * 2 + group, has * 2 + number))
            cell.append(np.full(len(has), code))
    return View(
        customer=member,
        group=group,
        context=np.zeros(len(member), dtype=np.int64),
        observation=np.concatenate(observation),
        cell=np.concatenate(cell),
        labels={"pattern": np.array(pattern_texts(journeys.names, found.codes), dtype=object)},
        exclusive=False,
    )


def funnel_view(sides: Sequence[Side], rules: Rules) -> View:
    """Observe who reached each step of a funnel, of those who reached the one before.

    Of the first step, all customers. With a window, whoever entered less than a window before the
    end of their watching is not observed after the first step, whatever they did.
    """
    member, group = _members(sides)
    parts = [(member, group, np.zeros(len(member), dtype=np.int64), np.zeros(len(member), bool))]
    for number, side in enumerate(sides):
        found = follow(side.journeys, rules)
        who = side.customer[found.journey]
        entered = np.isin(member, who) & (group == number)
        parts[0][3][entered] = True
        begin = found.time[found.reached[:, 0]]
        told = (found.watched_to < 0) | (found.watched_to - begin > rules.within)
        told |= np.full(len(who), rules.within == NEVER)
        for step in range(1, len(rules.steps)):
            there = told & found.at(step - 1)
            n = int(there.sum())
            parts.append((who[there], np.full(n, number), np.full(n, step), found.at(step)[there]))
    customer, side_of, context, reached = (
        np.concatenate([part[column] for part in parts]) for column in range(4)
    )
    return View(
        customer=customer,
        group=side_of,
        context=context,
        observation=np.flatnonzero(reached),
        cell=context[reached],
        labels={
            "step": np.arange(1, len(rules.steps) + 1).astype(object),
            "touchpoint": np.array(rules.steps, dtype=object),
        },
        exclusive=False,
    )


def _members(sides: Sequence[Side]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the customers of each group, once a group, sorted by customer and group."""
    customer, group = _joined(sides, [np.arange(len(side.journeys)) for side in sides])
    both = np.unique(customer * 2 + group)
    return both // 2, both % 2
