"""Try every touchpoint, channel and content as what moves customers up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from journeykit.checks import (
    check_choice,
    check_fraction,
    check_positive,
    check_whole,
)
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.results import Provenance
from journeykit.stages.driving.fitting import Effects, differ, effects, tabled
from journeykit.stages.driving.labelling import Candidate, candidates, groups_of
from journeykit.stages.driving.periods import (
    Periods,
    met_before,
    periods_of,
    stays_of,
    steps_before,
)
from journeykit.stages.driving.results import Drivers
from journeykit.stages.following import entries
from journeykit.stages.moments import searchable
from journeykit.stats import benjamini_hochberg
from journeykit.stats.disclosure import emptied
from journeykit.survival.following import watched_customers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study.catalogue import Catalogue
    from journeykit.study.models import Ladder
    from journeykit.survival.models.binomial import Link

#: Days in a stage at which the hazard may change.
_TIMES = (7, 14, 28, 56, 112, 224, 448)
#: Earlier steps at which it may change.
_STEPS = (1, 2, 4, 8, 16, 32)
#: Moves up that a level of what is adjusted for must have; fewer are joined with the next.
_LEAST_MOVES = 10
#: Moves up that a tested ratio must rest on, expected after it and seen elsewhere.
_LEAST = 5.0


def drivers(
    journeys: Journeys,
    /,
    ladder: Ladder,
    *,
    effect_days: float,
    by: str | None = None,
    catalogue: Catalogue | None = None,
    content: str | None = None,
    period_days: float = 1.0,
    calendar: Literal["month", "week"] = "month",
    link: Literal["cloglog", "logit"] = "cloglog",
    q: float = 0.05,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> Drivers:
    """Compare how soon customers move up after meeting something with how soon they do otherwise.

    The stay of a customer in a stage is cut into periods of `period_days`. In each, those still in
    the stage move up or not: the hazard. A driver is met if one of its events lies in the last
    `effect_days` before the period begins, strictly before it, so nothing met is ever the
    consequence of the move. Moving up is the first move to a higher rung, by whatever way; a move
    down ends the stay without one, and is a competing risk: ratios are of the cause-specific
    hazard. Later stays in the stage count too. Periods that are cut by the end of watching are left
    out; so are, for customers who may have begun before the window, those in the first
    `effect_days` of their watching, before which nobody saw what they met.

    One regression for each stage and driver: complementary log-log of the hazard (the ratio is one
    of hazards in continuous time), or its logit (a ratio of odds), is the sum of effects of time
    in the stage, calendar, number of other steps since the stage was entered, group, and being
    exposed in each group. Levels with fewer than 10 moves up are joined with the next. It is fitted
    by maximum likelihood on counts by cell, which is the fit on single periods; errors are
    sandwiches over customers. Ratios are given where at least 5 moves are expected in exposed
    periods and 5 were seen in others; where none was seen it is 0, with a bound above. Everything
    tested is one family for the q-values; so are the tests that groups differ.

    Touchpoints that lead to rungs are not tried, nor stages from which time alone leads up. An
    association, of design grade B: each driver is tried alone, and who meets it may be about to
    move on anyway.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    ladder : Ladder
        ``study.model.stages``.
    effect_days : float
        Elapsed days for which something met may be felt.
    by : str, optional
        Attribute of customers by which ratios may differ, such as the segment.
    catalogue : Catalogue, optional
        ``study.catalogue``: channels are tried as well.
    content : str, optional
        Column of events, texts or whole numbers: its values are tried as well.
    period_days : float
        What is met within a period counts from the next one on: a touch that moves customers within
        the hour needs periods of an hour, or `passion_points`; one felt for weeks may have days or
        weeks, which is quicker.
    calendar : {"month", "week"}
        What the hazard is adjusted for; UTC.
    link : {"cloglog", "logit"}
    q : float in (0, 1)
        False-discovery rate at which verdicts say more than "cannot tell".
    small_cell : int
        Rows of fewer exposed customers are empty.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When an option is wrong or journeys are cut.
    MappingError
        When a touchpoint, attribute or column does not exist.
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    DataError
        When no stage can be searched.

    References
    ----------
    Prentice, Gloeckler (1978), Biometrics 34; Allison (1982), Sociological Methodology 13; Liang,
    Zeger (1986), Biometrika 73, for the sandwich; Benjamini, Hochberg (1995), JRSS B 57.

    Examples
    --------
    >>> from journeykit.simulate.world import world
    >>> from journeykit.stages import Ladder, drivers
    >>> made = world(customers=400, seed=1, parts=("channels", "stages", "orders", "ladder"))
    >>> ladder = Ladder(rungs={
    ...     "familiarity": {"touchpoints": ["view_microsite"]},
    ...     "engagement": {"touchpoints": ["whitepaper_download"]},
    ... })
    >>> found = drivers(made.journeys(), ladder, effect_days=14, period_days=7)
    >>> found.frame["stage"].unique().tolist()
    ['familiarity']
    """
    import pandas as pd

    _check(effect_days, period_days, calendar, link, q, small_cell, confidence)
    refuse_cut(journeys, "`drivers`")
    refuse_collapsed(journeys, "`drivers`")
    watched = watched_customers(journeys, "`drivers`")
    lower, leading = searchable(journeys, ladder)
    names, group = groups_of(journeys, by)
    tried = candidates(journeys, leading, catalogue=catalogue, content=content)
    stays = stays_of(entries(journeys, ladder))
    since = _seen_from(journeys, watched.since, effect_days)
    frames, rows, tests = [], [], []
    for stage in lower:
        rung = ladder.stages.index(stage)
        periods = periods_of(
            stays, rung=rung, period_days=period_days, since=since, until=watched.until
        )
        search = None
        if periods.event.any():
            search = _Search.of(
                periods, journeys, group, leading, names, effect_days, calendar, link, small_cell,
                confidence,
            )  # fmt: skip
        found = [] if search is None else [(one, search.of_driver(one)) for one in tried]
        told = [(one, *both) for one, both in found if both is not None]
        frames += [part.assign(stage=stage, kind=one.kind, driver=one.name)
                   for one, part, _ in told]  # fmt: skip
        tests += [(stage, one.kind, one.name, *test) for one, _, test in told]
        rows.append(
            (stage, len(np.unique(periods.customer)), len(periods.stay), int(periods.event.sum()),
             sum(len(part) for _, part, _ in told))
        )  # fmt: skip
    if not frames:
        raise DataError(
            "No stage can be searched: in none does anybody move up or meet anything while "
            "watched. Look at `follow(...).moves()`, or take a longer window."
        )
    frame = _judged(pd.concat(frames, ignore_index=True), q, small_cell)
    frame["measure"] = "hazard ratio" if link == "cloglog" else "odds ratio"
    given = {
        "effect_days": effect_days, "by": by, "content": content, "period_days": period_days,
        "channels": catalogue is not None, "calendar": calendar, "link": link, "q": q,
        "small_cell": small_cell, "confidence": confidence,
    }  # fmt: skip
    return Drivers(
        frame=frame[list(_COLUMNS)],
        provenance=Provenance(journeys.fingerprint, given),
        segments=_segments(tests),
        stages=pd.DataFrame(rows, columns=["stage", "n", "n_periods", "n_event", "n_tried"]),
        effect_days=effect_days,
        period_days=period_days,
        confidence=confidence,
    )


_COLUMNS = (
    "stage", "kind", "driver", "group", "n", "n_exposed", "n_event", "expected", "measure", "ratio",
    "ratio_low", "ratio_high", "p_value", "q_value", "verdict", "reason",
)  # fmt: skip


def _segments(tests: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Lay out the tests that groups differ, of those with two or more."""
    import pandas as pd

    found = pd.DataFrame(tests, columns=["stage", "kind", "driver", "n_groups", "p_value"])
    found = found[found["n_groups"] > 1].reset_index(drop=True)
    found["q_value"] = benjamini_hochberg(found["p_value"])
    return found


