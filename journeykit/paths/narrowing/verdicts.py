"""Keep, merge or drop: what each touchpoint tells of an outcome, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_positive, check_whole
from journeykit.counts import run, transition_counts
from journeykit.draw.basics import INK, PALETTE, QUIET, axes, tidy
from journeykit.draw.charts import wrapped
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_cut
from journeykit.journeys.shape import codes_of
from journeykit.paths.narrowing.alike import merges
from journeykit.paths.narrowing.fit import Fit, fitted
from journeykit.paths.narrowing.risk import Exposure, at_risk
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.counts import TransitionCounts
    from journeykit.journeys import Journeys

KEEP, MERGE, DROP = "keep", "merge", "drop"
COLUMNS = (
    "touchpoint", "verdict", "merge_with", "n", "n_customers", "share", "n_event", "estimate",
    "conf_low", "conf_high", "information", "p_value", "q_value", "reason",
)  # fmt: skip
_DRAWN = 25
#: Ratios beyond are drawn at the edge.
_AXIS = (1e-3, 1e3)
#: Standard errors by which the logarithms of two ratios must not differ to be merged.
_UNLIKE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Narrowing(Result):
    """One row a touchpoint, what tells most first; outcomes last.

    Columns: ``touchpoint verdict merge_with n n_customers share``: its events, the customers who
    met it before their first outcome, its share of all events; ``n_event``: outcomes reached with
    it in memory;
    ``estimate conf_low conf_high``: rate of the outcome with it in memory over that without;
    ``information``: bits a touchpoint tells of who reaches the outcome next, a mean over outcomes,
    less what chance gives; ``p_value q_value reason``.

    Attributes
    ----------
    outcome : tuple of str
    n_outcomes : int
        Customers who reached it.
    n_tried : int
        Touchpoints tested: the family of the q-values.
    q : float
    """

    outcome: tuple[str, ...]
    n_outcomes: int
    n_tried: int
    q: float
    rows: ClassVar[str] = "touchpoints"

    def mass(self, verdict: str) -> float:
        """Return the share of events at touchpoints of a verdict."""
        return float(self.frame.loc[self.frame["verdict"] == verdict, "share"].sum())

    def information(self, verdict: str) -> float:
        """Return the bits of touchpoints of a verdict, added up; what they share counts twice."""
        return float(self.frame.loc[self.frame["verdict"] == verdict, "information"].sum())

    def summary(self) -> str:
        """Say how many may go, and what goes with them."""
        n = self.frame["verdict"].value_counts()
        bits = self.frame["information"].sum()
        return (
            f"{n.get(KEEP, 0):,} of {len(self.frame):,} touchpoints to keep, {n.get(MERGE, 0):,} "
            f"to merge, {n.get(DROP, 0):,} to drop with {self.mass(DROP):.1%} of events and "
            f"{self.information(DROP):.2g} of {bits:.2g} bits on each of {self.n_outcomes:,} "
            f"outcomes; {self.n_tried:,} tested at a false-discovery rate of {self.q:.0%}"
        )

    def apply(self, journeys: Journeys, /) -> Journeys:
        """Return the journeys without what is dropped, and with merged touchpoints as one.

        What is taken out is in the ledger. Runs that merging makes stay: `collapse_repeats`.

        Raises
        ------
        MappingError
            When the journeys have a touchpoint that was not judged here.
        """
        judged = self.frame["touchpoint"].tolist()
        check_known("journeys", journeys.names, judged, what="touchpoints")
        merged = self.frame[self.frame["verdict"] == MERGE]
        names = dict(zip(merged["touchpoint"], merged["merge_with"], strict=True))
        kept = self.frame.loc[self.frame["verdict"] == KEEP, "touchpoint"]
        there = set(journeys.names)
        relabelled = journeys.relabel({old: new for old, new in names.items() if old in there})
        return relabelled.only(*(name for name in kept if name in set(relabelled.names)))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios of those tested with their intervals; those to drop are hollow."""
        top = self.frame.dropna(subset="p_value").head(_DRAWN)
        estimate, low, high = (_on_log(top[n]) for n in ("estimate", "conf_low", "conf_high"))
        ax = axes(ax, height=max(1.8, 0.3 * len(top) + 1.1))
        at = np.arange(len(top))
        ax.axvline(1, color=QUIET, linewidth=1)
        ax.hlines(at, low, high, color=INK, linewidth=1.4)
        stays = (top["verdict"] != DROP).to_numpy()
        for chosen, face in ((stays, PALETTE[0]), (~stays, "white")):
            ax.plot(
                estimate[chosen],
                at[chosen],
                "o",
                color=PALETTE[0],
                markerfacecolor=face,
                markersize=6,
            )
        ax.set_xscale("log", subs=[])
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_yticks(at, [wrapped(name) for name in top["touchpoint"]])
        ax.invert_yaxis()
        tidy(ax, grid="x")
        ax.set_xlabel("rate of the outcome with it in memory over that without")
        return ax


