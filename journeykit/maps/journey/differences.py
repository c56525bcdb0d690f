"""What changed between two maps, beyond noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_fraction
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.maps.journey.mapping import JourneyMap

_KEY = ["row", "stage", "item"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MapChanges(Result):
    """One row a thing that is new, gone or other than it was.

    ``row stage item change before after difference difference_low difference_high p_value q_value
    unit text_before text_after``; `change` is ``new``, ``gone``, ``more``, ``less``, ``words`` or
    ``evidence``.

    Attributes
    ----------
    n_compared : int
        Numbers that stand on both maps with intervals.
    q : float
    """

    n_compared: int
    q: float
    rows: ClassVar[str] = "changes"

    def summary(self) -> str:
        """Count the changes of each kind."""
        if self.frame.empty:
            return f"nothing changed beyond noise; {self.n_compared:,} numbers compared"
        kinds = self.frame["change"].value_counts(sort=False)
        told = ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())
        return f"{told}; {self.n_compared:,} numbers compared"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the differences of shares with their intervals; other units are in the frame."""
        from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
        from journeykit.draw.charts import shortened

        shown = self.frame[
            self.frame["change"].isin(["more", "less"])
            & self.frame["unit"].isin(["share", "points"])
        ]
        at = np.arange(len(shown))
        ax = axes(ax, height=max(1.8, 0.36 * len(shown) + 1.1), width=5.4)
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.hlines(at, shown["difference_low"], shown["difference_high"], color=INK, linewidth=1.4)
        ax.scatter(shown["difference"], at, color=PALETTE[0], s=42, zorder=3)
        labels = [
            shortened(" ".join(filter(None, (row.item or row.row, "in", row.stage))), 36)
            for row in shown.itertuples()
        ]
        ax.set_yticks(at, labels)
        ax.invert_yaxis()
        percent_axis(ax, "x")
        ax.set_xlabel("points more than on the map before")
        return tidy(ax, grid="x")


def diff(old: JourneyMap, new: JourneyMap, /, *, q: float = 0.05) -> MapChanges:
    """List what changed between two maps beyond noise.

    Numbers that stand on both maps are compared by their difference; its interval is put together
    of theirs (MOVER): the lower half-width is sqrt((new - new_low)^2 + (old_high - old)^2), the
    upper one sqrt((new_high - new)^2 + (old - old_low)^2), and p is that of a normal whose standard
    error is the half-width towards 0 over its quantile. Benjamini and Hochberg's
    procedure over all of them keeps the expected share of false ones among those listed below `q`.

    The two maps are taken for independent. Where they share customers, such as two weeks of one
    log, the noise of the difference is smaller than that, and fewer changes are listed than could
    be.

    Maps of windows of different lengths are not compared: reach and conversions grow with time.

    What stands on one map alone is new or gone: touchpoints, pain and passion points that came over
    or fell under a line, which noise can do. Words and grades of evidence are compared as they are.

    Parameters
    ----------
    old, new : JourneyMap
        Of the same stages, or some of them.
    q : float in (0, 1)

    Raises
    ------
    ArgumentError
        When the maps have no stage in common, different confidence, or windows of different
        lengths.

    References
    ----------
    Zou, Donner (2008), Construction of confidence limits about effect measures, Statistics in
    Medicine 27. Benjamini, Hochberg (1995), Controlling the false discovery rate.
    """
    check_fraction("q", q)
    if not set(old.stages) & set(new.stages):
        raise ArgumentError(
            f"The maps must share a stage; one has {', '.join(old.stages)}, the other "
            f"{', '.join(new.stages)}."
        )
    spans = [one.watched_days for one in (old, new)]
    if not abs(spans[0] - spans[1]) <= 0.1 * max(spans):
        raise ArgumentError(
            "The maps must be of windows of one length, within a tenth; one covers "
            f"{spans[0]:,.0f} days, the other {spans[1]:,.0f}. Reach and conversions grow with "
            "time."
        )
    levels = [one.provenance.parameters.get("confidence") for one in (old, new)]
    if levels[0] != levels[1]:
        raise ArgumentError(
            f"The maps must have intervals of one confidence; got {levels[0]} and {levels[1]}."
        )
    level = float(str(levels[0]))
    both = old.frame.merge(
        new.frame, on=_KEY, how="outer", suffixes=("_old", "_new"), indicator=True
    )
    compared = _compared(both, level)
    kinds = _kinds(both, compared, q)
    found = pd.DataFrame(
        {
            **{name: both[name] for name in _KEY},
            "change": kinds,
            "before": both["estimate_old"],
            "after": both["estimate_new"],
            **compared,
            "unit": both["unit_new"].fillna(both["unit_old"]),
            "text_before": _told(both, "old"),
            "text_after": _told(both, "new"),
        }
    )
    changed = found[found["change"] != ""]
    place = {
        row: at for at, row in enumerate(dict.fromkeys([*new.frame["row"], *old.frame["row"]]))
    }
    stage = {name: at for at, name in enumerate(dict.fromkeys([*new.stages, *old.stages]))}
    order = np.lexsort((changed["item"], changed["stage"].map(stage), changed["row"].map(place)))
    return MapChanges(
        frame=changed.iloc[order].reset_index(drop=True),
        provenance=Provenance(
            new.provenance.fingerprint, {"q": q, "old": old.provenance.fingerprint}
        ),
        n_compared=int((~np.isnan(compared["p_value"])).sum()),
        q=q,
    )


