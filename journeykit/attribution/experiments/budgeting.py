"""What another budget would do, from experiments or a hazard; never from shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.attribution.experiments.curves import Band
from journeykit.attribution.experiments.plans import (
    Given,
    fits_of,
    increments_of,
    money,
    one_model,
    planned,
    spans_of,
)
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.experiments.calibration import CalibratedCredits
    from journeykit.attribution.experiments.plans import Elasticity, Planned
    from journeykit.attribution.hazards.additive import HazardCredits

TOTAL = "(total)"
#: Points of each curve.
_POINTS = 41


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BudgetPlan(Result):
    """Conversions at the present and at the new costs.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a channel, ``(total)`` last:

        - `channel`, `cost`, `new_cost`: money of the period; missing where none was given, and the
          conversions then stay as they are
        - `conversions`: increment at the present cost
        - `new_conversions`, `conf_low`, `conf_high`: increment at the new cost
        - `added`, `added_low`, `added_high`: the difference, of which less is unknown than of the
          two apart
        - `elasticity_low`, `elasticity_high`: as declared, or as the levels leave it
        - `within_data`: whether the new cost lies within the costs seen; elsewhere the declared
          form alone speaks
    curves : pandas.DataFrame
        `channel cost conversions conf_low conf_high`: the response curves that are drawn, of
        channels with a cost and an interval.
    warnings : tuple of str
        Those of the hazard, which say where its credits are hardly what channels add.
    """

    curves: pd.DataFrame
    warnings: tuple[str, ...] = ()
    rows: ClassVar[str] = "channels"

    def summary(self) -> str:
        """Say what is added in all, for how much, and what that assumes."""
        total = self.frame.iloc[-1]
        odd = f"; warnings on the credits: {len(self.warnings)}" if self.warnings else ""
        return (
            f"{total['new_cost'] - total['cost']:+,.0f} of spend: {total['added']:+,.1f} "
            f"conversions ({total['added_low']:+,.1f} to {total['added_high']:+,.1f}), if the "
            f"response curve has the declared form{odd}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw response curves with bands, the present cost (o) and the new one (triangle)."""
        from journeykit.draw import PALETTE, axes, tidy

        ax = axes(ax)
        rows = self.frame.set_index("channel")
        for number, (channel, curve) in enumerate(self.curves.groupby("channel", sort=False)):
            color, row = PALETTE[number % len(PALETTE)], rows.loc[channel]
            ax.fill_between(
                curve["cost"], curve["conf_low"], curve["conf_high"], color=color, alpha=0.15, lw=0
            )
            ax.plot(curve["cost"], curve["conversions"], color=color, label=channel)
            ax.plot(row["cost"], row["conversions"], "o", color=color)
            ax.plot(row["new_cost"], row["new_conversions"], "^", color=color)
        ax.set_xlim(left=0)
        ax.set_xlabel("cost of the period")
        ax.set_ylabel("conversions that would be lost without")
        if len(self.curves):
            ax.legend(frameon=False)
        return tidy(ax, grid="y")


def budget(
    increments: CalibratedCredits | HazardCredits,
    spend: pd.DataFrame,
    plan: pd.DataFrame,
    /,
    *,
    elasticity: Elasticity | Mapping[str, Elasticity],
    levels: pd.DataFrame | None = None,
    model: str | None = None,
) -> BudgetPlan:
    """Foretell conversions at other costs, with a response curve of a declared form.

    The increment of a channel at cost x is a * x^e, with the elasticity e in (0, 1]: 1 per cent
    more money brings e per cent more increment, and returns diminish where e < 1. One period at one
    level of spend says where the curve passes, not how steeply: **e is declared, not estimated**,
    as a number or as a range in which it lies. The interval is the widest that any elasticity in
    the range and the interval of the increment allow; so it covers as often as the latter, where
    the true elasticity lies in the range. The number shown is at the middle of the range.

    Where `levels` has increments of a channel at several levels of spend, a and e are fitted to
    them alone by weighted least squares, e within the declared range, and the interval is that of
    the profile likelihood: all values which some a and e yield whose squares are within the
    chi-square quantile of the least.

    The total takes experiments as independent of each other; the errors of ratios and of a hazard
    are shared by channels and add up in full, as do the ranges of elasticity, so its interval
    covers at least as often as declared. Costs of one channel are taken to leave the others as they
    are.

    Parameters
    ----------
    increments : CalibratedCredits or HazardCredits
        Shares of credit are refused: they do not say what would be lost without a channel. So is a
        change of cost for a channel of which only a model's number is known.
    spend : pandas.DataFrame
        `channel`, `cost`: money of the period of the increments, above 0.
    plan : pandas.DataFrame
        `channel`, `cost`: the new costs, at least 0; other channels keep theirs.
    elasticity : float, (low, high), or mapping of channel to either
        In (0, 1]; a mapping names every channel with a cost.
    levels : pandas.DataFrame
        `channel`, `period`, `cost`, `increment`, `std_error`: at least two different costs above 0
        a channel.
    model : str
        Which to plan with, where the credits hold several.

    Returns
    -------
    BudgetPlan
        Intervals at the level of those of `increments`.

    Warns
    -----
    JourneyKitWarning
        When the levels of a channel lie farther from the curve than their errors allow (p < .01):
        the interval is then too short.

    Raises
    ------
    ArgumentError
        When `increments` are shares, an elasticity is not in (0, 1], the model is not named, or
        cost changes where no interval of the increment is known.
    DataError
        When a number is impossible, or a channel has fewer than two levels.
    MappingError
        When a channel or a column does not exist.

    References
    ----------
    Hanssens, Parsons, Schultz (2001), Market response models, 2nd edition, chapter 3.
    Venzon, Moolgavkar (1988), A method for computing profile-likelihood-based confidence intervals,
    Applied Statistics 37.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.attribution import calibrate, rules
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [20, 10], "none": [30, 90]})
    >>> credits = rules(
    ...     path_counts_from_frame(table, conversions="buys", nulls="none"), models=["linear"]
    ... )
    >>> tests = pd.DataFrame({"channel": ["mail"], "increment": [8.0], "std_error": [2.0]})
    >>> spend = pd.DataFrame({"channel": ["mail"], "cost": [100.0]})
    >>> plan = pd.DataFrame({"channel": ["mail"], "cost": [400.0]})
    >>> planned = budget(calibrate(credits, tests), spend, plan, elasticity=0.5)
    >>> planned.frame[["channel", "conversions", "new_conversions", "conf_low"]].round(2)
       channel  conversions  new_conversions  conf_low
    0     mail          8.0             16.0      8.16
    1      web         20.0             20.0       NaN
    2  (total)         28.0             36.0       NaN
    """
    from scipy.special import ndtri

    table = one_model(increments_of(increments), model)
    cost = money("spend", spend, list(table["channel"]), above=0)
    spans = spans_of(elasticity, list(cost))
    given = Given(
        cost, money("plan", plan, list(cost), least=0), spans, fits_of(levels, list(cost), spans)
    )
    confidence = float(str(increments.provenance.parameters.get("confidence", 0.95)))
    quantile = float(ndtri((1 + confidence) / 2))
    channels = [planned(row, given) for row in table.to_dict("records")]
    return BudgetPlan(
        frame=_frame(channels, quantile),
        curves=_curves(channels, quantile),
        warnings=tuple(getattr(increments, "warnings", ())),
        provenance=Provenance(
            fingerprint=increments.provenance.fingerprint,
            parameters={
                **increments.provenance.parameters,
                "elasticity": given.spans,
                "levels": tuple(given.fits),
                "model": table["model"].iloc[0],
            },
            seed=increments.provenance.seed,
        ),
    )


