"""Touchpoints that customers name: how likely the next one named is one nobody has named yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.maps.touchpoints.uncharted import nearest
from journeykit.results import Provenance, Result
from journeykit.stats import esty_interval, wilson_interval
from journeykit.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.study.catalogue import Catalogue

_DRAWN = 15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MissingTouchpoints(Result):
    """Touchpoints named by customers, and how much of what they would name is covered.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a name, the most mentions first (ties by name): `touchpoint`, `n` mentions,
        `share` of all; `in_catalogue` (missing without a catalogue) and `near`, the name of the
        catalogue it may have been meant for.
    unseen : Estimate
        Probability that the next mention is of a touchpoint that nobody has named so far.
    n_mentions, n_customers : int
        Different names of each customer, added up; and customers (each mention counts as one where
        nobody says whose it is).
    n_unlisted : int
        Mentions of touchpoints that the catalogue does not have.
    """

    unseen: Estimate
    n_mentions: int
    n_customers: int
    n_unlisted: int
    rows: ClassVar[str] = "touchpoints named"

    @property
    def coverage(self) -> Estimate:
        """Probability that the next mention is of a touchpoint that was named before."""
        estimate, low, high = self.unseen
        return Estimate(1 - estimate, 1 - high, 1 - low)

    def summary(self) -> str:
        """Say how likely the next mention is of something new."""
        estimate, low, high = self.unseen
        text = (
            f"{len(self.frame):,} touchpoints in {self.n_mentions:,} mentions; the next mention is "
            f"of one not named before with probability {estimate:.1%} ({low:.1%} to {high:.1%})"
        )
        if not self.frame["in_catalogue"].notna().any():
            return text
        names = int((~self.frame["in_catalogue"].astype(bool)).sum())
        return (
            f"{text}; {self.n_unlisted:,} mentions are of {names:,} touchpoints that the catalogue "
            "does not have"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the names mentioned most; those that the catalogue does not have are marked."""
        from journeykit.draw import PALETTE, interval_bars, percent_axis

        top = self.frame.head(_DRAWN)
        low, high = wilson_interval(top["n"], np.full(len(top), self.n_customers))
        strange = top["in_catalogue"].eq(False).fillna(False).to_numpy(dtype=bool)
        ax = interval_bars(top["touchpoint"], top["n"] / self.n_customers, low, high, ax=ax)
        for bar, odd in zip(ax.patches, strange, strict=True):
            if odd:
                bar.set_color(PALETTE[1])
        percent_axis(ax, "x")
        note = "; orange: not in the catalogue" if strange.any() else ""
        whose = "mentions" if self.n_customers == self.n_mentions else "customers who name it"
        ax.set_xlabel(f"share of {self.n_customers:,} {whose}{note}")
        return ax


def missing_touchpoints(
    mentions: Mapping[str, int] | pd.DataFrame,
    /,
    *,
    catalogue: Catalogue | None = None,
    confidence: float = 0.95,
) -> MissingTouchpoints:
    """Estimate how much of what customers would name is covered by what they have named.

    The probability that the next mention is of a touchpoint not named so far is estimated by the
    share of mentions that nobody else has made, n_1 / n (Good and Turing). It says how much is
    missed, not how many touchpoints: rare ones may be without number.

    With counts alone each mention is taken to be independent, and the interval is Esty's. With a
    table of who named what, a customer's mentions of a name count once and the customer is the
    unit: with m_r different names of customer r, q_r of them named by nobody else, and b_rs names
    that only r and s have named, the variance of p = sum q_r / sum m_r is

        (sum (q_r - p m_r)^2 + 2 sum over pairs of b_rs^2) / (sum m_r)^2,

    which is Esty's where each customer names one. Bounds are cut to [0, 1]; where the variance is
    0 they are Wilson's at as many mentions as there are customers.

    Parameters
    ----------
    mentions : mapping of str to int, or DataFrame
        How often each name was mentioned; or a table `customer_id touchpoint`, one row a mention.
    catalogue : Catalogue, optional
        To mark the names that it does not have.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        Counts that are no whole numbers of at least 0.
    MappingError
        A table without one of the columns.
    DataError
        No mention at all, or an empty field.

    References
    ----------
    Good (1953), Biometrika 40; Esty (1983), Annals of Statistics 11.

    Examples
    --------
    >>> found = missing_touchpoints({"shop": 6, "mail": 3, "call": 2, "poster": 1})
    >>> round(found.unseen.estimate, 3)
    0.083
    """
    check_fraction("confidence", confidence)
    counts, unseen, n_customers = (
        _of_customers(mentions, confidence)
        if isinstance(mentions, pd.DataFrame)
        else _of_counts(mentions, confidence)
    )
    order = sorted(counts, key=lambda name: (-counts[name], name))
    n = sum(counts.values())
    known = set(catalogue.touchpoints) if catalogue is not None else set()
    listed = [name in known for name in order]
    inside = listed if catalogue is not None else [pd.NA] * len(order)
    frame = pd.DataFrame(
        {
            "touchpoint": order,
            "n": [counts[name] for name in order],
            "share": [counts[name] / n for name in order],
            "in_catalogue": pd.array(inside, dtype="boolean"),
            "near": ["" if name in known or not known else nearest(name, known) for name in order],
        }
    )
    return MissingTouchpoints(
        frame=frame,
        provenance=Provenance(parameters={"confidence": confidence}),
        unseen=unseen,
        n_mentions=n,
        n_customers=n_customers,
        n_unlisted=sum(counts[name] for name in order if known and name not in known),
    )