def _on_log(ratio: pd.Series) -> NDArray[np.float64]:
    """Bring ratios onto an axis that has no 0 and no infinity."""
    return np.asarray(ratio.clip(*_AXIS), dtype=np.float64)


def narrow(
    journeys: Journeys,
    /,
    *,
    outcome: Sequence[str],
    within_days: float,
    alike: float = 0.1,
    small_cell: int = 10,
    q: float = 0.1,
    confidence: float = 0.95,
) -> Narrowing:
    """Tell which touchpoints an analysis of an outcome may do without.

    *Keep* what tells something. At every first outcome of a customer, at elapsed time t since the
    watching began, the customer is compared with all who are watched at t without an outcome so
    far, entered in the same week, and have made about as many other steps (thirds of
    doublings: within a quarter of one another): had the customer met the touchpoint in
    [t - `within_days`, t), and what share s of those under risk? The sum of the differences is
    the score of a Cox model with that exposure. p is twice the smaller tail of a sum of
    independent draws with chances s, by the binomial law of the same mean and variance. So a
    touchpoint met late, or one that only makes journeys longer, tells nothing by that. q-values
    are Benjamini and Hochberg's over all tested. What tells something need not cause anything: it
    may come along with what does.

    *Merge*, of those, a touchpoint with a more frequent one when their ratios do not differ beyond
    chance, and one directly follows the other in 95 % of the events of both, or what comes before
    and what comes after them differs by at most `alike` (total variation, the two taken for one;
    chance makes it larger, never smaller, so what is alike is so).

    *Drop* the rest: what was tested and tells nothing beyond chance (the interval says how much it
    might), and what was met, or not met, by fewer than `small_cell` customers. Outcomes are kept.

    Parameters
    ----------
    journeys : Journeys
        Uncut, with times and spans of watching.
    outcome : sequence of touchpoints
        The first event at any of them counts; what follows it is not looked at.
    within_days : float
        How long a touchpoint stays in memory.
    alike : float in (0, 1)
    small_cell : int
    q : float in (0, 1)
        False-discovery rate of what is kept.
    confidence : float in (0, 1)
        Of the interval of each ratio, which maximises the partial likelihood (Wald's, on the log).

    Returns
    -------
    Narrowing

    Raises
    ------
    NotObservedError
        Journeys without times.
    DataError
        Nobody reached the outcome while under risk.

    References
    ----------
    Cox (1972), Regression models and life-tables, JRSS B 34; Ehm (1991), Binomial approximation to
    the Poisson binomial distribution, Statistics & Probability Letters 11.
    """
    check_positive("within_days", within_days)
    check_fraction("alike", alike)
    check_whole("small_cell", small_cell, least=1)
    check_fraction("q", q)
    check_fraction("confidence", confidence)
    refuse_cut(journeys, "`narrow`")
    reached = codes_of(journeys, "outcome", outcome)
    risk = at_risk(journeys, reached)
    if not len(risk.case_time):
        raise DataError(
            f"Nobody of {journeys.n_customers:,} customers reached {' or '.join(outcome)} after "
            "the watching began; there is nothing to tell touchpoints by."
        )
    memory = round(within_days * DAY)
    exposures = [risk.exposure(code, memory) for code in np.flatnonzero(~reached).tolist()]
    fits = [fitted(e.n_event, e.share, confidence=confidence) for e in exposures]
    frame = _told(journeys, exposures, fits, reached, small_cell)
    frame["verdict"] = np.where(frame["q_value"] <= q, KEEP, DROP)
    frame["reason"] = _reasons(frame, q)
    _merge(frame, fits, run(transition_counts, journeys), alike)
    outcomes = _outcome_rows(journeys, reached)
    frame = frame.sort_values(["p_value", "n", "touchpoint"], ascending=[True, False, True])
    frame = pd.concat([frame, outcomes], ignore_index=True)
    return Narrowing(
        frame=frame[list(COLUMNS)],
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "outcome": list(outcome),
                "within_days": within_days,
                "alike": alike,
                "small_cell": small_cell,
                "q": q,
                "confidence": confidence,
            },
        ),
        outcome=tuple(outcome),
        n_outcomes=risk.n_outcomes,
        n_tried=int(frame["p_value"].notna().sum()),
        q=q,
    )


