"""What people believe of the journey, held against what is observed: true, false, cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from journeykit.checks import check_choice, check_fraction, check_whole
from journeykit.errors import ArgumentError, JourneyKitError, MappingError, NotObservedError
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.results import Provenance, Result
from journeykit.review.measuring import Evidence, Measured, measured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.journeys import Journeys
    from journeykit.review.model import Belief
    from journeykit.study import Study
    from journeykit.study.catalogue import Catalogue
    from journeykit.study.models import Churn, Ladder

Level = Literal["each", "together"]
LEVELS: tuple[Level, ...] = ("each", "together")
Verdict = Literal["true", "false", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Beliefs(Result):
    """What people believe, and what is so.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a belief, in the order of the file: `belief`, `claim`; `metric`, its kind (of
        sentiment the share above 0 is `positive`); `segment`, `owner`; `true_from`, `true_to`, from
        where to where the claim is true (infinite where open); `believed`; `estimate conf_low
        conf_high`; `n` of `unit`, `n_customers`; `verdict`; `n_needed`, of the same unit, for an
        interval that would not reach the threshold if the estimate stayed where it is (empty where
        it lies on it, or a verdict was reached); `reason`, why nothing can be told.
    confidence : float
        Of each interval.
    level : {"each", "together"}
    """

    confidence: float
    level: Level
    rows: ClassVar[str] = "beliefs"

    def summary(self) -> str:
        """Say how many are true and false, and which."""
        by = self.frame["verdict"]
        found = [f"{(by == word).sum():,} {word}" for word in ("true", "false")]
        unknown = int((by == "cannot tell").sum())
        said = f"{len(by):,} beliefs judged: {', '.join(found)}, {unknown:,} cannot be told"
        false = [_told(row) for row in self.frame[by == "false"].head(3).itertuples()]
        return "; ".join([said, *false])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each belief: where it is true, what is observed with its interval, the verdict."""
        from journeykit.review.belief_picture import draw_beliefs

        return draw_beliefs(self, ax)


def judge(
    journeys: Journeys,
    /,
    beliefs: Mapping[str, Belief],
    *,
    ladder: Ladder | None = None,
    churn: Churn | None = None,
    sentiment: pd.DataFrame | None = None,
    catalogue: Catalogue | None = None,
    level: Level = "each",
    confidence: float = 0.95,
    small_cell: int = 10,
) -> Beliefs:
    """Say of each belief whether it is true, false, or cannot be told.

    A belief is an estimand and a range of it in which the claim is true. It is **true** where the
    whole interval of the estimate lies in the range, **false** where the whole interval lies
    outside it on one side, and nobody **can tell** where a threshold lies inside the interval. So a
    false verdict has a probability of at most (1 - confidence) / 2 at the threshold, 2.5 %, as far
    as the interval holds its confidence, and less everywhere else.

    Intervals have customers as the unit of chance: Wilson's at a cluster-effective n for shares,
    Student's over customers for means, Kaplan and Meier's for retention and medians, where those
    who are still there are censored.

    Beliefs are asked by name and not searched for, so by default each is judged at its own level:
    of 40 beliefs that lie exactly on their thresholds about one is misjudged. With
    ``level="together"`` the probability that any verdict is wrong is held instead (Bonferroni), at
    the price of more that cannot be told.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    beliefs : mapping of str to Belief
        As `read_beliefs` returns them.
    ladder : Ladder, optional
        ``study.model.stages``, for shares of stages.
    churn : Churn, optional
        ``study.model.churn``, for retention.
    sentiment : pandas.DataFrame, optional
        ``study.sentiment()``.
    catalogue : Catalogue, optional
        ``study.catalogue``, for the sentiment of channels.
    level : {"each", "together"}
    confidence : float in (0, 1)
    small_cell : int
        Where fewer customers did it, or did not, the numbers are not shown; the verdict, which
        tells of nobody, still is. Of fewer customers in all nothing can be told.

    Returns
    -------
    Beliefs
        What the data do not hold is "cannot tell", with the reason.

    Raises
    ------
    ArgumentError
        When there are no beliefs, or journeys are cut or collapsed.
    MappingError
        When a belief names a touchpoint, stage, channel or attribute that does not exist.

    References
    ----------
    Berger, Hsu (1996), Bioequivalence trials, intersection-union tests and equivalence confidence
    sets, Statistical Science 11: both ends of a range are judged without correction.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.review.model import Belief
    >>> shop = Journeys(
    ...     names=("app", "web"),
    ...     touchpoint=np.tile(np.array([0, 1], dtype=np.uint8), 60),
    ...     start=np.r_[np.arange(0, 61), 120],
    ... )
    >>> belief = Belief(
    ...     claim="All use the app", metric={"reach": {"of": "app"}}, at_least="0.9"
    ... )
    >>> judge(shop, {"app": belief}).frame[["estimate", "verdict"]].round(2).values.tolist()
    [[0.51, 'false']]
    """
    import pandas as pd

    check_choice("level", level, LEVELS)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    refuse_cut(journeys, "`judge`")
    refuse_collapsed(journeys, "`judge`")
    if not beliefs:
        raise ArgumentError("`beliefs` must hold at least one belief; got none.")
    own = confidence if level == "each" else 1 - (1 - confidence) / len(beliefs)
    evidence = Evidence(
        journeys=journeys,
        ladder=ladder,
        churn=churn,
        sentiment=sentiment,
        catalogue=catalogue,
        confidence=own,
        small_cell=small_cell,
    )
    rows = [_judged(evidence, name, belief) for name, belief in beliefs.items()]
    given = {"beliefs": tuple(beliefs), "level": level, "confidence": confidence}
    return Beliefs(
        frame=pd.DataFrame(rows),
        provenance=Provenance(journeys.fingerprint, {**given, "small_cell": small_cell}),
        confidence=own,
        level=level,
    )


