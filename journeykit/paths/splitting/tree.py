"""A tree of segments in which every split has earned its keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.draw import interval_bars, percent_axis
from journeykit.draw.basics import QUIET
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.fingerprint import hash_customers
from journeykit.paths.splitting.attributes import Attribute, coded
from journeykit.paths.splitting.outcome import reached
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg, mix, salted, wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

    Mask = NDArray[np.bool_]

ALL = "everybody"
#: Customers with either outcome that a level is expected to have, to be tested for itself.
_LEAST_EXPECTED = 5
KEPT, REJECTED = "kept", "rejected"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Segments(Result):
    """``group n n_event estimate conf_low conf_high share``, a row a segment; shares sum to 1.

    All numbers are of held-out customers. They did not propose the splits, but they judged them: a
    split is kept only where it predicts them better. So differences between segments are somewhat
    exaggerated where they are small or customers few; less than on those who proposed them.

    Attributes
    ----------
    tried : pandas.DataFrame
        ``group attribute n n_missing p_value p_adjusted q_value gain verdict reason``: every split
        tried. `n` counts the customers it was found on, `gain` is what it takes off the log-loss
        of a held-out customer (nats).
    n_discovery, n_held_out : int
        Customers in each half.
    n_left_out : int
        Customers whose outcome is not known: not watched long enough, or missing.
    overall : float
        Share of held-out customers who reached the outcome.
    """

    tried: pd.DataFrame
    n_discovery: int
    n_held_out: int
    n_left_out: int
    overall: float
    rows: ClassVar[str] = "segments"

    def summary(self) -> str:
        """Say which segments there are, or that no split is worth it."""
        kept = self.tried[self.tried["verdict"] == KEPT]
        n = int(self.tried["p_value"].notna().sum())
        tried = f"{n:,} splits tried on {self.n_discovery:,} customers"
        left = f"; {self.n_left_out:,} customers left out" if self.n_left_out else ""
        if kept.empty:
            return f"No split is worth it: {tried}, none kept{left}"
        best = self.frame.loc[self.frame["estimate"].idxmax()]
        return (
            f"{len(self.frame):,} segments: {tried}, {len(kept):,} kept; highest where "
            f"{best['group']}: {best['estimate']:.1%} of {best['n']:,} ({best['conf_low']:.1%} to "
            f"{best['conf_high']:.1%}) against {self.overall:.1%} of all{left}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the segments with their intervals beside the share of all."""
        frame = self.frame
        labels = [f"{g} ({n:,})" for g, n in zip(frame["group"], frame["n"], strict=True)]
        ax = interval_bars(labels, frame["estimate"], frame["conf_low"], frame["conf_high"], ax=ax)
        ax.axvline(self.overall, color=QUIET, linewidth=1.4, linestyle="--")
        percent_axis(ax, "x")
        ax.set_xlabel(f"share of customers; dashed: all {self.n_held_out:,} held out")
        return ax


class Node(NamedTuple):
    """Some customers: who they are, in words and as a mask; their depth in the tree."""

    label: str
    member: Mask
    depth: int