def _check(
    effect_days: float, period_days: float, calendar: str, link: str, q: float, small_cell: int,
    confidence: float,
) -> None:  # fmt: skip
    check_positive("effect_days", effect_days)
    check_positive("period_days", period_days)
    check_choice("calendar", calendar, ("month", "week"))
    check_choice("link", link, ("cloglog", "logit"))
    check_fraction("q", q)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)


def _seen_from(
    journeys: Journeys, since: NDArray[np.int64], effect_days: float
) -> NDArray[np.int64]:
    """Return from when on all that customers met in the last days is known."""
    if journeys.window is None:
        return since
    before = since <= journeys.window[0]
    begin = np.maximum(since, journeys.window[0])
    return np.where(before, begin + round(effect_days * DAY), since)


class _Search(NamedTuple):
    """One stage, ready for any driver."""

    periods: Periods
    group: NDArray[np.int64]
    names: tuple[str, ...]
    time: NDArray[np.int64]
    calendar: NDArray[np.int64]
    steps: NDArray[np.int64]
    step_level: NDArray[np.int64]
    effect_days: float
    link: Link
    small_cell: int
    confidence: float

    @classmethod
    def of(
        cls,
        periods: Periods,
        journeys: Journeys,
        group: NDArray[np.int64],
        leading: set[str],
        names: tuple[str, ...],
        effect_days: float,
        calendar: str,
        link: Link,
        small_cell: int,
        confidence: float,
    ) -> _Search:
        time = np.searchsorted(np.array(_TIMES) * DAY, periods.since, side="right")
        unit = "datetime64[M]" if calendar == "month" else "datetime64[W]"
        when = periods.start.astype("datetime64[us]").astype(unit).astype(np.int64)
        owner = np.repeat(np.arange(len(journeys)), journeys.length)
        leads = np.isin(np.array(journeys.names, dtype=object), list(leading))
        step = ~leads[journeys.touchpoint]
        steps = steps_before(periods, owner[step], journeys.need_time("`drivers`")[step])
        level = _joined(np.arange(_STEPS[-1] + 1)[np.minimum(steps, _STEPS[-1])], periods.event)
        return cls(
            periods,
            group[periods.customer],
            names,
            _levels(time, periods.event),
            _levels(when - when.min(), periods.event),
            steps,
            level,
            effect_days,
            link,
            small_cell,
            confidence,
        )

    def of_driver(self, one: Candidate) -> tuple[pd.DataFrame, tuple[int, float]] | None:
        """Estimate its ratio in every group; None where nobody meets it."""
        import pandas as pd

        met = met_before(self.periods, one.who, one.time, effect_days=self.effect_days) > 0
        if not met.any():
            return None
        own = steps_before(self.periods, one.who, one.time)
        level = self.step_level[np.minimum(self.steps - own, _STEPS[-1])]
        event, customer, size = self.periods.event, self.periods.customer, len(self.names)
        n_exposed = np.bincount(self.group[met], minlength=size)
        n_event = np.bincount(self.group[met & event], minlength=size)
        pairs = np.unique(np.column_stack([self.group[met], customer[met]]), axis=0)
        people = np.bincount(pairs[:, 0], minlength=size)
        other = np.bincount(self.group[~met], minlength=size)
        other_event = np.bincount(self.group[~met & event], minlength=size)
        with np.errstate(divide="ignore", invalid="ignore"):
            rough = np.nan_to_num(n_exposed * other_event / other)
        few = (people < self.small_cell) | (rough < _LEAST) | (other_event < _LEAST)
        found = self._effects(level, met, ~few)
        frame = pd.DataFrame(
            {
                "group": np.array(self.names, dtype=object),
                "n": people,
                "n_exposed": n_exposed,
                "n_event": n_event,
                "expected": found.expected,
                "ratio": np.exp(found.estimate),
                "ratio_low": np.exp(found.low),
                "ratio_high": np.exp(found.high),
                "p_value": found.p_value,
                "reason": np.select(
                    [
                        people < self.small_cell,
                        rough < _LEAST,
                        other_event < _LEAST,
                        np.isnan(found.estimate),
                    ],
                    [
                        f"fewer than {self.small_cell} customers meet it",
                        f"fewer than {_LEAST:g} moves up to be expected after it",
                        f"fewer than {_LEAST:g} moves up without it",
                        "the likelihood has no maximum",
                    ],
                    "",
                ),
            }
        )
        kept = (n_exposed > 0) | ~few
        tested = int(np.isfinite(found.estimate).sum())
        return frame[kept], (tested, differ(found))

    def _effects(
        self, level: NDArray[np.int64], met: NDArray[np.bool_], tested: NDArray[np.bool_]
    ) -> Effects:
        """Fit the ratios; all NaN where there are none, or the likelihood has no maximum."""
        event = self.periods.event
        if tested.any():
            table = tabled([self.time, self.calendar, level], self.group, met, event)
            try:
                return effects(
                    table, tested, self.periods.customer, event, link=self.link,
                    confidence=self.confidence,
                )  # fmt: skip
            except DataError:
                pass
        nothing = np.full(len(tested), np.nan)
        square = np.full((len(tested), len(tested)), np.nan)
        return Effects(nothing, nothing, nothing, nothing, nothing, square)


