"""The result of every attribution model: what each channel is credited with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np

from journeykit.errors import ArgumentError, DataError
from journeykit.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.stats.intervals import Interval

#: Rows that stand for no channel: conversions before which no touch was seen, and what would come
#: without any.
NO_TOUCH, BASELINE = NO_CHANNELS = ("(no touch)", "(baseline)")
#: What a share may be of.
Shared = Literal["conversions", "value"]
SHARED: tuple[Shared, ...] = ("conversions", "value")
#: What has to stand beside every interval of a share.
SHARE_WARNING = "An interval on a share is not an interval on an effect."
#: Channels drawn one by one; the rest are drawn together.
CHANNELS_DRAWN = 20


@dataclass(frozen=True, slots=True)
class Population:
    """How many journeys a result rests on.

    Attributes
    ----------
    n_journeys : int
        Finished journeys, converting or not.
    n_conversions : int
        Conversions among them, those without a touch and at the edge included.
    n_no_touch : int
        Conversions before which no touch was seen.
    n_open : int
        Journeys still open when their customer's watching ended: left out, neither conversions
        nor failures.
    n_edge, n_edge_conversions : int
        Finished journeys that may have begun before the window, and conversions among them: left
        out of the first touch and of the chain's entry, and of nothing else.
    """

    n_journeys: int
    n_conversions: int
    n_no_touch: int
    n_open: int
    n_edge: int
    n_edge_conversions: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Credits(Result):
    """Credits by model and channel.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a model and channel, channels by name, ``(no touch)`` last where there is such a
        conversion:

        - `model`, `channel`
        - `removal_effect`: only from `markov`; missing for ``(no touch)``
        - `n_journeys`: finished journeys that met the channel, converting or not
        - `conversions`, `value`: what the model credits; they sum to what it distributes, `value`
          in the unit of the data
        - `share`: of the conversions that the model distributes, or of their value where that was
          asked for; sums to 1, but where raw effects are shown, which overlap
        - `conf_low`, `conf_high`: interval of `share` over customers (bootstrapped, or by the
          model's jackknife), missing where the share does not vary, as one of 0 or 1. It says how
          far the share would move with other customers of the same kind, and nothing about what
          the channel causes.
    population : Population
    warnings : tuple of str
        What may mislead in these credits.
    """

    population: Population
    warnings: tuple[str, ...] = ()
    rows: ClassVar[str] = "credits"

    def beside(self, *others: Credits) -> Self:
        """Return a result that holds the models of this one and of `others`, made of one input.

        Parameters that differ between results stand in its provenance by model.

        Raises
        ------
        ArgumentError
            When an input differs, a model would stand in the result twice, or some shares are of
            conversions and others of value.
        """
        import pandas as pd

        results: list[Credits] = [self, *others]
        if len({result.provenance.fingerprint for result in results}) > 1:
            raise ArgumentError(
                "Models stand side by side only on the same journeys; their fingerprints differ."
            )
        models = [model for result in results for model in result.frame["model"].unique()]
        if len(set(models)) < len(models):
            raise ArgumentError(f"Each model may stand once; got {', '.join(models)}.")
        if len({result.share_of for result in results}) > 1:
            raise ArgumentError(
                "Shares of conversions and shares of value do not stand side by side; ask for one "
                "`share_of` everywhere."
            )
        return replace(
            self,
            frame=pd.concat([result.frame for result in results], ignore_index=True),
            warnings=tuple(dict.fromkeys(said for one in results for said in one.warnings)),
            provenance=replace(self.provenance, parameters=_parameters(results)),
        )

    @property
    def share_of(self) -> Shared:
        """What the shares are of."""
        of_value = self.provenance.parameters.get("share_of") == "value"
        return "value" if of_value else "conversions"

    def summary(self) -> str:
        """Name the channel each model credits most, what was left out, and what shares are not."""
        best = [
            f"{model} {_leader(part)}" for model, part in self.frame.groupby("model", sort=False)
        ]
        counts = self.population
        left = [
            f"; {count:,} {what}"
            for count, what in (
                (counts.n_no_touch, "without a touch"),
                (counts.n_edge_conversions, "with an unseen first touch"),
                (counts.n_open, "journeys still open and left out"),
            )
            if count
        ]
        what = "most" if self.share_of == "conversions" else "most of their value"
        most = f"{counts.n_conversions:,} conversions, {what} to: {', '.join(best)}"
        return " ".join([f"{most}{''.join(left)}.", SHARE_WARNING, *self.warnings])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares with their intervals, one colour a model, largest channels on top.

        Negative ones as well. Beyond 20 channels the smallest are added up, without an interval.
        """
        from journeykit.draw import QUIET, percent_axis
        from journeykit.draw.charts import shortened

        frame = _folded(self.frame)
        ax = _interval_points(frame, ax)
        ax.set_yticks(ax.get_yticks(), [shortened(c) for c in frame["channel"].unique()])
        ax.set_xlabel(f"share of {self.share_of}")
        least = frame[["share", "conf_low"]].min().min()
        ax.set_xlim(left=min(0.0, 1.05 * least))
        if least < 0:
            ax.axvline(0, color=QUIET, linewidth=0.8, zorder=0)
        percent_axis(ax, "x")
        return ax


def population(paths: TouchPaths) -> Population:
    """Count what a model is fitted on and what it leaves out."""
    n, converted = paths.n, paths.converted
    return Population(
        n_journeys=int(n.sum()),
        n_conversions=int(n[converted].sum()),
        n_no_touch=int(n[converted & (paths.length == 0)].sum()),
        n_open=paths.n_open,
        n_edge=int(n[paths.edge].sum()),
        n_edge_conversions=int(n[paths.edge & converted].sum()),
    )


def frame_of(
    paths: TouchPaths,
    model: str,
    *,
    conversions: NDArray[np.float64],
    value: NDArray[np.float64],
    interval: Interval,
    removal_effect: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Write a model's credits as rows; every array has shape (m + 1,), ``(no touch)`` last."""
    import pandas as pd

    if NO_TOUCH in paths.channels:
        raise DataError(
            f"A channel must not be called {NO_TOUCH!r}, the name of conversions before which no "
            "touch was seen; rename it."
        )
    columns: dict[str, object] = {"model": model, "channel": [*paths.channels, NO_TOUCH]}
    if removal_effect is not None:
        columns["removal_effect"] = removal_effect
    columns |= {
        "n_journeys": paths.reach(),
        "conversions": conversions,
        "value": value,
        "share": share(conversions),
        "conf_low": interval.low,
        "conf_high": interval.high,
    }
    untouched = paths.converted[paths.length == 0].any()
    return pd.DataFrame(columns).iloc[: None if untouched else -1].copy()


def need_value(paths: TouchPaths) -> None:
    """Require conversions that are worth something together."""
    if not paths.value.sum() > 0:
        raise DataError(
            "Shares of value need conversions that are worth more than 0 together; they are worth "
            f"{paths.value.sum():,.6g}. `outcomes` and `touches` take the event column with the "
            "value of a conversion as `value`."
        )


def share(conversions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide credits by their sum along the last axis; NaN where it is 0."""
    total = conversions.sum(axis=-1, keepdims=True)
    parts: NDArray[np.float64] = np.full(conversions.shape, np.nan)
    np.divide(conversions, total, out=parts, where=total > 0)
    return parts


def _parameters(results: list[Credits]) -> dict[str, object]:
    """Merge parameters; where they differ, a mapping from the models of each result."""
    merged: dict[str, object] = {}
    names = dict.fromkeys(name for one in results for name in one.provenance.parameters)
    for name in names:
        given = {
            ", ".join(one.frame["model"].unique()): one.provenance.parameters[name]
            for one in results
            if name in one.provenance.parameters
        }
        values = list(given.values())
        alike = all(value == values[0] for value in values)
        merged[name] = values[0] if alike else given
    return merged


def _leader(part: pd.DataFrame) -> str:
    """Name the channel with the largest share and its interval: ``Email (40 %, 35 to 45 %)``."""
    if part["share"].isna().all():
        unseen = not part["conversions"].any()
        return f"none ({'all first touches are unseen' if unseen else 'worth nothing together'})"
    best = part.loc[part["share"].idxmax()]
    shown = f"{best['channel']} ({best['share']:.1%}"
    if np.isfinite(best["conf_low"]):
        shown += f", {best['conf_low']:.1%} to {best['conf_high']:.1%}"
    return f"{shown})"


def _folded(frame: pd.DataFrame) -> pd.DataFrame:
    """Order channels by their mean share, largest first, and add the smallest ones up."""
    import pandas as pd

    mean = frame.groupby("channel")["share"].mean().sort_values(ascending=False, kind="stable")
    drawn = mean.index[:CHANNELS_DRAWN]
    small = frame[~frame["channel"].isin(drawn)]
    parts = [frame.set_index("channel").loc[drawn].reset_index()]
    if len(small):
        together = small.groupby("model", sort=False)["share"].sum().reset_index()
        parts.append(together.assign(channel=f"({len(mean) - CHANNELS_DRAWN:,} other channels)"))
    return pd.concat(parts, ignore_index=True)


def _interval_points(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw one line of points a channel, the models below each other within it."""
    from journeykit.draw import PALETTE, axes, tidy

    channels, models = frame["channel"].unique().tolist(), frame["model"].unique().tolist()
    height = 0.14 * len(models) + 0.22
    ax = axes(ax, height=max(1.8, height * len(channels) + 1.0))
    for number, model in enumerate(models):
        part = frame[frame["model"] == model].set_index("channel").reindex(channels)
        at = np.arange(len(channels)) + 0.16 * (number - (len(models) - 1) / 2)
        color = PALETTE[number % len(PALETTE)]
        ax.hlines(at, part["conf_low"], part["conf_high"], color=color, linewidth=1.6, alpha=0.7)
        ax.plot(part["share"], at, "o", color=color, markersize=5, label=model, clip_on=False)
    ax.set_yticks(np.arange(len(channels)))
    ax.invert_yaxis()
    if len(models) > 1:
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(models))
    return tidy(ax, grid="x")
