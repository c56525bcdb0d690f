"""Which patterns of touchpoints are frequent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from journeykit.checks import check_fraction
from journeykit.counts.naming import SEPARATOR, path_names
from journeykit.draw import interval_bars, percent_axis
from journeykit.errors import DataError
from journeykit.paths.sequences.mining import Limits, frequent, least_customers
from journeykit.results import Provenance, Result
from journeykit.stats import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.journeys import Journeys

_DRAWN = 15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Patterns(Result):
    """``pattern n_steps n share conf_low conf_high closed``.

    One row a frequent pattern, the most frequent first (ties: the longer, then by text). `n`
    counts customers, `share` is of all of them. A pattern is `closed` when no longer one contains
    it with the same `n`.

    Attributes
    ----------
    n_customers : int
    least : int
        Customers a pattern needs.
    gap_steps : int or None
    """

    n_customers: int
    least: int
    gap_steps: int | None
    rows: ClassVar[str] = "patterns"

    def summary(self) -> str:
        """Name the most frequent pattern of several steps."""
        said = (
            f"{len(self.frame):,} patterns are met by at least {self.least:,} of "
            f"{self.n_customers:,} customers"
        )
        several = self.frame[self.frame["n_steps"] > 1]
        if several.empty:
            return f"{said}, none of several steps"
        top = several.iloc[0]
        return (
            f"{said}; the most frequent of several steps is {top['pattern']}: {top['share']:.0%} "
            f"({top['conf_low']:.0%} to {top['conf_high']:.0%})"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the most frequent closed patterns of several steps, else single touchpoints."""
        shown = self.frame[self.frame["closed"]]
        several = shown[shown["n_steps"] > 1]
        top = (several if len(several) else shown).head(_DRAWN)
        ax = interval_bars(
            top["pattern"].tolist(), top["share"], top["conf_low"], top["conf_high"], ax=ax
        )
        percent_axis(ax, "x")
        ax.set_xlabel(f"share of {self.n_customers:,} customers")
        return ax


def patterns(
    journeys: Journeys,
    /,
    *,
    length: int = 3,
    support: float = 0.05,
    gap_steps: int | None = None,
    window: str | timedelta | None = None,
    confidence: float = 0.95,
) -> Patterns:
    """Find the sequences of touchpoints that many customers meet, exactly and all of them.

    A customer has a pattern ``a > b > c`` when one of their journeys has events at a, b and c in
    this order, others between them allowed (`gap_steps` limits how many; events at the same
    moment stand in the journey's order). Each customer counts once. The patterns are those of
    PrefixSpan for sequences of single items; they are counted in one walk a length.

    Parameters
    ----------
    journeys : Journeys
        Whole or cut: a pattern lies within one journey.
    length : int
        Most steps, at least 1.
    support : float in (0, 1), or int
        Share of the customers, or their number, that a pattern needs.
    gap_steps : int, optional
        A step is among the `gap_steps` events after the one before; 1 for contiguous patterns.
    window : str or timedelta, optional
        Longest time from the first step to the last, inclusive, such as ``"7d"``.
    confidence : float in (0, 1)
        Of Wilson's interval of each share. It does not know of the choice: the shares of patterns
        just above the support are too high on average.

    Returns
    -------
    Patterns

    Raises
    ------
    DataError
        There is no event, or no pattern is frequent.
    NotObservedError
        A window on journeys without times.
    ArgumentError
        More patterns than memory is made for.

    References
    ----------
    Pei et al. (2004), Mining sequential patterns by pattern-growth: the PrefixSpan approach, IEEE
    TKDE 16. Srikant, Agrawal (1996), Mining sequential patterns: generalizations (gaps, windows).

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> journeys = Journeys(
    ...     names=("ad", "buy", "mail"),
    ...     touchpoint=np.array([0, 2, 1, 0, 1, 2, 1], dtype=np.uint8),
    ...     start=np.array([0, 3, 5, 7]),
    ... )
    >>> patterns(journeys, support=2).frame[["pattern", "n"]].values.tolist()
    [['buy', 3], ['ad > buy', 2], ['mail > buy', 2], ['ad', 2], ['mail', 2]]
    """
    check_fraction("confidence", confidence)
    limits = Limits.of(length, gap_steps, window)
    n_customers = journeys.n_customers
    least = least_customers(support, n_customers)
    found = frequent(journeys, limits, least=least)
    if len(found.n) == 0:
        raise DataError(
            f"No touchpoint is met by {least:,} of {n_customers:,} customers; lower `support`."
        )
    low, high = wilson_interval(found.n, n_customers, confidence=confidence)
    frame = pd.DataFrame(
        {
            "pattern": pattern_texts(journeys.names, found.codes),
            "n_steps": [len(codes) for codes in found.codes],
            "n": found.n,
            "share": found.n / n_customers,
            "conf_low": low,
            "conf_high": high,
            "closed": found.closed(limits),
        }
    )
    order = ["n", "n_steps", "pattern"]
    return Patterns(
        frame=frame.sort_values(order, ascending=[False, False, True], ignore_index=True),
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "length": length,
                "support": support,
                "gap_steps": gap_steps,
                "window": window,
                "confidence": confidence,
            },
        ),
        n_customers=n_customers,
        least=least,
        gap_steps=gap_steps,
    )


def pattern_texts(names: tuple[str, ...], codes: tuple[tuple[int, ...], ...]) -> list[str]:
    """Write patterns as `` a > b > c``."""
    told = path_names(names)
    return [SEPARATOR.join(told[code] for code in pattern) for pattern in codes]
