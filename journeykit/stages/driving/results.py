"""What is returned of drivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_DRAWN = 14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Drivers(Result):
    """How much sooner customers move up after meeting something, by stage and segment.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a stage, driver and group: `stage`; `kind`, ``touchpoint``, ``channel`` or
        ``content``; `driver`; `group`, ``all`` without `by`; `n`, customers exposed; `n_exposed`,
        their exposed periods; `n_event`, moves up in these; `expected`, moves there would be, were
        they as the others; `measure`, ``hazard ratio`` or ``odds ratio``; `ratio ratio_low
        ratio_high p_value q_value`; `verdict`, ``sooner``, ``later``, ``cannot tell`` or ``too
        few``; `reason` of the last.
    segments : pandas.DataFrame
        One row a stage and driver with a ratio in two groups or more: `stage kind driver n_groups
        p_value q_value` of the ratio being the same in all groups.
    stages : pandas.DataFrame
        One row a stage: `stage`; `n`, customers followed in it; `n_periods`; `n_event`, moves up;
        `n_tried` rows.
    effect_days, period_days, confidence : float
    """

    segments: pd.DataFrame
    stages: pd.DataFrame
    effect_days: float
    period_days: float
    confidence: float
    rows: ClassVar[str] = "drivers by stage and group"

    def holding(self) -> pd.DataFrame:
        """Return what customers move on sooner or later after, the smallest p-value first."""
        found = self.frame[self.frame["verdict"].isin(["sooner", "later"])]
        return found.sort_values("p_value", ignore_index=True)

    def summary(self) -> str:
        """Say how many were tried, and after what customers move on sooner or later."""
        found = self.holding()
        tried = int(self.frame["p_value"].notna().sum())
        told = [
            f"in {row.stage}{'' if row.group == 'all' else f', {row.group}'} {row.driver}: "
            f"{row.verdict}, {row.measure} {row.ratio:.2f} ({row.ratio_low:.2f} to "
            f"{row.ratio_high:.2f})"
            for row in found.head(3).itertuples()
        ]
        few = int((self.frame["verdict"] == "too few").sum())
        head = (
            f"{tried:,} drivers by stage and group tested ({few:,} more are about too few): "
            f"after {len(found):,} of them customers move up sooner or later than otherwise"
        )
        return "; ".join([head, *told])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios with their intervals: filled what is told apart, then the smallest p."""
        from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
        from journeykit.draw.charts import shortened

        shown = self.frame[self.frame["p_value"].notna() & (self.frame["ratio"] > 0)]
        shown = shown.assign(_later=~shown["verdict"].isin(["sooner", "later"]))
        top = shown.sort_values(["_later", "p_value"]).head(_DRAWN)
        top = top.sort_values(["_later", "ratio"], ascending=[True, False])
        ax = axes(ax, height=max(2.0, 0.36 * len(top) + 1.2), width=7.4)
        at = np.arange(len(top))
        ax.axvline(1, color=QUIET, linewidth=1)
        ax.hlines(at, top["ratio_low"], top["ratio_high"], color=INK, linewidth=1.4)
        face = np.where(top["_later"], "white", PALETTE[0])
        ax.scatter(top["ratio"], at, c=face, edgecolors=PALETTE[0], s=42, zorder=3)
        labels = [
            f"{shortened(row.driver)}{'' if row.kind == 'touchpoint' else f' ({row.kind})'}, "
            f"{shortened(row.stage)}"
            f"{'' if row.group == 'all' else ', ' + shortened(row.group)} ({row.n_event:,})"
            for row in top.itertuples()
        ]
        ax.set_yticks(at, labels)
        ax.invert_yaxis()
        _ratio_axis(ax)
        measure = self.frame["measure"].iloc[0] if len(self.frame) else "hazard ratio"
        ax.set_xlabel(
            f"{measure} of moving up, {self.effect_days:g} days after (moves)\n"
            "filled: told apart from chance"
        )
        return tidy(ax, grid="x")


def _ratio_axis(ax: Axes) -> None:
    """Draw ratios on a logarithmic axis with plain labels."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ticks = [
        tick
        for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
        if low <= tick <= high
    ]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