class Split(NamedTuple):
    """The best cut of a node by one attribute; `left` is None where no cut leaves enough."""

    attribute: Attribute
    p_value: float
    left: Mask | None
    labels: tuple[str, str]
    gain: float


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Customers whose outcome is known, and the half of them that splits are found on."""

    event: Mask
    learn: Mask
    attributes: tuple[Attribute, ...]
    min_customers: int


def segments(
    journeys: Journeys,
    /,
    *,
    outcome: Sequence[str] | Mapping[str, object],
    attributes: Sequence[str],
    horizon_days: float | None = None,
    min_customers: int = 100,
    levels: int = 3,
    q: float = 0.05,
    confidence: float = 0.95,
    seed: int = 0,
) -> Segments:
    """Divide customers by attributes as long as a split earns its keep.

    Half of the customers, by a hash of `seed` and their id, find splits; the others judge them. A
    group is split by an attribute when

    1. outcome and attribute are associated among the finders: Pearson's chi-squared over the
       levels (the smallest pooled until five of either outcome are expected in each), p times
       attributes times nodes that there can be at that depth at most `q`, so the chance that any
       split of a depth is false is at most `q`, before it is judged;
    2. the best cut in two takes something off the log-loss of held-out customers, both sides
       predicted from the finders; and
    3. both sides have `min_customers` finders and as many held out.

    The attribute of the least p that passes is taken (ties: the first named). Numbers are cut at
    quartiles, words where their levels are sorted by the finders' shares; what is missing is a
    level of its own. A split needs an association in its own group: two attributes that only tell
    something together are not found.

    Attributes must have been known when the watching began: one that was written down later may
    be a consequence of the outcome.

    Parameters
    ----------
    journeys : Journeys
        Uncut, one a customer.
    outcome : sequence of touchpoints, or mapping of one attribute to a value
        Any of the touchpoints within `horizon_days` of the beginning of the customer's watching;
        or the attribute having the value. Customers not watched for more than the horizon, or
        without the attribute, are left out and counted, whatever they did: leaving out only those
        without the outcome would favour the fast.
    attributes : sequence of str
    horizon_days : float, optional
        Required for touchpoints of journeys with times.
    min_customers : int
    levels : int
        Depth of the tree, 1 to 6.
    q, confidence : float in (0, 1)
    seed : int

    Returns
    -------
    Segments

    Raises
    ------
    ArgumentError, MappingError
        Arguments that do not suit one another; unknown names.
    DataError
        Fewer than twice `min_customers` customers in a half.

    References
    ----------
    Hothorn, Hornik, Zeileis (2006), Unbiased recursive partitioning, JCGS 15: test first, cut
    then; Athey, Imbens (2016), Recursive partitioning for heterogeneous causal effects, PNAS 113:
    honest estimates, which these would be if the held-out half did not judge the splits too.
    Cochran (1954), Some methods for strengthening the common chi-squared tests, Biometrics 10.
    """
    check_whole("min_customers", min_customers, least=10)
    check_whole("levels", levels, least=1, most=6)
    check_fraction("q", q)
    check_fraction("confidence", confidence)
    if isinstance(attributes, str) or not attributes:
        raise ArgumentError(f"`attributes` must be a list of names; got {attributes!r}.")
    check_known("attributes", attributes, journeys.attributes.column_names, what="attributes")
    if isinstance(outcome, Mapping) and set(outcome) & set(attributes):
        raise ArgumentError("`outcome` must not be one of `attributes`: it would explain itself.")
    known, event = reached(journeys, outcome, horizon_days)
    hashed = salted(hash_customers(journeys.customer_id), "segments")
    half = mix(hashed, seed=seed)[journeys.customer_index]
    learn = (half[known] >> np.uint64(63)).astype(bool)
    if min(learn.sum(), (~learn).sum()) < 2 * min_customers:
        raise DataError(
            f"Each half must have at least {2 * min_customers:,} customers whose outcome is known; "
            f"there are {int(known.sum()):,} in both. Lower `min_customers` or `horizon_days`."
        )
    table = journeys.attributes.filter(known)
    sample = _Sample(
        event[known],
        learn,
        tuple(
            coded(name, table[name].combine_chunks(), learn, min_customers=min_customers)
            for name in attributes
        ),
        min_customers,
    )
    tried: list[dict[str, object]] = []
    leaves = list(_grown(sample, Node(ALL, np.ones(len(learn), dtype=bool), 0), levels, q, tried))
    parameters = {
        "outcome": dict(outcome) if isinstance(outcome, Mapping) else list(outcome),
        "attributes": list(attributes),
        "horizon_days": horizon_days,
        "min_customers": min_customers,
        "levels": levels,
        "q": q,
        "confidence": confidence,
    }
    return Segments(
        frame=_leaf_frame(sample, leaves, confidence),
        provenance=Provenance(fingerprint=journeys.fingerprint, parameters=parameters, seed=seed),
        tried=_tried_frame(tried),
        n_discovery=int(learn.sum()),
        n_held_out=int((~learn).sum()),
        n_left_out=int((~known).sum()),
        overall=float(sample.event[~learn].mean()),
    )


def _grown(
    sample: _Sample, node: Node, levels: int, q: float, tried: list[dict[str, object]]
) -> Iterator[Node]:
    """Split a node, and its parts, as long as it pays; note in `tried` what became of each try."""
    if node.depth == levels:
        yield node
        return
    splits = sorted(
        (_best_split(sample, node, attribute) for attribute in sample.attributes),
        key=lambda split: np.nan_to_num(split.p_value, nan=np.inf),
    )
    # Bonferroni over the attributes and the nodes there can be at this depth.
    room = len(splits) * 2**node.depth
    chosen = None
    for split in splits:
        adjusted = np.minimum(1.0, split.p_value * room)
        reason = _fault(split, adjusted, q, sample.min_customers)
        if not reason and chosen is not None:
            reason = f"{chosen.attribute.name} tells more here"
        tried.append(
            {
                "group": node.label,
                "attribute": split.attribute.name,
                "n": int((node.member & sample.learn).sum()),
                "n_missing": split.attribute.n_missing,
                "p_value": split.p_value,
                "p_adjusted": adjusted,
                "gain": split.gain,
                "verdict": REJECTED if reason else KEPT,
                "reason": reason or f"{split.labels[0]} | {split.labels[1]}",
            }
        )
        chosen = chosen or (None if reason else split)
    if chosen is None or chosen.left is None:
        yield node
        return
    for side, label in zip((chosen.left, ~chosen.left), chosen.labels, strict=True):
        name = label if node.label == ALL else f"{node.label} and {label}"
        part = Node(name, node.member & side, node.depth + 1)
        yield from _grown(sample, part, levels, q, tried)


def _fault(split: Split, adjusted: float, q: float, min_customers: int) -> str:
    """Say why a split is not kept; empty where nothing speaks against it."""
    if np.isnan(adjusted):
        return "all have the same here, or too few have either outcome"
    if adjusted > q:
        return f"no more than chance would do (adjusted p = {adjusted:.2g})"
    if split.left is None:
        return f"no cut leaves {min_customers:,} customers on both sides of both halves"
    if split.gain <= 0:
        return "no gain for held-out customers"
    return ""


def _best_split(sample: _Sample, node: Node, attribute: Attribute) -> Split:
    """Test the levels of an attribute in a node, and find the best cut of them in two."""
    found, judged = node.member & sample.learn, node.member & ~sample.learn
    size = len(attribute.labels)
    n = np.bincount(attribute.level[found], minlength=size)
    hit = np.bincount(attribute.level[found & sample.event], minlength=size)
    n_judged = np.bincount(attribute.level[judged], minlength=size)
    p_value = _association(n, hit)
    best, chosen = -1.0, np.array([], dtype=np.int64)
    for order in _orders(attribute, n, hit):
        left = np.cumsum(np.stack([n[order], hit[order], n_judged[order]]), axis=1)[:, :-1]
        totals = np.array([n.sum(), hit.sum(), n_judged.sum()])[:, None]
        right = totals - left
        fits = np.minimum(left[[0, 2]], right[[0, 2]]).min(axis=0) >= sample.min_customers
        if not fits.any():
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = (left[1] / left[0] - right[1] / right[0]) ** 2 * left[0] * right[0]
        at = int(np.argmax(np.where(fits, gap, -1.0)))
        if gap[at] > best:
            best, chosen = float(gap[at]), order[: at + 1]
    if not len(chosen):
        return Split(attribute, p_value, None, ("", ""), np.nan)
    others = np.setdiff1d(np.flatnonzero(n + n_judged), chosen)
    left_side = np.isin(attribute.level, chosen)
    labels = (attribute.described(chosen.tolist()), attribute.described(others.tolist()))
    return Split(attribute, p_value, left_side, labels, _gain(sample, node, left_side))


def _orders(
    attribute: Attribute, n: NDArray[np.int64], hit: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Sort the levels that occur so that a cut in two makes sense; the missing at either end."""
    there = np.flatnonzero(n)
    if not attribute.edges:
        return [there[np.argsort(hit[there] / n[there], kind="stable")]]
    last = len(attribute.labels) - 1
    known, missing = there[there < last], there[there == last]
    return [np.concatenate([known, missing]), np.concatenate([missing, known])]