def _levels(level: NDArray[np.int64], event: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Join levels with the next until each has enough moves up."""
    return _joined_levels(np.bincount(level, event))[level]


def _joined(steps: NDArray[np.int64], event: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the level of each number of steps up to the last bound."""
    level = np.searchsorted(np.array(_STEPS), np.arange(_STEPS[-1] + 1), side="right")
    return _joined_levels(np.bincount(level[steps], event, minlength=len(_STEPS) + 1))[level]


def _joined_levels(moves: NDArray[np.number]) -> NDArray[np.int64]:
    """Join levels from the first on, and return their new numbers; the rest joins the last."""
    new, at, sum_ = np.zeros(len(moves), dtype=np.int64), 0, 0.0
    for level, count in enumerate(moves.tolist()):
        new[level] = at
        sum_ += count
        if sum_ >= _LEAST_MOVES:
            at, sum_ = at + 1, 0.0
    if at and sum_ < _LEAST_MOVES:
        new[new == at] = at - 1
    return new


def _judged(frame: pd.DataFrame, q: float, small_cell: int) -> pd.DataFrame:
    """Add q-values and verdicts, and empty what is about few customers."""
    frame["q_value"] = benjamini_hochberg(frame["p_value"])
    found = frame["q_value"] <= q
    frame["verdict"] = np.select(
        [frame["reason"] != "", found & (frame["ratio"] > 1), found],
        ["too few", "sooner", "later"],
        "cannot tell",
    )
    small = (frame["n"] < small_cell).to_numpy()
    return emptied(frame, dict.fromkeys(("n", "n_exposed", "n_event", "expected"), small))
