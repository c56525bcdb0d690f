"""Shifts drawn: a timeline of breaks found and declared, and a share that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from journeykit.review.drifting import Drift
    from journeykit.review.interrupting import Interruptions

_SHOWN = 4
#: Periods that a point of a line is the mean of.
_SMOOTH = 4


def draw_drift(drift: Drift, ax: Axes | None) -> Axes:
    """Draw the ways on that changed most, as multiples of their mean, with the breaks on top.

    Without a break, the most frequent ones.
    """
    from matplotlib.dates import AutoDateLocator

    ax = axes(ax, height=4.0, width=8.0)
    shown = _most_changed(drift)
    keys = ["kind", "source", "target"]
    for number, label in enumerate(shown.itertuples(index=False)):
        mine = drift.series
        for key, value in zip(keys, label, strict=True):
            mine = mine[mine[key] == value]
        n = mine["n"].to_numpy(dtype=float)
        sums = pd.DataFrame({"x": mine["n_event"].to_numpy(dtype=float), "n": n})
        sums = sums.rolling(_SMOOTH, center=True, min_periods=2).sum()
        mean = mine["n_event"].sum() / max(n.sum(), 1e-300)
        ax.plot(
            pd.to_datetime(mine["period_start"]),
            sums["x"] / sums["n"].where(sums["n"] > 0) / mean,
            color=PALETTE[number],
            linewidth=1.6,
            label=_name(label),
        )
    for row in drift.frame.itertuples():
        ax.axvspan(*_days(row.conf_low, row.conf_high), color=PALETTE[1], alpha=0.15, linewidth=0)
        ax.axvline(pd.Timestamp(row.period_start), color=PALETTE[1], linewidth=1.6)
        _flag(ax, pd.Timestamp(row.period_start), "found", 1.02, PALETTE[1])
    _declared(ax, drift.declared)
    ax.axhline(1, color=QUIET, linewidth=0.8, zorder=0)
    ax.set_xlim(pd.Timestamp(drift.periods[0]), pd.Timestamp(drift.periods[-1]))
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(AutoDateLocator(maxticks=9))  # type: ignore[no-untyped-call]
    if drift.frame.empty:
        ax.text(0.01, 1.02, "no break found", transform=ax.transAxes, color=INK, fontsize=9)
    ax.set_ylabel(f"rate, of its mean ({_SMOOTH} periods together)")
    if len(shown):
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.1), ncols=2, frameon=False, fontsize=8)
    return tidy(ax, grid="y")


def _most_changed(drift: Drift) -> pd.DataFrame:
    """Return the ways on that changed, least p first; without a break the most frequent."""
    keys = ["kind", "source", "target"]
    if drift.frame.empty:
        often = drift.series.groupby(keys, sort=True)["n_event"].sum()
        return often.sort_values(ascending=False, kind="stable").head(_SHOWN).reset_index()[keys]
    changed = drift.changes[drift.changes["changed"].astype(bool)]
    order = changed.sort_values("p_value", kind="stable")
    return order[keys].drop_duplicates().head(_SHOWN)


def _name(label: Any) -> str:
    unit = "" if label.kind == "step" else " (stages)"
    return f"{shortened(str(label.source))} \u2192 {shortened(str(label.target))}{unit}"


def _days(*days: object) -> Sequence[pd.Timestamp]:
    return [pd.Timestamp(day) for day in days]


def _flag(ax: Axes, when: pd.Timestamp, text: str, height: float, colour: str) -> None:
    """Write above the axes, over a date."""
    ax.text(
        when,
        height,
        text,
        transform=ax.get_xaxis_transform(),
        color=colour,
        fontsize=8,
        ha="center",
        va="bottom",
    )


def _declared(ax: Axes, declared: pd.DataFrame) -> None:
    for number, row in enumerate(declared.itertuples()):
        when = row.event_time.tz_localize(None)
        ax.axvline(when, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        _flag(ax, when, shortened(str(row.kind)), 1.07 + 0.05 * (number % 2), INK)


def draw_interruptions(found: Interruptions, ax: Axes | None) -> Axes:
    """Draw the share by period, the fit, and how it would have gone on without the events."""
    ax = axes(ax, height=3.8, width=8.0)
    series = found.series
    day = pd.to_datetime(series["period_start"])
    ax.vlines(day, series["conf_low"], series["conf_high"], color="#d5dae0", linewidth=1.2)
    ax.plot(day, series["share"], "o", color=QUIET, ms=3.2)
    looked = found.frame[found.frame["term"] != ""]
    first = looked["event_time"].min()
    after = day >= first.tz_localize(None) - pd.Timedelta(days=7)
    ax.plot(day, series["fitted"], color=PALETTE[0], linewidth=1.8, label="model")
    ax.plot(
        day[after],
        series.loc[after, "without"],
        color=PALETTE[1],
        linewidth=1.6,
        linestyle=(0, (4, 2)),
        label="as it would have gone on, by the model",
    )
    _declared(ax, found.frame.drop_duplicates("event_time"))
    ax.set_ylim(bottom=0)
    percent_axis(ax, "y")
    ax.set_ylabel(found.measure.replace("$", r"\$"))
    ax.set_xlabel("before and after, without comparison: design grade C", fontsize=8, loc="left")
    ax.legend(loc="upper left", frameon=False, fontsize=8)
    return tidy(ax, grid="y")
