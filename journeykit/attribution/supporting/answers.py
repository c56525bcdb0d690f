"""What is said of each pair: estimates, what could have been seen, a verdict, a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from journeykit.results import Checked, Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Verdict = Literal["found", "fewer", "not found, could have been seen", "cannot tell"]
FOUND, FEWER, SEEN, UNKNOWN = VERDICTS = (
    "found",
    "fewer",
    "not found, could have been seen",
    "cannot tell",
)
POWER = 0.8
_MARKS = {FOUND: "●", FEWER: "▼", SEEN: "", UNKNOWN: "?"}
_SHOWN = 3
CAUTION = (
    "Who wants something meets several channels within days: a pair found both ways may share a "
    "cause, and only a holdout settles it."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Support(Result):
    """Whether channels bring about touches of others, and conversions.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row an ordered pair, in the order of the channels.

        ========================== ==========================================================
        channel, supported         what may bring about, what may be brought about
        n_touches                  touches of `channel` while customers are watched
        verdict                    see `support`
        found_in                   ``customers``, ``counts``, ``both`` or empty
        n_compared                 touches whose customer has time to compare with
        n_seen, n_expected         `supported` in the windows after them, and what is expected
        ratio, ratio_low/high      n_seen by n_expected; no upper bound is infinite
        further, conf_low/high     (n_seen - n_expected) by n_compared: further ones a touch
        p_value, p_adjusted        of a ratio of 1
        detectable                 least `further` that would be found with a chance of 80 %;
        detectable_ratio           the same as a ratio; both missing where something is found
        later, later_low/high      counts: further ones a touch in the periods after its own
        together, together_low/high  counts: with what moves with it in its own period
        later_p_value, .._adjusted that no period before has a part
        later_detectable           least `later` that would be found with a chance of 80 %
        ========================== ==========================================================
    lags : int
        Periods that the autoregression looks back; 0 without one.
    checks : tuple of Checked
        Of the autoregression.
    period : {"day", "week", None}
    worthwhile : float
    """

    lags: int
    checks: tuple[Checked, ...]
    period: Literal["day", "week"] | None
    worthwhile: float
    rows: ClassVar[str] = "pairs of channels"

    def summary(self) -> str:
        """Say what is found, what is not though it could have been seen, and what is unknown."""
        verdict = self.frame["verdict"]
        n = {kind: int((verdict == kind).sum()) for kind in VERDICTS}
        found = self.frame[verdict == FOUND].sort_values("further", ascending=False)
        shown = "; ".join(_told(row) for _, row in found.head(_SHOWN).iterrows())
        more = f": {shown}{', ...' if n[FOUND] > _SHOWN else ''}" if shown else ""
        fewer = f"; in {n[FEWER]:,} fewer come after a touch" if n[FEWER] else ""
        failed = "".join(
            f" {name}: {told}." for name, status, told in self.checks if status != "passed"
        )
        return (
            f"In {n[FOUND]:,} of {len(verdict):,} pairs more follow{more}{fewer}; in {n[SEEN]:,} "
            f"nothing is found, though {self.worthwhile:g} a touch would have been seen "
            f"with a chance of {POWER:.0%}; of {n[UNKNOWN]:,} the data cannot tell.{failed} "
            f"{CAUTION}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a matrix: further ones for 100 touches, marked with verdicts."""
        from journeykit.draw import signed_map

        rows = list(dict.fromkeys(self.frame["channel"]))
        columns = list(dict.fromkeys([*rows, *self.frame["supported"]]))
        table = self.frame.pivot_table(
            index="channel", columns="supported", values="further", sort=False, dropna=False
        ).reindex(index=rows, columns=columns)
        texts = {}
        for _, row in self.frame.iterrows():
            at = rows.index(row["channel"]), columns.index(row["supported"])
            number = f"{100 * row['further']:.1f}" if np.isfinite(row["further"]) else ""
            texts[at] = f"{number}{_MARKS[row['verdict']]}"
        ax = signed_map(table.to_numpy(), texts=texts, rows=rows, columns=columns, ax=ax)
        ax.set_ylabel("after a touch of")
        ax.set_xlabel("further ones for 100 touches: ● found, ▼ fewer, ? cannot tell")
        return ax


def _told(row: pd.Series) -> str:
    if row["found_in"] == "counts":
        value, low, high = row[["later", "later_low", "later_high"]]
    else:
        value, low, high = row[["further", "conf_low", "conf_high"]]
    return (
        f"{value:.3g} further {row['supported']} after a touch of {row['channel']} ({low:.3g} to "
        f"{high:.3g}, from {row['found_in']})"
    )


def detectable(
    std_error: Floats, /, *, level: float, terms: int = 1, free: float = np.inf
) -> Floats:
    """Return the least effect that a two-sided test at `level` finds with a chance of 80 %.

    With several `terms`, the effect is the sum over them, and the test is an F test of all of them
    with `free` degrees of freedom left. Its noncentrality is at least the square of the sum by its
    standard error, and no more where each term weighs as in that sum: this is what is assumed.
    """
    from scipy import optimize, special, stats

    if terms == 1 and np.isinf(free):
        reach = stats.norm.isf(level / 2) + stats.norm.ppf(POWER)
    else:
        bound = float(stats.f.isf(level, terms, free))
        most = 4.0
        while special.ncfdtr(terms, free, most, bound) > 1 - POWER:
            most *= 2
        reach = np.sqrt(
            optimize.brentq(
                lambda size: special.ncfdtr(terms, free, size, bound) - (1 - POWER), 0, most
            )
        )
    least: Floats = reach * std_error
    return least


def detectable_further(std_error: Floats, n: Floats, units: Floats, /, *, level: float) -> Floats:
    """Return the same for further events by `n` touches, tested by the squares of `units`.

    An effect d brings further events that come by chance, of variance d / n, and, as it enters the
    squares too, d^2 / units. With s, `std_error` without an effect, and c = z_a + z_b, it solves
    ``d^2 = c^2 (s^2 + d / n + d^2 / units)``. Missing where units are at most c^2: too few to find
    anything.
    """
    from scipy import stats

    c2 = (stats.norm.isf(level / 2) + stats.norm.ppf(POWER)) ** 2
    left = 1 - c2 / units
    left = np.where(left > 0, left, np.nan)
    half = c2 / n / 2
    least: Floats = (half + np.sqrt(half**2 + left * c2 * std_error**2)) / left
    return least


def verdicts(frame: pd.DataFrame, /, *, alpha: float, worthwhile: float) -> pd.DataFrame:
    """Add `verdict` and `found_in`; take what could have been seen away where it was."""
    customers = (frame["p_adjusted"] < alpha).to_numpy()
    counts = (frame["later_p_adjusted"] < alpha).to_numpy()
    up = np.where(customers, frame["further"] > 0, True) & np.where(
        counts, frame["later"] > 0, True
    )
    down = np.where(customers, frame["further"] < 0, True) & np.where(
        counts, frame["later"] < 0, True
    )
    either = customers | counts
    least = np.fmin(frame["detectable"], frame["later_detectable"])
    told = np.select(
        [either & up, either & down, ~either & (least <= worthwhile)],
        [FOUND, FEWER, SEEN],
        default=UNKNOWN,
    )
    found_in = np.select(
        [customers & counts, customers, counts], ["both", "customers", "counts"], default=""
    )
    made = frame.assign(verdict=told, found_in=found_in)
    made.loc[customers, ["detectable", "detectable_ratio"]] = np.nan
    made.loc[counts, "later_detectable"] = np.nan
    return made