def audit_beliefs(study: Study, /, *, level: Level = "each", confidence: float = 0.95) -> Beliefs:
    """Judge the beliefs that a study names, against everything else that it names.

    Parameters
    ----------
    study : Study
        With a file of `beliefs`.
    level, confidence :
        As in `judge`.

    Raises
    ------
    StudyError
        When the study names no beliefs, or the file has mistakes.
    MappingError
        As `judge`.
    """
    from journeykit.review.model import read_beliefs

    return judge(
        study.journeys(),
        read_beliefs(study.file("beliefs")),
        ladder=study.model.stages,
        churn=study.model.churn,
        sentiment=None if study.model.sentiment is None else study.sentiment(),
        catalogue=study.catalogue,
        level=level,
        confidence=confidence,
        small_cell=study.model.small_cell,
    )


def _judged(evidence: Evidence, name: str, belief: Belief) -> dict[str, object]:
    """Return the row of one belief."""
    found, reason = None, ""
    try:
        found = measured(_narrowed(evidence, belief), belief.metric.kind, _metric_of(belief))
    except NotObservedError as error:
        reason = f"not observed: {error}".rstrip(".")
    except JourneyKitError as error:
        raise MappingError(f"Belief {name!r}: {error}") from error
    if found is not None and found.n_customers < evidence.small_cell:
        found, reason = None, f"fewer than {evidence.small_cell} customers"
    low, high = belief.range
    verdict: Verdict = "cannot tell"
    shown = None
    if found is not None:
        verdict = verdict_of(found.low, found.high, low, high)
        shown = None if found.hidden else found
        few = f"numbers of fewer than {evidence.small_cell} customers are not shown"
        reason = few if found.hidden else _why(found, low, high)
    return {
        "belief": name,
        "claim": belief.claim,
        "metric": _shown_kind(belief),
        "segment": ", ".join(" or ".join(values) for values in belief.segment.values()),
        "owner": belief.owner,
        "true_from": low,
        "true_to": high,
        "believed": np.nan if belief.believed is None else belief.believed,
        "estimate": shown.estimate if shown else np.nan,
        "conf_low": shown.low if shown else np.nan,
        "conf_high": shown.high if shown else np.nan,
        "n": shown.n if shown else np.nan,
        "unit": shown.unit if shown else "",
        "n_customers": shown.n_customers if shown else np.nan,
        "verdict": verdict,
        "n_needed": n_needed(shown, low, high) if shown else np.nan,
        "reason": reason,
    }


def _shown_kind(belief: Belief) -> str:
    """Return what the number is: of sentiment, a mean or the share that is positive."""
    asked = belief.metric.sentiment
    positive = asked is not None and asked.measure == "positive"
    return "positive" if positive else belief.metric.kind


def _metric_of(belief: Belief) -> object:
    return getattr(belief.metric, belief.metric.kind)


def _narrowed(evidence: Evidence, belief: Belief) -> Evidence:
    """Return the evidence of the customers whom the belief is about."""
    from dataclasses import replace

    if not belief.segment:
        return evidence
    condition = {name: list(values) for name, values in belief.segment.items()}
    return replace(evidence, journeys=evidence.journeys.where(condition))


def verdict_of(low: float, high: float, true_from: float, true_to: float, /) -> Verdict:
    """Say where an interval lies: inside the range, outside on one side, or across an end."""
    if true_from <= low and high <= true_to:
        return "true"
    return "false" if high < true_from or low > true_to else "cannot tell"


def n_needed(found: Measured, true_from: float, true_to: float, /) -> float:
    """Return how many would be needed for a verdict if the estimate stayed where it is.

    The half of the interval on the side of the threshold shrinks as one over the root of n; n is
    multiplied by the square of its ratio to the distance from the threshold. NaN where a verdict
    was reached, the estimate lies on a threshold, or a bound is infinite.
    """
    if verdict_of(found.low, found.high, true_from, true_to) != "cannot tell":
        return np.nan
    most = 0.0
    for threshold in (true_from, true_to):
        if not np.isfinite(threshold) or not found.low <= threshold <= found.high:
            continue
        half = (found.high if threshold >= found.estimate else found.low) - found.estimate
        distance = threshold - found.estimate
        if distance == 0 or not np.isfinite(half) or not np.isfinite(found.estimate):
            return np.nan
        most = max(most, (half / distance) ** 2)
    return float(np.ceil(found.n * most)) if most else np.nan


def _why(found: Measured, true_from: float, true_to: float) -> str:
    """Say which threshold lies inside the interval; nothing where a verdict was reached."""
    if verdict_of(found.low, found.high, true_from, true_to) != "cannot tell":
        return ""
    inside = [
        f"{end:g}"
        for end in (true_from, true_to)
        if np.isfinite(end) and found.low <= end <= found.high
    ]
    width = found.high - found.low
    return f"the interval, {width:.3g} wide, holds {' and '.join(inside)}"


def _told(row: object) -> str:
    """Say what was claimed and what is observed."""
    from journeykit.review.belief_picture import number

    claim = str(getattr(row, "claim", "")).rstrip(".")
    value = {name: getattr(row, name) for name in ("estimate", "conf_low", "conf_high")}
    if np.isnan(value["estimate"]):
        return f'"{claim}" is false'
    told = [number(str(getattr(row, "metric", "")), value[name]) for name in value]
    return f'"{claim}" is false: observed {told[0]} ({told[1]} to {told[2]})'