def _told(
    journeys: Journeys,
    exposures: Sequence[Exposure],
    fits: Sequence[Fit],
    reached: NDArray[np.bool_],
    small_cell: int,
) -> pd.DataFrame:
    """Put what each touchpoint tells into a frame; few customers are not tested."""
    volume = np.bincount(journeys.touchpoint, minlength=len(journeys.names))[~reached]
    met = np.array([e.n_customers for e in exposures])
    enough = np.minimum(met, journeys.n_customers - met) >= small_cell

    def column(name: str) -> NDArray[np.float64]:
        return np.where(enough, [getattr(fit, name) for fit in fits], np.nan)

    frame = pd.DataFrame(
        {
            "touchpoint": np.array(journeys.names, dtype=object)[~reached],
            "merge_with": np.full(len(met), None, dtype=object),
            "n": volume,
            "n_customers": met,
            "share": volume / journeys.n_events,
            "n_event": [e.n_event for e in exposures],
            "estimate": column("estimate"),
            "conf_low": column("low"),
            "conf_high": column("high"),
            "information": np.nan_to_num(column("bits")),
            "p_value": column("p_value"),
        }
    )
    return frame.assign(q_value=benjamini_hochberg(frame["p_value"]))


def _reasons(frame: pd.DataFrame, q: float) -> list[str]:
    reasons = []
    for row in frame.itertuples():
        if np.isnan(row.p_value):
            reasons.append("too few customers met it, or did not, to tell anything")
        elif row.verdict == KEEP:
            reasons.append(f"tells something (q = {row.q_value:.2g})")
        else:
            reasons.append(
                f"tells nothing beyond chance (q = {row.q_value:.2g}, above {q:g}); the ratio may "
                f"be {row.conf_low:.2f} to {row.conf_high:.2f}"
            )
    return reasons


def _merge(
    frame: pd.DataFrame, fits: Sequence[Fit], counts: TransitionCounts, alike: float
) -> None:
    """Note in the frame which of the touchpoints to keep may be merged."""
    code = {name: number for number, name in enumerate(counts.names)}
    at = np.array([code[name] for name in frame["touchpoint"]], dtype=np.int64)
    candidates = np.zeros(len(code), dtype=bool)
    candidates[at] = (frame["verdict"] == KEEP).to_numpy()
    log, error = np.full(len(code), np.nan), np.full(len(code), np.nan)
    log[at] = [fit.log_ratio for fit in fits]
    error[at] = [fit.std_error for fit in fits]
    gap = np.abs(log[:, None] - log) / np.hypot(error[:, None], error)
    for one, merge in merges(counts, candidates, gap < _UNLIKE, alike).items():
        row = int(np.flatnonzero(at == one)[0])
        frame.loc[row, ["verdict", "merge_with", "reason"]] = [
            MERGE,
            counts.names[merge.other],
            merge.reason,
        ]


def _outcome_rows(journeys: Journeys, reached: NDArray[np.bool_]) -> pd.DataFrame:
    rows = []
    for code in np.flatnonzero(reached).tolist():
        events = np.flatnonzero(journeys.touchpoint == code)
        journey = np.searchsorted(journeys.start, events, side="right") - 1
        rows.append(
            {
                "touchpoint": journeys.names[code],
                "verdict": KEEP,
                "merge_with": None,
                "n": len(events),
                "n_customers": len(np.unique(journeys.customer_index[journey])),
                "share": len(events) / journeys.n_events,
                "n_event": 0,
                "estimate": np.nan,
                "conf_low": np.nan,
                "conf_high": np.nan,
                "information": 0.0,
                "p_value": np.nan,
                "q_value": np.nan,
                "reason": "the outcome",
            }
        )
    return pd.DataFrame(rows)
