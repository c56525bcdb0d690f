"""The baseline of a discrete hazard: its columns by period, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from journeykit.survival.models.binomial import BinomialFit, Link, hazard, weight_of
from journeykit.survival.models.person_periods import LAST_PERIODS, Cells, Kinds, LastPeriod

if TYPE_CHECKING:
    from numpy.typing import NDArray

Baseline = Literal["periods", "log", "linear", "constant"]
BASELINES: tuple[Baseline, ...] = ("periods", "log", "linear", "constant")
_TERMS = {
    "log": ("(Intercept)", "log(period)"),
    "linear": ("(Intercept)", "period"),
    "constant": ("(Intercept)",),
}
#: Numbers held at once by the sums over periods.
_HELD = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class PeriodDesign:
    """Columns of the baseline.

    Attributes
    ----------
    baseline : {"periods", "log", "linear", "constant"}
    n, n_event : arrays of float64, shape (last,)
        Under risk and left, by period from 1.
    column : array of int64, shape (last,)
        With a parameter a period, which it is: -1 in periods without events, or with nothing else,
        whose hazard is 0 or 1 whatever the covariates.
    """

    baseline: Baseline
    n: NDArray[np.float64]
    n_event: NDArray[np.float64]
    column: NDArray[np.int64]

    @property
    def last(self) -> int:
        """Last period in which anyone was under risk."""
        return len(self.n)

    @property
    def n_columns(self) -> int:
        """Columns of the baseline."""
        if self.baseline == "periods":
            return int(self.column.max()) + 1
        return len(_TERMS[self.baseline])

    def rows(self, period: NDArray[np.int64], /) -> NDArray[np.float64]:
        """Return the columns at each `period`, shape (n, n_columns)."""
        if self.baseline == "periods":
            met = self.column[period - 1][:, None] == np.arange(self.n_columns)
            return np.asarray(met, dtype=np.float64)
        columns = [np.ones(len(period))]
        if self.baseline != "constant":
            p = period.astype(np.float64)
            columns.append(np.log(p) if self.baseline == "log" else p)
        return np.column_stack(columns)

    def informative(self, counted: Cells, /) -> NDArray[np.bool_]:
        """Return which cells say something of the parameters."""
        if self.baseline != "periods":
            return np.ones(len(counted.n), dtype=bool)
        return np.asarray(self.column[counted.period - 1] >= 0)

    def by_period(
        self, coefficients: NDArray[np.float64], /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the baseline of every period, shape (last,), and its columns.

        It is missing where nobody was under risk.
        """
        columns = self.rows(np.arange(1, self.last + 1))
        baseline = columns @ coefficients
        if self.baseline == "periods":
            surely = np.where(self.n_event > 0, np.inf, -np.inf)
            baseline = np.where(self.column >= 0, baseline, surely)
        return np.where(self.n > 0, baseline, np.nan), columns

    def coefficients(
        self, estimate: NDArray[np.float64], error: NDArray[np.float64], /, *, small_cell: int
    ) -> pd.DataFrame:
        """Return ``term estimate std_error`` of the baseline; empty of periods of few customers."""
        if self.baseline != "periods":
            terms: list[str] = list(_TERMS[self.baseline])
            return pd.DataFrame({"term": terms, "estimate": estimate, "std_error": error})
        there = np.flatnonzero(self.n > 0)
        many = self.n[there] >= small_cell
        known = (self.column[there] >= 0) & many
        return pd.DataFrame(
            {
                "term": [f"period[{period + 1}]" for period in there],
                "estimate": np.where(many, self.by_period(estimate)[0][there], np.nan),
                "std_error": np.where(known, error[self.column[there]], np.nan),
            }
        )

    def hazards(
        self,
        counted: Cells,
        patterns: NDArray[np.float64],
        fitted: BinomialFit,
        link: Link,
        period_days: float,
        small_cell: int,
    ) -> pd.DataFrame:
        """Return the frame of `PeriodHazards`."""
        baseline, _ = self.by_period(fitted.coefficients[: self.n_columns])
        effect = patterns @ fitted.coefficients[self.n_columns :]
        leave = hazard(baseline[counted.period - 1] + effect[counted.pattern], link).leave
        expected = np.bincount(counted.period - 1, counted.n * leave, self.last)
        there = np.flatnonzero(self.n >= small_cell)
        n = self.n[there]
        return pd.DataFrame(
            {
                "period": there + 1,
                "time_days": (there + 1) * period_days,
                "n_at_risk": n,
                "n_event": self.n_event[there].astype(np.int64),
                "observed": self.n_event[there] / n,
                "estimate": expected[there] / n,
            }
        )


