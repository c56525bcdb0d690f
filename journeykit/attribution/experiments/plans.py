"""What a budget is planned with: increments, costs, elasticities and levels of spend, checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.credit import NO_CHANNELS
from journeykit.attribution.experiments.calibration import CalibratedCredits
from journeykit.attribution.experiments.curves import Band, Fit, declared_band, fit, fitted_band
from journeykit.attribution.experiments.reading import credited
from journeykit.attribution.experiments.tables import check_columns, numbers, one_row_each
from journeykit.checks import check_known, did_you_mean
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.results import Result

Elasticity = float | tuple[float, float]
#: Below, the levels of spend do not lie on a curve of the declared form.
_MISFIT = 0.01


class Given(NamedTuple):
    """By channel: present and new costs, spans of the elasticity, and fitted curves."""

    cost: dict[str, float]
    new_cost: dict[str, float]
    spans: dict[str, tuple[float, float]]
    fits: dict[str, tuple[Fit, tuple[float, float]]]


class Planned(NamedTuple):
    """One channel: what it adds now, what it costs, and how it responds."""

    name: str
    conversions: float
    low: float
    high: float
    cost: float
    new_cost: float
    span: tuple[float, float]
    apart: bool
    fitted: Fit | None
    seen: tuple[float, float]

    @property
    def unchanged(self) -> bool:
        """Whether the cost stays as it is; so it does where none is known."""
        return np.isnan(self.cost) or self.cost == self.new_cost

    def band(self, cost: NDArray[np.float64], *, less: float | None, quantile: float) -> Band:
        """Return conversions at each cost, less those at the cost `less` where given."""
        if self.fitted is not None:
            power = self.fitted.elasticity[:, None]
            factor = cost**power - (0.0 if less is None else less**power)
            return fitted_band(self.fitted, factor, quantile)
        power = np.array([self.span[0], sum(self.span) / 2, self.span[1]])[:, None]
        factor = np.ones((3, len(cost))) if np.isnan(self.cost) else (cost / self.cost) ** power
        if less is not None:
            factor = factor - 1
        return declared_band(factor, self.conversions, self.low, self.high)

    def elasticities(self, quantile: float) -> dict[str, float]:
        """Return the least and the largest elasticity that is left."""
        low, high = self.span
        if self.fitted is not None:
            apart = self.fitted.squares - self.fitted.squares.min()
            left = self.fitted.elasticity[apart <= quantile**2]
            low, high = float(left.min()), float(left.max())
        return {"elasticity_low": low, "elasticity_high": high}


def increments_of(increments: Result, /) -> pd.DataFrame:
    """Return ``model channel conversions low high apart`` of channels; shares are refused.

    `apart` says that the error is of the channel's own experiment.
    """
    if isinstance(increments, CalibratedCredits):
        table = increments.frame.rename(columns={"conf_low": "low", "conf_high": "high"})
        table["apart"] = table["tested"]
    else:
        from journeykit.attribution.hazards.additive import HazardCredits

        if not isinstance(increments, HazardCredits):
            raise ArgumentError(
                "A budget must rest on what channels add: `CalibratedCredits` or `HazardCredits`; "
                f"got {type(increments).__name__}. A share of credit does not say what would be "
                "lost without a channel; put it right with `calibrate`."
            )
        table = credited(increments).assign(apart=False)
    table = table[["model", "channel", "conversions", "low", "high", "apart"]]
    return table[~table["channel"].isin(NO_CHANNELS)].reset_index(drop=True)


def one_model(table: pd.DataFrame, model: str | None) -> pd.DataFrame:
    """Return the rows of one model, which must be named where there are several."""
    models = list(table["model"].unique())
    if model is not None:
        check_known("model", [model], models, what="models")
        return table[table["model"] == model]
    if len(models) > 1:
        raise ArgumentError(
            f"`model` must name the one to plan with; there are {', '.join(map(repr, models))}."
        )
    return table


def money(
    name: str,
    table: pd.DataFrame,
    known: list[str],
    *,
    above: float | None = None,
    least: float | None = None,
) -> dict[str, float]:
    """Return the costs by channel."""
    check_columns(name, table, ("channel", "cost"))
    channels = one_row_each(name, table)
    if unknown := [channel for channel in channels if channel not in known]:
        raise MappingError(
            f"`{name}` names channels of which no increment is known: "
            f"{', '.join(map(repr, unknown))}.{did_you_mean(unknown[0], known)} Leave them out: "
            "what their cost brings cannot be told."
        )
    cost = numbers(name, table, "cost", above=above, least=least)
    return dict(zip(channels, cost.tolist(), strict=True))


def spans_of(
    elasticity: Elasticity | Mapping[str, Elasticity], channels: list[str]
) -> dict[str, tuple[float, float]]:
    """Return the least and the largest elasticity declared for every channel."""
    if not isinstance(elasticity, Mapping):
        return dict.fromkeys(channels, _span(elasticity))
    check_known("elasticity", elasticity, channels, what="channels with a cost")
    missing = [name for name in channels if name not in elasticity]
    if missing:
        raise ArgumentError(
            f"`elasticity` must name every channel with a cost; without: {', '.join(missing)}."
        )
    return {name: _span(elasticity[name]) for name in channels}


def _span(elasticity: Elasticity) -> tuple[float, float]:
    ends = elasticity if isinstance(elasticity, tuple) else (elasticity, elasticity)
    right = len(ends) == 2 and all(
        isinstance(end, int | float) and not isinstance(end, bool) and 0 < end <= 1 for end in ends
    )
    if not right or ends[0] > ends[1]:
        raise ArgumentError(
            "`elasticity` must be a number above 0 and at most 1, or a range (low, high) of such; "
            f"got {elasticity!r}."
        )
    return (float(ends[0]), float(ends[1]))


def fits_of(
    levels: pd.DataFrame | None, channels: list[str], spans: dict[str, tuple[float, float]]
) -> dict[str, tuple[Fit, tuple[float, float]]]:
    """Fit the curve of every channel in `levels`; beside it, the least and largest cost seen."""
    if levels is None:
        return {}
    check_columns("levels", levels, ("channel", "period", "cost", "increment", "std_error"))
    check_known("levels", levels["channel"].unique(), channels, what="channels with a cost")
    cost = numbers("levels", levels, "cost", above=0)
    increment = numbers("levels", levels, "increment")
    error = numbers("levels", levels, "std_error", above=0)
    twice = levels.duplicated(["channel", "period"])
    if twice.any():
        row = levels[twice].iloc[0]
        raise DataError(
            f"`levels` must have one row a channel and period; {row['channel']!r} has several for "
            f"{row['period']!s}."
        )
    fits = {}
    for name in levels["channel"].unique():
        own = (levels["channel"] == name).to_numpy()
        if len(np.unique(cost[own])) < 2:
            raise DataError(
                f"`levels` must have at least two different costs a channel; {name!r} has one. "
                "Leave it out, and its elasticity is the declared one."
            )
        fitted = fit(cost[own], increment[own], error[own], spans[name])
        _warn_misfit(name, fitted, int(own.sum()))
        fits[str(name)] = (fitted, (float(cost[own].min()), float(cost[own].max())))
    return fits


def _warn_misfit(name: str, fitted: Fit, n: int) -> None:
    from scipy.special import chdtrc

    free = n - (2 if len(fitted.elasticity) > 1 else 1)
    if free > 0 and chdtrc(free, fitted.squares.min()) < _MISFIT:
        warnings.warn(
            f"The levels of {name!r} do not lie on one curve of the declared form: their errors "
            "are too small for that, or the periods differ. Its interval is too short.",
            JourneyKitWarning,
            stacklevel=4,
        )


def planned(row: Mapping[str, object], given: Given) -> Planned:
    """Put together all that is known of a channel, and refuse a change of what is not known."""
    name = str(row["channel"])
    cost = given.cost.get(name, np.nan)
    new_cost = given.new_cost.get(name, cost)
    fitted, seen = given.fits.get(name, (None, (cost, cost)))
    low, high = float(str(row["low"])), float(str(row["high"]))
    if fitted is None and np.isnan(low) and not np.isnan(cost) and new_cost != cost:
        raise ArgumentError(
            f"The cost of {name!r} must stay as it is: how far the model is off there is not "
            "known. Test the channel, or give its `levels`."
        )
    return Planned(
        name=name,
        conversions=float(str(row["conversions"])),
        low=low,
        high=high,
        cost=cost,
        new_cost=new_cost,
        span=given.spans.get(name, (np.nan, np.nan)),
        apart=bool(row["apart"]) or fitted is not None,
        fitted=fitted,
        seen=seen,
    )