def _frame(channels: list[Planned], quantile: float) -> pd.DataFrame:
    """Write a row a channel, and their total."""
    import pandas as pd

    bands = [_bands(channel, quantile) for channel in channels]
    frame = pd.DataFrame(
        [
            _row(channel, quantile, new, added)
            for channel, (new, added) in zip(channels, bands, strict=True)
        ]
    )
    apart = np.array([channel.apart for channel in channels])
    totals = frame[["cost", "new_cost", "conversions", "new_conversions", "added"]].sum()
    total: dict[str, object] = {"channel": TOTAL, **totals}
    for number, names in enumerate((("conf_low", "conf_high"), ("added_low", "added_high"))):
        bounds = _added_up([pair[number] for pair in bands], apart)
        total |= dict(zip(names, bounds, strict=True))
    total["within_data"] = bool(frame["within_data"].all())
    last = pd.DataFrame([{name: total.get(name, np.nan) for name in frame.columns}])
    return pd.concat([frame, last], ignore_index=True)


def _bands(channel: Planned, quantile: float) -> tuple[Band, Band]:
    """Return what the new cost brings, and what it brings beyond the present one."""
    new = np.array([channel.new_cost])
    if channel.unchanged:
        # Where nothing changes nothing is added, whatever is not known of the channel.
        added = Band(*[np.zeros(1)] * len(Band._fields))
    else:
        added = channel.band(new, less=channel.cost, quantile=quantile)
    return channel.band(new, less=None, quantile=quantile), added


def _row(channel: Planned, quantile: float, new: Band, added: Band) -> dict[str, object]:
    now = channel.band(np.array([channel.cost]), less=None, quantile=quantile)
    row: dict[str, object] = {
        "channel": channel.name,
        "cost": channel.cost,
        "new_cost": channel.new_cost,
        "conversions": float(now.estimate[0]),
    }
    row |= {
        name: float(band[0])
        for name, band in (
            ("new_conversions", new.estimate),
            ("conf_low", new.low),
            ("conf_high", new.high),
            ("added", added.estimate),
            ("added_low", added.low),
            ("added_high", added.high),
        )
    }
    within = channel.unchanged or channel.seen[0] <= channel.new_cost <= channel.seen[1]
    return row | channel.elasticities(quantile) | {"within_data": within}


def _added_up(bands: list[Band], apart: NDArray[np.bool_]) -> tuple[float, float]:
    """Bound the sum of one number of each channel.

    Errors of experiments are independent, so their half widths add up by their squares; those of
    the others are added as if they were one. Beside ranges of elasticities, which take the middles
    and the half widths apart, the sum of the bounds themselves may be narrower; both bounds hold.
    """
    low, high, middle_low, middle_high, half = np.array(
        [[*b.low, *b.high, *b.middle_low, *b.middle_high, *b.half] for b in bands]
    ).T
    width = np.sqrt((half[apart] ** 2).sum()) + half[~apart].sum()
    return (
        float(np.maximum(middle_low.sum() - width, low.sum())),
        float(np.minimum(middle_high.sum() + width, high.sum())),
    )


def _curves(channels: list[Planned], quantile: float) -> pd.DataFrame:
    """Return the response curves of the channels with a cost and an interval."""
    import pandas as pd

    made: list[tuple[object, ...]] = []
    for channel in channels:
        if np.isnan(channel.cost) or (channel.fitted is None and np.isnan(channel.low)):
            continue
        cost = np.linspace(0, 1.25 * max(channel.cost, channel.new_cost), _POINTS)
        band = channel.band(cost, less=None, quantile=quantile)
        name = [channel.name] * _POINTS
        made += zip(name, cost, band.estimate, band.low, band.high, strict=True)
    columns = ["channel", "cost", "conversions", "conf_low", "conf_high"]
    return pd.DataFrame(made, columns=columns)
