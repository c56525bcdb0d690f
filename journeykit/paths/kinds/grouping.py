"""Customers put into groups: all of them, by what was chosen on a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import DataError
from journeykit.paths.kinds import mixtures
from journeykit.paths.kinds.choosing import (
    Choice,
    choose_medoids,
    choose_mixture,
    medoid_stability,
)
from journeykit.paths.kinds.medoids import partition
from journeykit.paths.kinds.sequences import distinct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.paths.kinds.measures import Measure
    from journeykit.paths.kinds.sequences import Observed

#: Customers on whom the number of groups is chosen and tested.
MIXTURE_SAMPLE, MEDOID_SAMPLE = 10_000, 1_000
#: Samples from which medoids for all are taken, the best of them kept.
_SAMPLES = 5
#: Members among whom the representative of a group is looked for.
_CANDIDATES = 500


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Customers and their groups, the largest first.

    Attributes
    ----------
    choice : Choice
        Its `stability` is in the order of the groups.
    label : array of int64, shape (n_customers,)
    probability : array of float64, shape (n_customers,), or None
        Of the group a customer is in; None where groups are made by distances.
    information : array of float64, shape (K,)
        How many customers whose group is sure each share is worth.
    share : array of float64, shape (K,)
    distance : array of float64, shape (n_customers,)
        Of a customer's first comparable journey to the group's representative; NaN without one.
    representative : tuple of str
    """

    choice: Choice
    label: NDArray[np.int64]
    probability: NDArray[np.float64] | None
    information: NDArray[np.float64]
    share: NDArray[np.float64]
    distance: NDArray[np.float64]
    representative: tuple[str, ...]


def by_mixture(
    observed: Observed, measure: Measure, *, groups: int | None, most: int, seed: int
) -> Grouping:
    """Choose on a sample, go on with EM on all customers, and show each group's medoid."""
    everyone = mixtures.step_table(observed)
    if not len(everyone.cell):
        raise DataError(
            f"No step of {len(observed.hash):,} customers was seen: "
            "each has one touchpoint, and neither its beginning nor its end is known."
        )
    sample = observed.of_customers(observed.sample(MIXTURE_SAMPLE, seed=seed))
    chosen = choose_mixture(sample, groups=groups, most=most, seed=seed)
    fitted = mixtures.onto(everyone, mixtures.step_table(sample), chosen.mixture)
    if len(sample.hash) < len(observed.hash):
        fitted = mixtures.refit(everyone, np.ones(len(everyone)), fitted)
    size = np.bincount(fitted.probability.argmax(axis=1), minlength=len(fitted.share))
    order = np.argsort(-size, kind="stable")
    probability = fitted.probability[:, order]
    share = probability.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = ((probability - share) ** 2).sum(axis=0)
        information = spread / (share * (1 - share))
    label = probability.argmax(axis=1)
    distance, representative = _representatives(observed, measure, label, len(order), seed=seed)
    return Grouping(
        choice=_reordered(chosen.choice, order),
        label=label,
        probability=probability.max(axis=1),
        information=np.where(share < 1, information, len(label)),
        share=share,
        distance=distance,
        representative=representative,
    )


def by_medoids(
    observed: Observed, measure: Measure, *, groups: int | None, most: int, seed: int
) -> Grouping:
    """Choose on a sample, look for better medoids in more samples, and assign all customers."""
    first = observed.of_customers(observed.sample(MEDOID_SAMPLE, seed=seed))
    chosen = choose_medoids(first, measure, groups=groups, most=most, seed=seed)
    items = chosen.distinct
    number = len(chosen.partition.medoid)
    everyone = distinct(observed.sequences)
    best = items.sequences.take(chosen.partition.medoid)
    far = measure.between(best, everyone.sequences)
    again = _SAMPLES if len(first.hash) < len(observed.hash) else 1
    for sample_number in range(1, again):
        drawn = observed.sample(MEDOID_SAMPLE, seed=seed + sample_number)
        other = distinct(observed.of_customers(drawn).sequences)
        within = measure.within(other.sequences)
        found = other.sequences.take(partition(within, other.weight, number).medoid)
        to_found = measure.between(found, everyone.sequences)
        if _total(to_found, everyone.weight) < _total(far, everyone.weight):
            best, far = found, to_found
    size = np.bincount(far.argmin(axis=0), weights=everyone.weight, minlength=number)
    order = np.argsort(-size, kind="stable")
    best, far = best.take(order), far[order]
    label = far.argmin(axis=0)[everyone.number]
    choice = chosen.choice
    if number > 1:
        nearest = measure.between(best, items.sequences).argmin(axis=0)
        choice = choice.with_stability(
            medoid_stability(first, items, chosen.distance, nearest, number, seed=seed)
        )
    size = np.bincount(label, minlength=number)
    return Grouping(
        choice=choice,
        label=label,
        probability=None,
        information=np.full(number, float(len(label))),
        share=size / len(label),
        distance=far.min(axis=0)[everyone.number],
        representative=tuple(best.text(place) for place in range(number)),
    )


def _total(far: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Return the total distance of all customers to the nearest medoid."""
    return float((far.min(axis=0) * weight).sum())


def _reordered(choice: Choice, order: NDArray[np.int64]) -> Choice:
    likeness = choice.stability[order] if len(choice.stability) else choice.stability
    return choice.with_stability(likeness)


def _representatives(
    observed: Observed, measure: Measure, label: NDArray[np.int64], groups: int, *, seed: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Find each group's medoid among some of its members, and how far every member is from it."""
    distance = np.full(len(observed.hash), np.nan)
    short = observed.comparable & (observed.sequences.length <= measure.longest)
    if not short.any():
        return distance, ("",) * groups
    one_each = observed.take(short).one_each()
    at = np.searchsorted(observed.hash, one_each.hash)
    texts = []
    for group in range(groups):
        members = np.flatnonzero(label[at] == group)
        if len(members) == 0:
            texts.append("")
            continue
        group_only = one_each.of_customers(members)
        some = group_only.of_customers(group_only.sample(_CANDIDATES, seed=seed))
        items = distinct(some.sequences)
        within = measure.within(items.sequences)
        medoid = items.sequences.take(partition(within, items.weight, 1).medoid)
        everyone = distinct(group_only.sequences)
        far = measure.between(medoid, everyone.sequences)[0]
        distance[at[members]] = far[everyone.number]
        texts.append(medoid.text(0))
    return distance, tuple(texts)