def _of_counts(
    mentions: Mapping[str, int], confidence: float
) -> tuple[dict[str, int], Estimate, int]:
    counts: dict[str, int] = {}
    for name, count in mentions.items():
        whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
        if not whole or count < 0:
            raise ArgumentError(
                f"`mentions` must hold whole numbers of at least 0; {name!r} has {count!r}."
            )
        if count:
            counts[str(name)] = int(count)
    if not counts:
        raise DataError("`mentions` holds no mention of any touchpoint.")
    n = sum(counts.values())
    once, twice = (sum(count == times for count in counts.values()) for times in (1, 2))
    return counts, esty_interval(n, once, twice, confidence=confidence), n


def _of_customers(table: pd.DataFrame, confidence: float) -> tuple[dict[str, int], Estimate, int]:
    columns = [str(name) for name in table.columns]
    check_known("mentions", ["customer_id", "touchpoint"], columns, what="columns")
    pairs = table[["customer_id", "touchpoint"]]
    empty = int(pairs.isna().any(axis=1).sum() + (pairs["touchpoint"].astype(str) == "").sum())
    if empty:
        raise DataError(f"`mentions` must name a customer and a touchpoint; {empty:,} rows do not.")
    if not len(pairs):
        raise DataError("`mentions` holds no mention of any touchpoint.")
    pairs = pairs.drop_duplicates()
    who, people = pd.factorize(pairs["customer_id"])
    what, names = pd.factorize(pairs["touchpoint"].astype(str))
    counts = np.bincount(what)
    estimate = _unseen(np.asarray(who), np.asarray(what), counts, confidence)
    found = {str(name): int(n) for name, n in zip(names, counts, strict=True)}
    return found, estimate, len(people)


def _unseen(
    who: NDArray[np.int64], what: NDArray[np.int64], counts: NDArray[np.int64], confidence: float
) -> Estimate:
    """Estimate the probability of something new when customers are the unit."""
    from scipy.special import ndtri

    n = len(who)
    made = np.bincount(who)
    alone = np.bincount(who, weights=counts[what] == 1, minlength=len(made))
    share = float(alone.sum() / n)
    two = counts[what] == 2
    order = np.lexsort((who[two], what[two]))
    pairs = who[two][order].reshape(-1, 2)
    _, shared = np.unique(pairs[:, 0] * len(made) + pairs[:, 1], return_counts=True)
    variance = float((np.square(alone - share * made).sum() + 2 * np.square(shared).sum()) / n**2)
    if variance == 0:
        people = len(made)
        edge = wilson_interval(share * people, people, confidence=confidence)
        return Estimate(share, float(edge.low), float(edge.high))
    half = float(ndtri((1 + confidence) / 2)) * variance**0.5
    return Estimate(share, max(0.0, share - half), min(1.0, share + half))
