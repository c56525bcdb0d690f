"""What came before an outcome, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from matplotlib.ticker import MaxNLocator

from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import shortened
from journeykit.results import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN = 15
HOLDS, UNCONFIRMED, NOTHING = "holds", "not confirmed", "no difference shown"
TOO_FEW, LEAKS = "too few", "part of the outcome"
VERDICTS = (HOLDS, UNCONFIRMED, NOTHING, TOO_FEW, LEAKS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Precursors(Result):
    """What customers did before an outcome, pattern by pattern; first what holds.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a frequent pattern:

        - `pattern`, `n_steps`, `closed` (no longer frequent pattern contains it with the same `n`)
        - `n`, `share`: customers who had it before their first outcome, and their share
        - `n_exposed`: completions with someone to be compared with; `n_event`: those followed by
          the outcome within the horizon; `n_compared`: moments of others
        - `risk`, `risk_compared`: share with the outcome after completing it, and after the moments
          compared with, weighted like the exposed
        - `risk_ratio ratio_low ratio_high`, `risk_difference difference_low difference_high`: over
          risk sets, of all customers
        - `p_value`, `q_value`: of the discovery customers; empty where not tested
        - `holdout_ratio holdout_low holdout_high`, `holdout_difference`, `holdout_p_value`: of the
          held-out customers, for what was discovered; the p-value is one-sided and adjusted for the
          number discovered. In patterns that hold these effects are exaggerated as well, though
          less than those of all: holding was required of them
        - `verdict`: ``holds``; ``not confirmed`` (discovered, but not seen again);
          ``no difference shown``; ``too few``; ``part of the outcome``
    outcome : tuple of str
    horizon_days : float
    n_customers : int
        Customers under risk with an event before the outcome.
    n_tried : int
        Patterns tested: over these the q-values go.
    n_unwatched : int
        Events that no comparison uses, because the horizon after them was not watched to its end.
    leaking : tuple of str
        Touchpoints that are part of the outcome: more than half of their events have it at once or
        within an hour. Patterns with them are not tested.
    q : float
    """

    outcome: tuple[str, ...]
    horizon_days: float
    n_customers: int
    n_tried: int
    n_unwatched: int
    leaking: tuple[str, ...]
    q: float
    rows: ClassVar[str] = "patterns"

    def summary(self) -> str:
        """Say how many patterns were tried, how many hold, and name the foremost."""
        verdict = self.frame["verdict"]
        holding = self.frame[verdict == HOLDS]
        within = f"within {self.horizon_days:g} days"
        said = (
            f"{self.n_tried:,} patterns tried on {self.n_customers:,} customers: "
            f"{len(holding):,} {'holds' if len(holding) == 1 else 'hold'} in discovery "
            f"(q <= {self.q:g}) and on held-out customers"
        )
        if unconfirmed := int((verdict == UNCONFIRMED).sum()):
            said += f"; {unconfirmed:,} discovered only, not confirmed"
        told = [
            f"after {row.pattern} {row.risk:.0%} have the outcome {within}, "
            f"{row.holdout_ratio:.2f} times as many as of comparable customers "
            f"({row.holdout_low:.2f} to {row.holdout_high:.2f}, held-out customers)"
            for row in holding.head(1).itertuples()
        ]
        said = "; ".join([said, *told])
        if self.leaking:
            said += f"; part of the outcome and not tested: {', '.join(self.leaking)}"
        return said

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the risk differences of the foremost patterns with their intervals.

        First what holds (filled), then what else has the smallest p-value (hollow); patterns that
        are not closed are drawn only where they hold. Crosses are the held-out customers alone:
        what was discovered is exaggerated among all, and what holds, less so, among them too.
        """
        frame = self.frame[self.frame["p_value"].notna()]
        top = frame[frame["closed"] | (frame["verdict"] == HOLDS)].head(_DRAWN)
        ax = axes(ax, height=max(1.8, 0.34 * len(top) + 1.1), width=7.2)
        at = np.arange(len(top))
        holds = (top["verdict"] == HOLDS).to_numpy()
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.hlines(at, top["difference_low"], top["difference_high"], color=INK, linewidth=1.4)
        face = np.where(holds, PALETTE[0], "white")
        ax.scatter(top["risk_difference"], at, c=face, edgecolors=PALETTE[0], s=42, zorder=3)
        ax.scatter(top["holdout_difference"], at, marker="x", color=PALETTE[1], s=26, zorder=4)
        labels = [f"{shortened(row.pattern)} ({row.n_exposed:,})" for row in top.itertuples()]
        ax.set_yticks(at, labels)
        ax.invert_yaxis()
        ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        percent_axis(ax, "x")
        ax.set_xlabel(
            f"outcome within {self.horizon_days:g} days: points more than comparable customers\n"
            "filled: holds on held-out customers (crosses)"
        )
        return tidy(ax, grid="x")
