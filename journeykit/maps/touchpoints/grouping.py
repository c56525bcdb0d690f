"""Rows of the touchpoint matrix: what the catalogue says of them, and what the events do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.stats.disclosure import emptied, small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.maps.touchpoints.touching import Answered, Moved, Reached
    from journeykit.study.catalogue import Catalogue, Touchpoint

#: Words of the column `observed`.
SEEN, PARTLY, NONE_HERE, UNSEEN, UNSAID = (
    "observed",
    "in part",
    "no events here",
    "not observed",
    "not said",
)
PHASES = ("before", "during", "after")
REACH = ("n", "n_events", "share", "conf_low", "conf_high")
FREQUENCY = ("frequency", "frequency_low", "frequency_high")
ANSWERS = ("n_answers", "n_answered", "score", "score_low", "score_high",
           "positive", "positive_low", "positive_high")  # fmt: skip
NEXT = ("n_moments", "n_at_moments", "n_moved", "n_unfinished",
        "next_stage", "next_stage_low", "next_stage_high")  # fmt: skip


class Cells(NamedTuple):
    """The phase and channel of each cell, and in which cell each touchpoint is."""

    phase: tuple[str, ...]
    channel: tuple[str, ...]
    of: NDArray[np.int64]


def chosen(catalogue: Catalogue, medium: str | None) -> tuple[Touchpoint, ...]:
    """Return the touchpoints of a medium, or all.

    Raises
    ------
    ArgumentError
        When the catalogue is empty, or has none of that medium.
    """
    rows = tuple(catalogue.touchpoints.values())
    if not rows:
        raise ArgumentError(
            "`catalogue` must describe touchpoints; it is empty. Name a file under `catalogue` in "
            "the study, or start from `study.catalogue.standard_catalogue()`."
        )
    kept = tuple(row for row in rows if medium is None or row.medium == medium)
    if not kept:
        said = sorted({row.medium for row in rows} - {""})
        raise ArgumentError(
            f"`medium` must be one that the catalogue has; none of its {len(rows):,} touchpoints "
            f"is {medium}. It has: {', '.join(said) or 'no medium at all'}."
        )
    return kept


def cells_of(rows: Sequence[Touchpoint]) -> Cells:
    """Return the cells, by phase from before to after, then by channel as first named."""
    channels = list(dict.fromkeys(row.channel or row.touchpoint for row in rows))
    phases = [*PHASES, UNSAID]
    keys = [(row.phase or UNSAID, row.channel or row.touchpoint) for row in rows]
    order = sorted(set(keys), key=lambda key: (phases.index(key[0]), channels.index(key[1])))
    place = {key: at for at, key in enumerate(order)}
    return Cells(
        tuple(phase for phase, _ in order),
        tuple(channel for _, channel in order),
        np.array([place[key] for key in keys], dtype=np.int64),
    )


def words(rows: Sequence[Touchpoint], n_events: NDArray[np.int64]) -> list[str]:
    """Say of each touchpoint whether it was observed; events speak for themselves."""
    silent = {True: NONE_HERE, False: UNSEEN, None: UNSAID}
    return [SEEN if n else silent[row.leaves_events] for row, n in zip(rows, n_events, strict=True)]


def cell_words(said: Sequence[str], cells: Cells) -> list[str]:
    """Say of each cell whether it was observed: in part, where some of it cannot be known."""
    found = []
    for cell in range(len(cells.phase)):
        here = {word for word, of in zip(said, cells.of, strict=True) if of == cell}
        if SEEN in here:
            found.append(PARTLY if here & {UNSEEN, UNSAID} else SEEN)
        else:
            found.append(next(word for word in (NONE_HERE, UNSAID, UNSEEN) if word in here))
    return found


def measured(
    observed: Sequence[str], met: Reached, said: Answered | None, moved: Moved | None
) -> pd.DataFrame:
    """Return the columns of numbers; what nobody could see is missing, never 0."""
    unknown = np.isin(np.array(observed, dtype=object), (UNSEEN, UNSAID))
    frame = pd.DataFrame(
        {
            "observed": list(observed),
            **dict(zip(REACH, (met.n, met.n_events, *met.share), strict=True)),
            **dict(zip(FREQUENCY, met.frequency, strict=True)),
            **_part(ANSWERS, said, len(observed)),
            **_part(NEXT, moved, len(observed)),
        }
    )
    masks = dict.fromkeys((*REACH, *FREQUENCY), unknown)
    if moved is not None:
        masks |= dict.fromkeys(NEXT, unknown)
    return emptied(frame, masks)


def _part(names: Sequence[str], given: Answered | Moved | None, n: int) -> dict[str, object]:
    """Return counts and estimates under their names; missing where they were not asked for."""
    if given is None:
        counts = {name: pd.array([pd.NA] * n, dtype="Int64") for name in names if name[:2] == "n_"}
        return {name: counts.get(name, np.full(n, np.nan)) for name in names}
    flat = [column for part in given for column in (part if isinstance(part, tuple) else (part,))]
    return dict(zip(names, flat, strict=True))


def without_few(
    frame: pd.DataFrame, group: NDArray[np.int64], small_cell: int
) -> tuple[pd.DataFrame, int]:
    """Empty what rests on fewer than `small_cell` customers; say in how many rows.

    The events of a group are known together: where those of one row alone are hidden, the fewest
    of the rows still shown are hidden too.
    """
    few = small(_numbers(frame["n"]), small_cell)
    counts = _numbers(frame["n_events"])
    told = few.copy()
    for at in np.unique(group[few]):
        shown = np.flatnonzero((group == at) & ~few & (counts > 0))
        if (few & (group == at)).sum() == 1 and len(shown):
            told[shown[np.argmin(counts[shown])]] = True
    quiet = small(_numbers(frame["n_answered"]), small_cell)
    seldom = small(_numbers(frame["n_at_moments"]), small_cell)
    masks = {
        **dict.fromkeys(REACH, few),
        **dict.fromkeys(("n_events", *FREQUENCY), told),
        **dict.fromkeys(ANSWERS, quiet),
        **dict.fromkeys(NEXT, seldom | few),
    }
    return emptied(frame, masks), int((few | quiet | seldom).sum())


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
