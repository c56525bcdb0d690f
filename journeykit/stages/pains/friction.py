"""The named parts of friction: waiting, repeating, failing, being unhappy; each by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.stages.pains.tallies import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.pains.visits import Touches

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Friction:
    """One part of friction, at all touchpoints.

    Attributes
    ----------
    part : str
    events, among : Tally
        What counts, and among what; kinds are touchpoints.
    others : Tally or None
        A third count that the reference needs.
    reference : callable
        From the counts of events, among and others to the share without friction.
    tested : bool
        Whether the share is tested against the reference.
    """

    part: str
    events: Tally
    among: Tally
    others: Tally | None
    reference: Callable[[Floats, Floats, Floats], Floats]
    tested: bool = True

    @property
    def tallies(self) -> list[Tally]:
        """What is to be counted; without a third count the first comes again."""
        return [self.events, self.among, self.others or self.events]


def repeats(touches: Touches, /) -> Friction:
    """Return the share of touches that are repeated at once, among those that go on.

    Expected by chance is the share of the step among the next touches of all other steps: a
    frequent step often comes next, after itself too.
    """
    m = len(touches.names)
    goes_on = touches.following >= 0
    same = goes_on & (touches.following == touches.step)
    came = goes_on & ~same
    return Friction(
        "repeats",
        Tally(touches.who[same], touches.step[same], m),
        Tally(touches.who[goes_on], touches.step[goes_on], m),
        Tally(touches.who[came], touches.following[came], m),
        lambda _, n, into: _divided(into, n.sum() - n),
    )


def slowness(
    touches: Touches, /, limit: Floats, slow: float, promised: NDArray[np.bool_]
) -> Friction:
    """Return the share of touches after which the next own step took longer than a limit.

    Among touches that go on in the visit: of those that do not, `exit` tells. A promise is to be
    kept always; of comparable waits the share ``1 - slow`` takes longer.
    """
    m = len(touches.names)
    goes_on = touches.following >= 0
    late = goes_on & (np.nan_to_num(touches.minutes) > limit[touches.step])
    expected = np.where(promised, 0.0, 1 - slow)
    return Friction(
        "time",
        Tally(touches.who[late], touches.step[late], m),
        Tally(touches.who[goes_on], touches.step[goes_on], m),
        None,
        lambda _, n, __: np.where(n > 0, expected, np.nan),
    )


def limits(
    touches: Touches, /, deadlines: Mapping[str, float], slow: float
) -> tuple[Floats, Floats]:
    """Return the limit of each step in minutes, and the mean minutes beyond it.

    The limit is the deadline where one is given, else the `slow` quantile of the waits at all other
    steps. Both are missing where nobody goes on.
    """
    m = len(touches.names)
    goes_on = touches.following >= 0
    step, minutes = touches.step[goes_on], touches.minutes[goes_on]
    limit, beyond = np.full(m, np.nan), np.full(m, np.nan)
    for s in np.unique(step):
        here = step == s
        name = touches.names[s]
        if name in deadlines:
            limit[s] = deadlines[name]
        elif not here.all():
            limit[s] = np.quantile(minutes[~here], slow)
        beyond[s] = np.maximum(minutes[here] - limit[s], 0).mean()
    return limit, beyond


def failures(
    journeys: Journeys, /, errors: Sequence[str], error_values: Mapping[str, Sequence[object]]
) -> Friction:
    """Return the share of touches declared as errors, by touchpoint or by what a column says.

    Every error is one too many: the reference is 0, and nothing is tested.
    """
    check_known("errors", errors, journeys.names, what="touchpoints")
    check_known("error_values", error_values, list(journeys.columns), what="event columns")
    who, step = _all_touches(journeys)
    wrong = np.isin(np.array(journeys.names, dtype=object), list(errors))[step]
    for column, values in error_values.items():
        wrong |= np.isin(journeys.columns[column], np.array(list(values)))
    m = len(journeys.names)
    return Friction(
        "errors",
        Tally(who[wrong], step[wrong], m),
        Tally(who, step, m),
        None,
        _nothing,
        tested=False,
    )


def unhappiness(journeys: Journeys, /, answers: pd.DataFrame) -> Friction:
    """Return the share of answered touches with a score below 0, beside that of other touchpoints.

    Few answer, and those who do are no sample of all: the share is one of answers.
    """
    for column in ("customer_id", "touchpoint", "score"):
        check_known("sentiment", [column], list(map(str, answers.columns)), what="columns")
    score = answers["score"].to_numpy(dtype=float)
    off = int((~(np.abs(score) <= 1)).sum())
    if off:
        raise DataError(
            f"`sentiment` must have a `score` from -1 to 1; it has not in {off:,} of "
            f"{len(score):,} rows."
        )
    who, step = _places(journeys, answers)
    known = (who >= 0) & (step >= 0)
    sad = known & (score < 0)
    m = len(journeys.names)
    return Friction(
        "negative sentiment",
        Tally(who[sad], step[sad], m),
        Tally(who[known], step[known], m),
        None,
        lambda x, n, _: _divided(x.sum() - x, n.sum() - n),
    )


def _places(journeys: Journeys, answers: pd.DataFrame) -> tuple[Indices, Indices]:
    """Return customer and touchpoint of each answer, -1 where there is none of that name."""
    import pandas as pd

    ids = pd.Index(journeys.customer_id.cast("string").to_pylist())
    who = ids.get_indexer(answers["customer_id"].astype(str).to_numpy(dtype=object))
    step = pd.Index(list(journeys.names)).get_indexer(
        answers["touchpoint"].astype(str).to_numpy(dtype=object)
    )
    return who.astype(np.int64), step.astype(np.int64)


def _all_touches(journeys: Journeys) -> tuple[Indices, Indices]:
    who = np.repeat(journeys.customer_index, journeys.length).astype(np.int64)
    return who, journeys.touchpoint.astype(np.int64)


def _nothing(_: Floats, n: Floats, __: Floats) -> Floats:
    return np.where(n > 0, 0.0, np.nan)


def _divided(x: Floats, n: Floats) -> Floats:
    return np.where(n > 0, x / np.where(n > 0, n, 1), np.nan)
