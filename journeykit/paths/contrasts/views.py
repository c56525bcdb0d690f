"""What is compared: how each view of journeys becomes observations and events of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_whole
from journeykit.counts.kernels import gram_codes
from journeykit.counts.naming import path_names
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
#: Where something has not happened within the time in which all are watched.
LATER = "(later)"


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


def _watched(
    journeys: Journeys, since: NDArray[np.int64], of: NDArray[np.int64], within: int
) -> NDArray[np.bool_]:
    """Mark moments `since` of journeys `of` after which the watching went on for `within`."""
    if journeys.observed_to is None:
        return np.ones(len(since), dtype=bool)
    return np.asarray(journeys.observed_to[of] - since > within)


def transition_view(sides: Sequence[Side], *, order: int, within: int | None) -> View:
    """Observe every step whose successor is known: its context is the last touchpoints.

    With `within`, in microseconds, observe what follows in that time, wherever it was watched to
    its end.
    """
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
        known = step // base % base != m + 1
        of = np.repeat(np.arange(len(part)), np.diff(first))
        if within is None:
            known &= step % base != m + 1
        else:
            told, late = _followed(part, of, np.arange(len(step)) - first[of], within)
            known &= told
            step[late] += m - step[late] % base
        codes.append(step[known])
        journey.append(of[known])
    kinds, cell = np.unique(np.concatenate(codes), return_inverse=True)
    _, context_of = np.unique(kinds // base, return_inverse=True)
    written = names if order == 1 else path_names(names)
    before = np.array([*written, ENTRY, UNSEEN], dtype=object)
    digits = kinds[:, None] // base ** np.arange(order, -1, -1) % base
    source = np.array([" > ".join(before[row[:-1]]) for row in digits], dtype=object)
    last = EXIT if within is None else LATER
    target = np.array([*names, last], dtype=object)[digits[:, -1]]
    labels = {"source": source, "target": target}
    return _exclusive(sides, journey, context_of[cell], cell, labels)


def _followed(
    journeys: Journeys, of: NDArray[np.int64], number: NDArray[np.int64], within: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say of each step, the one behind event `number` of its journey, two things.

    Whether it was watched for `within` after that event, and whether nothing followed in that
    time. Entries, number 0, are known at once.
    """
    time = journeys.need_time("`within`")
    event = journeys.start[of] + number - 1
    behind = number > 0
    told = ~behind
    told[behind] = _watched(journeys, time[event[behind]], of[behind], within)
    goes_on = behind & (number < journeys.length[of])
    late = behind & ~goes_on
    late[goes_on] = time[event[goes_on] + 1] - time[event[goes_on]] > within
    return told, late


def step_view(sides: Sequence[Side], *, steps: int, within: int | None) -> View:
    """Observe where each journey whose beginning was seen is at event 1, 2, ..., `steps`.

    Having ended before is a place of its own; journeys still open before a step are not observed
    at it. With `within`, in microseconds, observe where they are after as many events in that time
    since the first, of all that were watched for it.
    """
    check_whole("steps", steps, least=1)
    names = sides[0].journeys.names
    m = len(names)
    journey, where = [], []
    for side in sides:
        part = side.journeys
        seen = np.flatnonzero(~begins_unseen(part) if is_cut(part) else part.length >= 0)
        length, still = part.length[seen], is_open(part)[seen]
        if within is not None:
            seen, length = _events_within(part, seen, within)
            still = np.zeros(len(seen), dtype=bool)
        observed = []
        for step in range(steps):
            longer = length > step
            there, over = seen[longer], seen[~longer & ~still]
            at = part.touchpoint[part.start[there] + step].astype(np.int64)
            observed += [there, over]
            where.append(step * (m + 1) + np.concatenate([at, np.full(len(over), m)]))
        journey.append(np.concatenate(observed))
    kinds, cell = np.unique(np.concatenate(where), return_inverse=True)
    number, place = kinds // (m + 1), kinds % (m + 1)
    labels = {
        "step": (number + 1).astype(object),
        "touchpoint": np.array([*names, EXIT if within is None else LATER], dtype=object)[place],
    }
    return _exclusive(sides, journey, number[cell], cell, labels)


def _events_within(
    journeys: Journeys, which: NDArray[np.int64], within: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return those of some journeys watched for `within` since their first event, and their events.

    Journeys without an event have no beginning and are left out.
    """
    time = journeys.need_time("`within`")
    which = which[journeys.length[which] > 0]
    begin = time[journeys.start[which]]
    told = _watched(journeys, begin, which, within)
    which, begin = which[told], begin[told]
    since = time - np.repeat(
        time[journeys.start[:-1][journeys.length > 0]], journeys.length[journeys.length > 0]
    )
    inside = np.concatenate([[0], np.cumsum(since <= within)])
    return which, inside[journeys.start[which + 1]] - inside[journeys.start[which]]


def variant_view(sides: Sequence[Side], *, within: int | None) -> View:
    """Observe the path of each customer's first journey whose beginning was seen, once it ended.

    Uncut journeys count as they are, as in `variants`. With `within`, in microseconds, observe the
    path that was gone in that time since the first event, of all that were watched for it.
    """
    keys, journey = [], []
    text: dict[tuple[int, int], str] = {}
    for side in sides:
        part, stop = side.journeys, path_stops(side.journeys).copy()
        chosen = first_seen(part)
        if within is None and is_cut(part):
            chosen &= ~is_open(part)
        index = np.flatnonzero(chosen)
        if within is not None:
            index, length = _events_within(part, index, within)
            stop[index] = np.minimum(stop[index], part.start[index] + length)
        key = path_keys(part, stop)[index]
        names = np.array(path_names(part.names), dtype=object)
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
