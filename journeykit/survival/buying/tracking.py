"""Repeat purchases of a cohort as time goes by, seen and expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.errors import NotObservedError
from journeykit.results import Result
from journeykit.stats.likelihood import delta_errors, positive_interval
from journeykit.survival.buying.models import expected_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.buying.histories import OrderDays
    from journeykit.survival.buying.repeat import RepeatPurchase

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Tracking(Result):
    """One row a period of calendar time since the first customer's first purchase.

    Columns: `time_days`, the end of the period; `value`, all repeat purchases until then;
    `estimate`, the number expected from the parameters and the days of first purchase alone, with
    `std_error`, `conf_low`, `conf_high` from the parameters' uncertainty; `projected`, true after
    the first customer's data ended to be used for the fit.
    """

    rows: ClassVar[str] = "periods"

    def summary(self) -> str:
        """Return how far expectation and truth are apart at the end of either part."""
        parts = []
        for told, rows in self.frame.groupby("projected", sort=True):
            last = rows.iloc[-1]
            when = "foretold" if told else "fitted"
            off = last["estimate"] / last["value"] - 1 if last["value"] else float("nan")
            parts.append(
                f"{when}: {last['estimate']:,.0f} repeat purchases by day {last['time_days']:,.0f}"
                f", {last['value']:,} seen ({off:+.1%})"
            )
        return "; ".join(parts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw repeat purchases seen and expected, and where the projection begins."""
        from journeykit.survival.buying.picture import draw_tracking

        return draw_tracking(self, ax)


def tracked(fit: RepeatPurchase) -> Tracking:
    """Return repeat purchases seen and expected by calendar time."""
    days = fit.histories.order_days
    if days is None:
        raise NotObservedError(
            "`tracking` needs the day of every purchase; these histories come from a table of "
            "counts. Make them with `purchase_histories`."
        )
    begins = np.diff(days.customer, prepend=-1) != 0
    first = days.day[begins]
    begin, end = int(first.min()), int(days.last_day.max())
    step = max(1, round(fit.period_days))
    at = np.minimum(np.arange(step, end - begin + step, step), end - begin)
    at = at[at > 0]
    repeats = np.bincount(days.day[~begins] - begin, minlength=end - begin + 1)

    def all_expected(theta: Array) -> Array:
        since = np.arange(end - begin + 1) / fit.period_days
        new = np.concatenate([[0.0], expected_new(fit.model, theta, since[1:])])
        return np.asarray(_all_customers(new, first - begin, days)[at])

    estimate = all_expected(fit.at.theta)
    std_error = delta_errors(all_expected, fit.at)
    low, high = positive_interval(estimate, std_error, confidence=fit.confidence)
    used = first + fit.histories.frame["observed_days"].to_numpy().astype(np.int64) - begin
    frame = pd.DataFrame(
        {
            "time_days": at.astype(np.float64),
            "value": np.cumsum(repeats)[at],
            "estimate": estimate,
            "std_error": std_error,
            "conf_low": low,
            "conf_high": high,
            "projected": at > used.min(),
        }
    )
    return Tracking(frame=frame, provenance=fit.provenance)


def _all_customers(new: Array, first: NDArray[np.int64], days: OrderDays) -> Array:
    """Add up what is expected of everyone by each day, shape (n_days,).

    Nobody buys after their watching has ended: what is expected then does not count.
    """
    rises = np.diff(new, prepend=0.0)
    total = np.zeros(len(new))
    lasts, which = np.unique(days.last_day, return_inverse=True)
    for number, last in enumerate(lasts - (days.last_day.max() - (len(new) - 1))):
        born = np.bincount(first[which == number], minlength=len(new))
        total[: last + 1] += np.convolve(born, rises)[: last + 1]
    return np.cumsum(total)
