"""What a credited conversion cost, and what came back for the money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.attribution.credit import NO_CHANNELS
from journeykit.attribution.experiments.calibration import CalibratedCredits
from journeykit.attribution.experiments.reading import credited
from journeykit.attribution.experiments.tables import check_columns, numbers, one_row_each
from journeykit.checks import check_positive
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.credit import Credits

#: What has to stand beside every cost of a conversion.
AVERAGE_WARNING = "These are averages: what the next unit of money brings is usually less."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Costs(Result):
    """Cost of a credited conversion and return on spend, by model and channel.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a model and channel in the order of the credits, then channels that cost and are
        credited nothing; rows that are no channel stay, without a cost:

        - `model`, `channel`
        - `cost`: of the period, missing where none was given
        - `conversions`, `value`: credited; `value` is missing where the data has none
        - `cpa`, `cpa_low`, `cpa_high`: `cost` / `conversions` in money, infinite where nothing was
          gained for it; the upper bound is infinite where the conversions may be 0 or less
        - `roas`, `roas_low`, `roas_high`: `value` / `cost`; missing without a cost
    """

    rows: ClassVar[str] = "costs"

    def summary(self) -> str:
        """Name the cheapest and the dearest channel of each model; say that these are averages."""
        told = []
        for model, part in self.frame.groupby("model", sort=False):
            known = part[np.isfinite(part["cpa"]) & (part["cost"] > 0)]
            if len(known):
                best, worst = (
                    known.loc[at] for at in (known["cpa"].idxmin(), known["cpa"].idxmax())
                )
                told.append(
                    f"{model} from {best['cpa']:,.2f} ({best['channel']}) to {worst['cpa']:,.2f} "
                    f"({worst['channel']})"
                )
        shown = ", ".join(told) or "not known, as no channel has both a cost and credit"
        return f"cost of a credited conversion: {shown}. {AVERAGE_WARNING}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw costs of a conversion with intervals; an arrow where one goes on, beyond 4 times."""
        from journeykit.draw import PALETTE, axes, tidy
        from journeykit.draw.charts import shortened

        frame = self.frame[np.isfinite(self.frame["cpa"])]
        channels, models = frame["channel"].unique().tolist(), frame["model"].unique().tolist()
        ax = axes(ax, height=max(1.8, (0.14 * len(models) + 0.22) * len(channels) + 1.0))
        dearest = max([1e-9, *frame["cpa"]])
        bounds = frame["cpa_high"][frame["cpa_high"] <= 4 * dearest]
        edge = 1.1 * max([1.5 * dearest, *bounds])
        for number, model in enumerate(models):
            part = frame[frame["model"] == model].set_index("channel").reindex(channels)
            at = np.arange(len(channels)) + 0.16 * (number - (len(models) - 1) / 2)
            color = PALETTE[number % len(PALETTE)]
            ax.hlines(at, part["cpa_low"], part["cpa_high"].clip(upper=edge), color=color)
            open_end = part["cpa_high"].to_numpy() > edge
            ax.plot(np.full(open_end.sum(), edge), at[open_end], ">", color=color, markersize=4)
            ax.plot(part["cpa"], at, "o", color=color, markersize=5, label=model)
        ax.set_xlim(0, 1.05 * edge)
        ax.set_yticks(np.arange(len(channels)), [shortened(name) for name in channels])
        ax.invert_yaxis()
        ax.set_xlabel("cost of a credited conversion, on average")
        if len(models) > 1:
            ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(models))
        return tidy(ax, grid="x")