def _compared(both: pd.DataFrame, level: float) -> dict[str, NDArray[np.float64]]:
    """Return the differences with intervals, p and q; missing where a number or interval is."""
    o, o_low, o_high, n, n_low, n_high = (
        both[f"{name}_{side}"].to_numpy(dtype=float)
        for side in ("old", "new")
        for name in ("estimate", "conf_low", "conf_high")
    )
    difference = n - o
    down = np.sqrt((n - n_low) ** 2 + (o_high - o) ** 2)
    up = np.sqrt((n_high - n) ** 2 + (o - o_low) ** 2)
    towards = np.where(difference > 0, down, up)
    quantile = stats.norm.isf((1 - level) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.abs(difference) * quantile / towards
    p = np.where(difference == 0, np.where(np.isnan(towards), np.nan, 1.0), 2 * stats.norm.sf(z))
    p = np.where(np.isnan(towards), np.nan, p)
    values = np.full(len(p), np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        values[tested] = benjamini_hochberg(p[tested])
    return {
        "difference": difference,
        "difference_low": difference - down,
        "difference_high": difference + up,
        "p_value": p,
        "q_value": values,
    }


def _kinds(both: pd.DataFrame, compared: dict[str, NDArray[np.float64]], q: float) -> list[str]:
    beyond = compared["q_value"] <= q
    up = compared["difference"] > 0
    words = both["text_old"].fillna("") != both["text_new"].fillna("")
    # Words that only repeat a number change with it; a number that is hidden once is no change.
    words &= ~both["row"].isin(["passion point", "pain point"])
    words &= both["estimate_old"].isna() == both["estimate_new"].isna()
    grade = both["evidence_old"].fillna("") != both["evidence_new"].fillna("")
    return [
        {"left_only": "gone", "right_only": "new"}.get(str(side))
        or (
            ("more" if rose else "less")
            if sure
            else "words"
            if word
            else "evidence"
            if other
            else ""
        )
        for side, sure, rose, word, other in zip(
            both["_merge"], beyond, up, words, grade, strict=True
        )
    ]


def _told(both: pd.DataFrame, side: str) -> pd.Series:
    text, grade = both[f"text_{side}"].fillna(""), both[f"evidence_{side}"].fillna("")
    return text.where(grade == "", text + (" [" + grade + "]")).str.strip()
