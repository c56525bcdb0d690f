"""What is expected of customers: of each, of groups, of newcomers, and of those held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_positive
from journeykit.errors import ArgumentError, NotObservedError
from journeykit.results import Result
from journeykit.stats.likelihood import delta_errors, positive_interval
from journeykit.survival.buying.fitting import Rows, frequency_groups, rows_of
from journeykit.survival.buying.models import expected, expected_new, variance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.buying.repeat import RepeatPurchase

    Array = NDArray[np.float64]

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ExpectedPurchases(Result):
    """One row a customer, in the order of the histories.

    Columns: ``customer_id frequency recency_days observed_days``; `alive`, the probability not to
    have dropped out; `estimate`, purchases expected within the horizon, with `std_error`,
    `conf_low`, `conf_high` of that expectation: how far the parameters may be off, not how far
    this customer may be from the mean of customers alike; `projected`, true.
    """

    horizon_days: float
    rows: ClassVar[str] = "customers"

    def summary(self) -> str:
        """Return how many are expected to be there, and to buy."""
        frame = self.frame
        return (
            f"{frame['alive'].sum():,.0f} of {len(frame):,} customers expected to be there still, "
            f"{frame['estimate'].sum():,.0f} purchases expected in {self.horizon_days:,.4g} days"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PurchasesAhead(Result):
    """One row a group by number of repeat purchases so far, and one of all customers.

    Columns: `group`; `n` customers; `alive`, how many of them are expected to be there still;
    `estimate`, all their purchases expected within the horizon, with `std_error`, `conf_low` and
    `conf_high` from the parameters' uncertainty; `predict_low` and `predict_high`, between which
    the number that comes about lies, chance included; `projected`, true. Of purchases held out
    also `value`, the number that came about.
    """

    confidence: float
    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Return the expectation of all customers, and what came about where it is known."""
        every = self.frame.iloc[-1]
        told = (
            f"{every['estimate']:,.0f} purchases expected of {every['n']:,} customers "
            f"({self.confidence:.0%} {every['conf_low']:,.0f} to {every['conf_high']:,.0f})"
        )
        if "value" not in self.frame:
            return told
        inside = every["predict_low"] <= every["value"] <= every["predict_high"]
        off = every["value"] / every["estimate"] - 1
        verdict = "as foretold" if inside else "not as foretold"
        return (
            f"{told}; {every['value']:,.0f} came ({off:+.1%}), {verdict}: "
            f"{every['predict_low']:,.0f} to {every['predict_high']:,.0f} with chance included"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the purchases per customer by group, and what came about where it is known."""
        from journeykit.survival.buying.picture import draw_purchases_ahead

        return draw_purchases_ahead(self, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Newcomers(Result):
    """Repeat purchases of a new customer: ``time_days estimate std_error conf_low conf_high``.

    `projected` is true beyond the longest time that any customer was watched.
    """

    rows: ClassVar[str] = "times"

    def summary(self) -> str:
        """Return the last of them."""
        last = self.frame.iloc[-1]
        beyond = ", beyond the data" if last["projected"] else ""
        return (
            f"{last['estimate']:.3g} repeat purchases expected of a new customer in "
            f"{last['time_days']:,.4g} days ({last['conf_low']:.3g} to {last['conf_high']:.3g}"
            f"{beyond})"
        )


def expected_purchases(fit: RepeatPurchase, *, horizon_days: float) -> ExpectedPurchases:
    """Return what is expected of every customer."""
    check_positive("horizon_days", horizon_days)
    fit.need_fit("Expecting purchases")
    rows = rows_of(fit.histories, fit.period_days)
    ahead = np.full(len(rows.n), horizon_days / fit.period_days)
    alike = _estimated(lambda theta: expected(fit.model, theta, rows.seen, ahead), fit)
    alive = fit.model.alive(fit.at.theta, rows.seen)
    kept = ["customer_id", "frequency", "recency_days", "observed_days"]
    frame = fit.histories.frame[kept].reset_index(drop=True)
    frame = frame.assign(alive=alive[rows.which])
    for name, column in alike.items():
        frame[name] = column[rows.which]
    return ExpectedPurchases(
        frame=frame.assign(projected=True), provenance=fit.provenance, horizon_days=horizon_days
    )


def purchases_ahead(fit: RepeatPurchase, *, horizon_days: float) -> PurchasesAhead:
    """Return what is expected of groups of customers."""
    check_positive("horizon_days", horizon_days)
    fit.need_fit("Expecting purchases")
    rows = rows_of(fit.histories, fit.period_days)
    ahead = np.full(len(rows.n), horizon_days / fit.period_days)
    return _grouped(fit, rows, ahead, came=None)


def held_out(fit: RepeatPurchase) -> PurchasesAhead:
    """Compare what was expected of groups of customers with what came about."""
    frame = fit.histories.frame
    if "holdout_frequency" not in frame:
        raise NotObservedError(
            "`holdout` needs purchases that the model has not seen; give `holdout_from` to "
            "`purchase_histories`, or `holdout_frequency` to `purchase_histories_from_frame`."
        )
    days = frame["holdout_days"].to_numpy(dtype=np.float64)
    rows = rows_of(fit.histories, fit.period_days)
    # Customers of one history may have been watched for different times afterwards.
    pairs, which = np.unique(np.stack([rows.which, days], axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    row = pairs[:, 0].astype(np.int64)
    apart = Rows(type(rows.seen)(*(a[row] for a in rows.seen)), np.bincount(which), which)
    came = np.asarray(np.bincount(which, frame["holdout_frequency"].to_numpy()), dtype=np.float64)
    return _grouped(fit, apart, pairs[:, 1] / fit.period_days, came=came)


def newcomers(fit: RepeatPurchase, days: Sequence[float]) -> Newcomers:
    """Return what is expected of a new customer."""
    fit.need_fit("Expecting purchases of newcomers")
    wanted = np.asarray(days, dtype=np.float64)
    if wanted.ndim != 1 or not len(wanted) or not (np.isfinite(wanted) & (wanted > 0)).all():
        raise ArgumentError(f"`days` must be numbers above 0; got {days!r}.")
    columns = _estimated(lambda at: expected_new(fit.model, at, wanted / fit.period_days), fit)
    longest = float(fit.histories.frame["observed_days"].max())
    frame = pd.DataFrame({"time_days": wanted, **columns, "projected": wanted > longest})
    return Newcomers(frame=frame, provenance=fit.provenance)


def _estimated(function: Callable[[Array], Array], fit: RepeatPurchase) -> dict[str, Array]:
    estimate = function(fit.at.theta)
    std_error = delta_errors(function, fit.at)
    low, high = positive_interval(estimate, std_error, confidence=fit.confidence)
    return {"estimate": estimate, "std_error": std_error, "conf_low": low, "conf_high": high}


def _grouped(
    fit: RepeatPurchase, rows: Rows, ahead: Array, *, came: Array | None
) -> PurchasesAhead:
    groups = frequency_groups(rows, fit.small_cell)

    def summed(values: Array) -> Array:
        by_group = np.bincount(groups.of_row, values)
        return np.append(by_group, by_group.sum())

    model, seen = fit.model, rows.seen
    columns = _estimated(lambda at: summed(rows.n * expected(model, at, seen, ahead)), fit)
    chance = summed(rows.n * variance(model, fit.at.theta, seen, ahead))
    spread = np.sqrt(chance + columns["std_error"] ** 2)
    low, high = positive_interval(columns["estimate"], spread, confidence=fit.confidence)
    frame = pd.DataFrame(
        {
            "group": [*groups.names, ALL],
            "n": summed(rows.n.astype(np.float64)).astype(np.int64),
            "alive": summed(rows.n * model.alive(fit.at.theta, seen)),
            **columns,
            "predict_low": low,
            "predict_high": high,
            "projected": True,
        }
    )
    if came is not None:
        frame["value"] = summed(came).astype(np.int64)
    return PurchasesAhead(frame=frame, provenance=fit.provenance, confidence=fit.confidence)