def _association(n: NDArray[np.int64], hit: NDArray[np.int64]) -> float:
    """Test by Pearson's chi-squared whether the share differs between levels.

    The smallest levels count together, as many as it takes until five of either outcome are
    expected in every level: of rare outcomes in small levels the law of chi-squared does not hold.
    NaN where that leaves one level, or there is one outcome only.
    """
    from scipy.special import chdtrc

    share = hit.sum() / max(n.sum(), 1)
    if share in {0.0, 1.0}:
        return np.nan
    least = _LEAST_EXPECTED / min(share, 1 - share)
    order = np.argsort(n, kind="stable")
    n, hit = n[order], hit[order]
    few = int((n < least).sum())
    if n[:few].sum() < least:
        few += bool(n[:few].any())
    n = np.append(n[:few].sum(), n[few:])
    hit = np.append(hit[:few].sum(), hit[few:])
    n, hit = n[n > 0], hit[n > 0]
    if len(n) < 2:
        return np.nan
    statistic = ((hit - n * share) ** 2 / (n * share * (1 - share))).sum()
    return float(chdtrc(len(n) - 1, statistic))


def _gain(sample: _Sample, node: Node, left: Mask) -> float:
    """Return how much less log-loss a held-out customer has, predicted by side."""

    def predicted(who: Mask) -> float:
        found = who & sample.learn
        return float((sample.event[found].sum() + 0.5) / (found.sum() + 1))

    judged = node.member & ~sample.learn
    event = sample.event[judged]
    whole = np.full(len(event), predicted(node.member))
    sides = predicted(node.member & left), predicted(node.member & ~left)
    apart = np.where(left[judged], *sides)
    ratio = np.where(event, apart / whole, (1 - apart) / (1 - whole))
    return float(np.log(ratio).mean())


def _leaf_frame(sample: _Sample, leaves: Sequence[Node], confidence: float) -> pd.DataFrame:
    held = ~sample.learn
    n = np.array([(leaf.member & held).sum() for leaf in leaves])
    n_event = np.array([(leaf.member & held & sample.event).sum() for leaf in leaves])
    low, high = wilson_interval(n_event, n, confidence=confidence)
    frame = pd.DataFrame(
        {
            "group": [leaf.label for leaf in leaves],
            "n": n,
            "n_event": n_event,
            "estimate": n_event / n,
            "conf_low": low,
            "conf_high": high,
            "share": n / held.sum(),
        }
    )
    return frame.sort_values(["estimate", "group"], ascending=[False, True], ignore_index=True)


def _tried_frame(tried: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(tried)
    frame.insert(6, "q_value", benjamini_hochberg(frame["p_value"]))
    return frame
