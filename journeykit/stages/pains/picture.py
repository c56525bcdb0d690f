"""The Pareto picture of pains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
from journeykit.draw.charts import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.stages.pains.analysis import PainPoints

_SHOWN = 10
#: How a part is called where it is more than expected.
_WORDS = {"time": "slow", "repeats": "repeated", "negative sentiment": "unhappy"}


def draw_pareto(pains: PainPoints, ax: Axes | None) -> Axes:
    """Draw a bar a touchpoint on the way, clear ones dark, and name the parts that stand out."""
    frame = pains.frame
    shown = frame[frame["estimate"].notna()].head(_SHOWN)
    ax = axes(ax, height=max(2.2, 0.62 * len(shown) + 1.1), width=5.2)
    at = np.arange(len(shown))
    clear = (shown["verdict"] == "clear").to_numpy()
    value = shown["estimate"].to_numpy(dtype=float)
    low, high = (shown[name].to_numpy(dtype=float) for name in ("conf_low", "conf_high"))
    colors = [PALETTE[1] if is_clear else QUIET for is_clear in clear]
    ax.barh(at - 0.12, value, color=colors, height=0.44)
    ax.hlines(at - 0.12, low, high, color=INK, linewidth=1.6)
    ax.set_yticks(at, [wrapped(name) for name in shown["touchpoint"]])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(left=0, right=max(1.0, 1.08 * float(np.nanmax(high, initial=0))))
    for row, (name, verdict) in enumerate(zip(shown["touchpoint"], shown["verdict"], strict=True)):
        ax.text(
            0, row + 0.26, f" {_marks(pains, name, verdict)}", fontsize=8, color=INK, va="center"
        )
    ax.set_xlabel("conversions lost, at most")
    return tidy(ax, grid="x")


def _marks(pains: PainPoints, touchpoint: str, verdict: str) -> str:
    """Say which parts are more than expected."""
    parts = pains.parts[pains.parts["touchpoint"] == touchpoint]
    out = parts[(parts["verdict"] == "more than expected") & (parts["part"] != "exit")]
    told = [f"{_WORDS[row['part']]} {row['estimate']:.0%}" for _, row in out.iterrows()]
    leave = parts.loc[parts["part"] == "exit", "estimate"]
    first = f"{verdict}; leave {leave.iloc[0]:.0%}" if len(leave) else verdict
    return "; ".join([first, *told])
