"""What departing from the plan costs: minutes, and what an event column counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.errors import DataError, NotObservedError
from journeykit.plan.marks import DEVIATIONS, mark, minutes
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.plan.marks import Marked
    from journeykit.plan.model import Plan

#: Of the largest cost, what is taken for a rounding error.
_ROUNDING = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DeviationCosts(Result):
    """What each deviation adds to its case, the others held equal.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a type and step, in the order of the plan: `type step`; `n_event` cases with it,
        `n_customers` whose they are; `estimate std_error conf_low conf_high`, what it adds to the
        case; `share`, of all that deviations add; `p_value q_value`; `verdict`: ``more``,
        ``less``, ``cannot tell``; ``not told apart`` where it always comes with others, and ``too
        few`` below `small_cell` customers.
    as_planned : float
        The mean of cases without any deviation, as estimated.
    what : str
        ``minutes`` or the event column.
    n, n_customers : int
        Closed cases, and whose they are.
    """

    as_planned: float
    what: str
    n: int
    n_customers: int
    rows: ClassVar[str] = "deviations"

    def summary(self) -> str:
        """Say what the dearest deviations add."""
        found = self.frame[self.frame["verdict"] == "more"].sort_values("estimate", ascending=False)
        said = [
            f"{len(self.frame):,} deviations of {self.n:,} closed cases: "
            f"{len(found):,} {'goes' if len(found) == 1 else 'go'} with more {self.what}; "
            f"as planned, a case has {self.as_planned:,.3g}"
        ]
        said += [
            f"{row.type} {row.step} goes with {row.estimate:,.3g} "
            f"({row.conf_low:,.3g} to {row.conf_high:,.3g})"
            for row in found.head(3).itertuples()
        ]
        return "; ".join(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what each deviation adds, with intervals."""
        from journeykit.draw.lanes import effect_dots

        told = self.frame[self.frame["estimate"].notna()]
        labels = [f"{row.step} ({int(row.n_event):,})" for row in told.itertuples()]
        return effect_dots(
            labels, told["type"].tolist(), told["estimate"], told["conf_low"], told["conf_high"],
            ax=ax, label=f"{self.what} that it adds to a case",
        )  # fmt: skip


