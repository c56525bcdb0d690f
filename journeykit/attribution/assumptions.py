"""Assumptions made before any model: each can be changed, and the journeys made anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.identities import Kind, Split, Who, split_identities
from journeykit.checks import check_known
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import microseconds
from journeykit.journeys.shape import codes_of, keep_events

if TYPE_CHECKING:
    from datetime import timedelta

    from journeykit.journeys import Journeys
    from journeykit.study import Catalogue

LOOKBACK, GAP, GROUPING = "lookback", "session gap", "grouping"
#: Whose identities are split, and what the table calls it.
SPLITS: dict[str, Who] = {
    "identities split (all)": "all",
    "identities split (non-converters)": "without_conversion",
    "identities split (converters)": "with_conversion",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything that is decided before a model is fitted.

    `lookback_days` None leaves journeys whole; `session_gap` None counts every event as a touch.
    """

    conversion: tuple[str, ...]
    value: str | None = None
    lookback_days: float | None = None
    session_gap: str | timedelta | None = None
    grouping: Mapping[str, str] = field(default_factory=dict)
    split: Split | None = None


class Changed(NamedTuple):
    """One assumption, the value it is given, and all that then holds, once a random draw."""

    assumption: str
    value: str
    settings: tuple[Setting, ...]


def changes(
    base: Setting,
    *,
    lookbacks_days: Sequence[float],
    session_gaps: Sequence[str | timedelta],
    fragmentation: Sequence[float],
    groupings: Mapping[str, Mapping[str, str]],
    kind: Kind,
    splits: int,
    seed: int,
) -> Iterator[Changed]:
    """Change one assumption at a time."""
    for days in lookbacks_days:
        yield Changed(LOOKBACK, f"{days:g} d", (replace(base, lookback_days=days),))
    for gap in session_gaps:
        yield Changed(GAP, str(gap), (replace(base, session_gap=gap),))
    for assumption, who in SPLITS.items():
        for part in fragmentation:
            seeds = range(seed, seed + (splits if part else 1))
            drawn = (replace(base, split=Split(part, who, kind, one)) for one in seeds)
            yield Changed(assumption, f"{100 * part:g} %", tuple(drawn))
    for name, grouping in groupings.items():
        yield Changed(GROUPING, name, (replace(base, grouping=grouping),))


def prepared(journeys: Journeys, setting: Setting) -> Journeys:
    """Make what a model is fitted on: identities, channels, the cut, then sessions."""
    data, conversion = journeys, list(setting.conversion)
    if setting.split is not None:
        data = split_identities(data, setting.split, conversion=conversion)
    renames = {name: to for name, to in setting.grouping.items() if name != to}
    if renames:
        data = data.relabel(renames)
    if setting.lookback_days is not None:
        data = data.outcomes(
            conversion=conversion, lookback_days=setting.lookback_days, value=setting.value
        )
    if setting.session_gap is not None:
        data = merge_runs(data, setting.session_gap, conversion=conversion)
    return data


def merge_runs(journeys: Journeys, gap: str | timedelta, *, conversion: Sequence[str]) -> Journeys:
    """Count a run of one touchpoint as its first event where no pause in it exceeds `gap`.

    What comes between parts a run; conversions are never merged.
    """
    pause = microseconds("session_gap", gap)
    time = journeys.need_time("A session gap")
    goal = codes_of(journeys, "conversion", conversion)[journeys.touchpoint]
    same = np.zeros(journeys.n_events, dtype=bool)
    same[1:] = journeys.touchpoint[1:] == journeys.touchpoint[:-1]
    same[1:] &= np.diff(time) <= pause
    same[journeys.start[:-1][journeys.length > 0]] = False
    same &= ~goal
    if not same.any():
        return journeys
    stay = np.ones(len(journeys), dtype=bool)
    kept = keep_events(journeys, ~same, step="session gap", reason="the same touch", stay=stay)
    # When a run ended is forgotten now, so nothing may be cut at pauses any more.
    return kept.replace(collapsed=True)


def grouping_of(
    grouping: Mapping[str, str] | Catalogue | None,
    journeys: Journeys,
    conversion: Sequence[str],
    *,
    argument: str,
) -> dict[str, str]:
    """Return the channel of every touchpoint that is no conversion; unnamed ones are their own."""
    touched = [name for name in journeys.names if name not in conversion]
    if grouping is None:
        return {name: name for name in touched}
    if isinstance(grouping, Mapping):
        check_known(argument, grouping, touched, what="touchpoints")
        channels = {name: grouping.get(name, name) for name in touched}
    else:
        channels = {name: grouping.channel_of(name) for name in touched}
    taken = sorted(set(channels.values()) & set(conversion))
    if taken:
        raise ArgumentError(
            f"`{argument}` must not give a channel the name of a conversion; {taken[0]!r} is both."
        )
    return channels


def in_common(
    base: Mapping[str, str], other: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Name the finest channels that both groupings can be added up to, for each its channels.

    Two channels of a grouping are one in common where the other grouping joins them. A common
    channel has the name of the one channel it is in the base, or else in the other grouping; the
    names of the base joined by ``+`` where both cut differently, or two would be called alike.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    ours, theirs = sorted(set(base.values())), sorted(set(other.values()))
    left = [ours.index(base[name]) for name in base]
    right = [len(ours) + theirs.index(other[name]) for name in base]
    size = len(ours) + len(theirs)
    links = sparse.csr_array((np.ones(len(left)), (left, right)), shape=(size, size))
    number = connected_components(links, directed=False)[1].tolist()
    inside = {
        part: (
            [name for name, at in zip(ours, number, strict=False) if at == part],
            [name for name, at in zip(theirs, number[len(ours) :], strict=True) if at == part],
        )
        for part in set(number)
    }
    joined = {part: " + ".join(a) for part, (a, _) in inside.items()}
    names = {
        part: a[0] if len(a) == 1 else b[0] if len(b) == 1 else joined[part]
        for part, (a, b) in inside.items()
    }
    called = Counter(names.values())
    names = {part: name if called[name] == 1 else joined[part] for part, name in names.items()}
    return (
        {name: names[at] for name, at in zip(ours, number, strict=False)},
        {name: names[at] for name, at in zip(theirs, number[len(ours) :], strict=True)},
    )