def costs(
    credits: Credits | CalibratedCredits,  # noqa: A002 (what they are)
    spend: pd.DataFrame,
    /,
    *,
    value_per_conversion: float | None = None,
) -> Costs:
    """Divide what channels cost by what models credit them with, and the value by the cost.

    CPA is cost / conversions credited, ROAS is value credited / cost; costs are taken as exact. The
    bounds of CPA are the cost over the bounds of the conversions: of a share times all conversions,
    or of a calibrated increment. Where conversions may be 0 or less, no cost is too high: the upper
    bound is infinite, and the lower one the cost over the upper bound of the conversions, infinite
    too where that is not above 0. (A cost over an increment is a ratio as in Fieller's problem;
    negative costs of a conversion, for channels that drive buyers away, are not listed.)

    The bounds of ROAS are those of the value: of credits with ``share_of="value"``, or conversions
    times `value_per_conversion`, where one number is declared for all. An interval of conversions
    alone says nothing of how values vary, so otherwise the bounds of ROAS are missing, as are those
    of CPA where shares are of values.

    These are averages over all that was spent, not what one unit more would bring, which is less
    where returns diminish: see `budget`. With shares they are no better than the shares: a channel
    may look cheap because its users would have bought anyway.

    Parameters
    ----------
    credits : Credits, HazardCredits or CalibratedCredits
    spend : pandas.DataFrame
        `channel`, `cost`: one row a channel, all money of the period, at least 0, in the unit of
        the values.
    value_per_conversion : float
        Declared worth of a conversion in the unit of `cost`, such as a margin; in the place of the
        values credited.

    Returns
    -------
    Costs

    Raises
    ------
    ArgumentError
        When `credits` are no credits, a row that is no channel has a cost, or a worth is declared
        where shares are of values.
    DataError
        When a channel has two rows or a cost is not a number of at least 0.
    MappingError
        When a column is missing.

    References
    ----------
    Fieller (1954), Some problems in interval estimation, JRSS B 16.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.attribution import rules
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [20, 10], "none": [30, 90]})
    >>> credits = rules(
    ...     path_counts_from_frame(table, conversions="buys", nulls="none"), models=["linear"]
    ... )
    >>> spend = pd.DataFrame({"channel": ["mail", "web"], "cost": [50.0, 200.0]})
    >>> costs(credits, spend, value_per_conversion=40).frame[["channel", "cpa", "roas"]]
      channel   cpa  roas
    0    mail   5.0   8.0
    1     web  10.0   4.0
    """
    given = _valued(_bounded(credits), value_per_conversion)
    cost = _costs_of(spend)
    frame = _with_cost_only(given, cost)
    cost_column = frame["channel"].map(cost).astype(np.float64)
    frame.insert(2, "cost", cost_column)
    money = cost_column.to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        roas = {
            f"roas{end}": np.where(money > 0, frame[f"value{end}"] / money, np.nan)
            for end in ("", "_low", "_high")
        }
    frame = frame.assign(**_cost_of_one(frame, money), **roas)
    return Costs(
        frame=frame[
            ["model", "channel", "cost", "conversions", "value"]
            + [f"{name}{end}" for name in ("cpa", "roas") for end in ("", "_low", "_high")]
        ],
        provenance=Provenance(
            fingerprint=credits.provenance.fingerprint,
            parameters={
                **credits.provenance.parameters,
                "value_per_conversion": value_per_conversion,
            },
            seed=credits.provenance.seed,
        ),
    )


def _costs_of(spend: pd.DataFrame) -> dict[str, float]:
    check_columns("spend", spend, ("channel", "cost"))
    channels = one_row_each("spend", spend)
    cost = dict(zip(channels, numbers("spend", spend, "cost", least=0).tolist(), strict=True))
    none = [name for name in NO_CHANNELS if name in cost]
    if none:
        raise ArgumentError(
            f"`spend` must name channels only; {none[0]!r} stands for what no channel did."
        )
    return cost


def _bounded(credits: Credits | CalibratedCredits) -> pd.DataFrame:  # noqa: A002
    """Return ``model channel conversions value of``, and bounds of both, missing where unknown."""
    if isinstance(credits, CalibratedCredits):
        table = credits.frame.rename(columns={"conf_low": "low", "conf_high": "high"})
        table = table.assign(value=np.nan, of="conversions")
    else:
        table = credited(credits)
    table = table[["model", "channel", "conversions", "value", "of", "low", "high"]]
    for name in ("conversions", "value"):
        own = table["of"] == name
        table = table.assign(
            **{f"{name}_low": table["low"].where(own), f"{name}_high": table["high"].where(own)}
        )
    return table.drop(columns=["low", "high"])


def _valued(table: pd.DataFrame, worth: float | None) -> pd.DataFrame:
    """Value conversions at the declared worth; values that are all 0 are none."""
    if worth is None:
        some = table.groupby("model")["value"].transform(lambda value: (value != 0).any())
        return table.assign(value=table["value"].where(some))
    check_positive("value_per_conversion", worth)
    if (table["of"] == "value").any():
        raise ArgumentError(
            "`value_per_conversion` must be left out where the shares are of values already."
        )
    ends = ("", "_low", "_high")
    return table.assign(**{f"value{end}": table[f"conversions{end}"] * worth for end in ends})


def _with_cost_only(table: pd.DataFrame, cost: dict[str, float]) -> pd.DataFrame:
    """Add to each model the channels that cost and are credited nothing."""
    import pandas as pd

    parts = []
    for model, part in table.groupby("model", sort=False):
        missing = [name for name in cost if name not in set(part["channel"])]
        parts.append(part)
        if missing:
            value = np.nan if part["value"].isna().all() else 0.0
            none = {"model": model, "channel": missing, "conversions": 0.0, "value": value}
            parts.append(pd.DataFrame(none).reindex(columns=table.columns))
    return pd.concat(parts, ignore_index=True)


def _cost_of_one(frame: pd.DataFrame, cost: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the cost of a conversion and its bounds; infinite where none is gained for money."""
    made = {
        "cpa": frame["conversions"],
        "cpa_low": frame["conversions_high"],
        "cpa_high": frame["conversions_low"],
    }
    columns = {}
    for name, column in made.items():
        conversions = column.to_numpy(dtype=np.float64)
        price: NDArray[np.float64] = np.full(len(cost), np.nan)
        np.divide(cost, conversions, out=price, where=conversions > 0)
        price[(conversions <= 0) & (cost > 0)] = np.inf
        columns[name] = price
    return columns