def period_design(counted: Cells, baseline: Baseline, /) -> PeriodDesign:
    """Choose the columns of the baseline for what was counted."""
    last = int(counted.period.max())
    n = np.bincount(counted.period - 1, counted.n, last).astype(np.float64)
    n_event = np.bincount(counted.period - 1, counted.n_event, last).astype(np.float64)
    free = (n_event > 0) & (n_event < n)
    return PeriodDesign(baseline, n, n_event, np.where(free, np.cumsum(free) - 1, -1))


def sandwich(
    design: PeriodDesign,
    patterns: NDArray[np.float64],
    kinds: Kinds,
    customer: NDArray[np.int64],
    fitted: BinomialFit,
    link: Link,
    /,
    *,
    last_period: LastPeriod,
) -> NDArray[np.float64]:
    """Return the covariance of coefficients with whole customers as the independent units."""
    scores = _scores(design, patterns, kinds, fitted, link, LAST_PERIODS[last_period])
    n, q = int(customer.max()) + 1, scores.shape[1]
    meat = np.zeros((q, q))
    if n == len(customer):
        for at in range(0, len(scores), max(1, _HELD // q)):
            part = scores[at : at + max(1, _HELD // q)]
            meat += part.T @ (kinds.n[at : at + len(part), None] * part)
    else:
        order = np.argsort(customer, kind="stable")
        begins = np.append(np.flatnonzero(np.diff(customer[order], prepend=-1)), len(order))
        size = max(1, _HELD // (q * max(1, len(order) // n)))
        for at in range(0, n, size):
            bounds = begins[at : at + size + 1]
            rows = scores[kinds.kind[order[bounds[0] : bounds[-1]]]]
            part = np.add.reduceat(rows, bounds[:-1] - bounds[0], axis=0)
            meat += part.T @ part
    return np.asarray(fitted.covariance @ meat @ fitted.covariance)


def _scores(
    design: PeriodDesign,
    patterns: NDArray[np.float64],
    kinds: Kinds,
    fitted: BinomialFit,
    link: Link,
    cut_counts: float,
) -> NDArray[np.float64]:
    """Return the derivative of the log-likelihood of one row of each kind, shape (n_kinds, q)."""
    own = design.n_columns
    baseline, columns = design.by_period(fitted.coefficients[:own])
    effect = patterns @ fitted.coefficients[own:]
    scores = np.zeros((len(kinds.n), own + patterns.shape[1]))
    period = np.arange(1, design.last + 1)
    size = max(1, _HELD // design.last)
    for at in range(0, len(kinds.n), size):
        rows = slice(at, at + size)
        first, last = kinds.first[rows, None], kinds.last[rows, None]
        at_risk = ((period >= first) & (period <= last)).astype(np.float64)
        ends = (period == last) & (first <= last)
        at_risk[ends & kinds.cut[rows, None]] = cut_counts
        eta = baseline + effect[kinds.pattern[rows], None]
        chance = hazard(np.where(np.isfinite(eta), eta, 0.0), link)
        left = (ends & kinds.event[rows, None]).astype(np.float64)
        residual = (left - at_risk * chance.leave) * weight_of(chance)
        residual[~np.isfinite(eta)] = 0.0
        scores[rows, :own] = residual @ columns
        scores[rows, own:] = residual.sum(axis=1)[:, None] * patterns[kinds.pattern[rows]]
    return scores