def deviation_costs(
    journeys: Journeys,
    plan: Plan,
    /,
    *,
    value: str | None = None,
    case: str | None = None,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> DeviationCosts:
    """Estimate what each deviation adds to its case: minutes, or what an event column counts.

    Least squares of the cost of a closed case on a flag for each type and step that occurs in it:
    the estimate is the mean difference to cases without the deviation and with the same others, if
    what they add adds up. Standard errors are clustered by customer, intervals Student's with the
    number of customers with the deviation less 1 degrees of freedom. The minutes of a case run from
    its first event to the first that the plan's cases reach, or to the last. Of an event column,
    the sum over the case; empty entries add nothing.

    A description, of design grade C: longer cases have more time to depart from the plan, so a
    departure that changes nothing goes with more minutes too, the more the longer cases are beside
    what it takes itself (of cases of five days on average, one in ten a day went with five more).
    It tells what departures within a visit take, not what they cause over weeks. All rows are
    tested: `q_value` is Benjamini and Hochberg's, and the verdict is about intervals, not about q.

    Parameters
    ----------
    journeys, plan, case
        As in `deviations`.
    value : str, optional
        Event column of a cost; by default minutes.
    small_cell : int
    confidence : float in (0, 1)

    Raises
    ------
    NotObservedError
        When minutes are asked for and the journeys have no times.
    DataError
        When there are too few customers for the number of deviations.

    References
    ----------
    Liang, Zeger (1986), Biometrika 73: errors clustered by customer.
    """
    check_whole("small_cell", small_cell, least=1)
    check_fraction("confidence", confidence)
    marked = mark(journeys, plan, case=case)
    cost = _cost(marked, plan, value)
    key = marked.type * len(marked.names()) + marked.label
    keys, column = np.unique(key, return_inverse=True)
    flags = np.zeros((len(cost), len(keys)))
    flags[marked.case, column] = 1
    customer = marked.cases.journeys.customer_index
    whose = np.array([len(np.unique(customer[flag > 0])) for flag in flags.T], dtype=np.int64)
    n_customers = len(np.unique(customer))
    if n_customers < len(keys) + 2:
        raise DataError(
            f"{len(keys):,} deviations cannot be told apart by {n_customers:,} customers; put "
            "touchpoints that are none into `beside`."
        )
    enough = whose >= small_cell
    apart = _told_apart(flags)
    estimate, error, base = _fitted(flags, apart, cost, customer)
    frame = _frame(marked, keys, flags, whose)
    frame = _bounded(frame, estimate, error, whose, enough & apart, confidence)
    frame["verdict"] = np.select(
        [~enough, ~apart, frame["conf_low"] > 0, frame["conf_high"] < 0],
        ["too few", "not told apart", "more", "less"],
        "cannot tell",
    )
    frame = frame.assign(**{c: frame[c].astype("Int64") for c in ("n_event", "n_customers")})
    frame.loc[~enough, ["n_event", "n_customers"]] = None
    return DeviationCosts(
        frame=frame,
        provenance=Provenance(
            journeys.fingerprint,
            {"plan": plan.name, "value": value, "case": case, "small_cell": small_cell,
             "confidence": confidence},
        ),
        as_planned=base,
        what="minutes" if value is None else value,
        n=len(cost),
        n_customers=n_customers,
    )  # fmt: skip


def _cost(marked: Marked, plan: Plan, value: str | None) -> NDArray[np.float64]:
    journeys = marked.cases.journeys
    if value is None:
        if journeys.time is None:
            raise NotObservedError(
                "Minutes need times, and these journeys have none; name a column by `value`."
            )
        return minutes(marked.cases, plan)
    check_known("value", [value], list(journeys.columns), what="event columns")
    spent = np.nan_to_num(np.asarray(journeys.columns[value], dtype=np.float64), nan=0.0)
    return np.asarray(np.add.reduceat(spent, journeys.start[:-1]), dtype=np.float64)


def _told_apart(flags: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the columns that no combination of the others, and the constant, makes up."""
    design = np.column_stack([np.ones(len(flags)), flags])
    _, size, directions = np.linalg.svd(design.T @ design)
    null = directions[size < size[0] * 1e-10]
    return np.asarray(~(np.abs(null[:, 1:]) > 1e-6).any(axis=0))


def _fitted(
    flags: NDArray[np.float64],
    apart: NDArray[np.bool_],
    cost: NDArray[np.float64],
    customer: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return estimates and clustered errors of all flags, and the mean without any."""
    from statsmodels.regression.linear_model import OLS

    # Of flags that are not told apart, the first that make up the others stand for them.
    chosen: list[int] = []
    design = np.ones((len(flags), 1))
    for at in np.flatnonzero(~apart).tolist():
        longer = np.column_stack([design, flags[:, at]])
        if np.linalg.matrix_rank(longer.T @ longer) == longer.shape[1]:
            design, chosen = longer, [*chosen, at]
    design = np.column_stack([design, flags[:, apart]])
    fit = OLS(cost, design).fit(cov_type="cluster", cov_kwds={"groups": customer})
    # What is only rounding, where costs are the same in all cases alike, is no spread.
    unit = max(float(np.abs(cost).max()), 1e-300) * _ROUNDING
    params = np.round(fit.params / unit) * unit
    estimate, error = (np.full(flags.shape[1], np.nan) for _ in range(2))
    estimate[apart] = params[1 + len(chosen) :]
    error[apart] = np.where(fit.bse < unit, 0.0, fit.bse)[1 + len(chosen) :]
    return estimate, error, float(params[0])


def _frame(
    marked: Marked,
    keys: NDArray[np.int64],
    flags: NDArray[np.float64],
    whose: NDArray[np.int64],
) -> pd.DataFrame:
    import pandas as pd

    names = marked.names()
    return pd.DataFrame(
        {
            "type": [DEVIATIONS[key // len(names) - 1] for key in keys],
            "step": [names[key % len(names)] for key in keys],
            "n_event": flags.sum(axis=0).astype(np.int64),
            "n_customers": whose,
        }
    )


def _bounded(
    frame: pd.DataFrame,
    estimate: NDArray[np.float64],
    error: NDArray[np.float64],
    whose: NDArray[np.int64],
    told: NDArray[np.bool_],
    confidence: float,
) -> pd.DataFrame:
    """Add estimates, intervals and p-values where there is enough to tell."""
    from scipy.special import stdtr, stdtrit

    freedom = np.maximum(whose - 1, 1)
    half = stdtrit(freedom, (1 + confidence) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(estimate == 0, 1.0, 2 * stdtr(freedom, -np.abs(estimate / error)))
    columns = {
        "estimate": estimate,
        "std_error": error,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }
    for name, values in columns.items():
        frame[name] = np.where(told, values, np.nan)
    added = np.where(told, estimate, 0.0) * frame["n_event"].to_numpy()
    total = np.abs(added).sum()
    frame["share"] = np.where(told & (total > 0), added / total if total > 0 else np.nan, np.nan)
    frame["p_value"] = np.where(told, p, np.nan)
    q = np.full(len(frame), np.nan)
    tested = np.isfinite(frame["p_value"].to_numpy())
    q[tested] = benjamini_hochberg(frame["p_value"].to_numpy()[tested])
    frame["q_value"] = q
    return frame
