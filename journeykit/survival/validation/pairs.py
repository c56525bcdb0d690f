"""Pairs of customers of whom one left while the other was under risk, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.survival.validation.kernels import leavers_of_partners, partners_of_leavers
from journeykit.survival.validation.losses import in_sight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.validation.watched import Watched


class PairSums(NamedTuple):
    """Pairs weighted by the time of the earlier event, and how they move with each customer.

    Attributes
    ----------
    concordant, tied, total : float
    estimate : float
    influence : array, shape (n,)
        Derivative of `estimate` in each customer's weight.
    """

    concordant: float
    tied: float
    total: float
    estimate: float
    influence: NDArray[np.float64]


def pair_sums(
    people: Watched,
    risk: NDArray[np.float64],
    counted: NDArray[np.bool_],
    /,
    *,
    uno: bool = False,
) -> PairSums:
    """Count pairs of a counted event and a partner under risk then who did not leave at that time.

    Parameters
    ----------
    people : Watched
    risk : array, shape (n,)
    counted : array of bool, shape (n,)
        Events that make pairs.
    uno : bool
        Weigh each event by 1 / G(t-)^2.
    """
    entry, exits, event = people.entry, people.exit, people.event
    values, rank = np.unique(risk, return_inverse=True)
    order = (np.argsort(exits, kind="stable"), np.argsort(entry, kind="stable"))
    weight = counted.astype(np.float64)
    sight = in_sight(exits, event) if uno else None
    if sight is not None:
        within = np.where(counted, sight.survival[sight.steps_before()], 1.0)
        weight = weight / within**2
    given = (entry, exits, event, rank, len(values), *order)
    partners = partners_of_leavers(*given) * weight[:, None]
    leavers = leavers_of_partners(*given, weight)
    # Right is a leaver of higher rank than the partner.
    right = partners @ [1.0, 0.5, 0.0]
    total = float(partners.sum())
    if total == 0:
        return PairSums(0.0, 0.0, 0.0, np.nan, np.zeros(len(risk)))
    estimate = float(right.sum()) / total
    surplus = right - estimate * partners.sum(axis=1)
    pull = surplus + leavers @ [0.0, 0.5, 1.0] - estimate * leavers.sum(axis=1)
    if sight is not None:
        pull += sight.influence(-2 * surplus, sight.steps_before())[:, 0]
    return PairSums(
        float(partners[:, 0].sum()), float(partners[:, 1].sum()), total, estimate, pull / total
    )
