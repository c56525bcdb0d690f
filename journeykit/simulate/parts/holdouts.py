"""What the experiments on channels show: orders of those held out by chance, and of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.parts.orders import Orders, lost_responding
from journeykit.simulate.past import Drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.past import Past


class Holdout(Truth):
    """The experiment on a channel: orders a customer, among those treated and those held out.

    Attributes
    ----------
    treated, held_out : int
        Customers.
    difference : float
        Orders a customer among the treated, less those among the held out, in this world.
    std_error : float
        Of the difference, customers independent.
    effect : float
        What the difference estimates: expected orders that the channel adds for a treated customer,
        those included that it adds through other channels and parts.
    """

    treated: int
    held_out: int
    difference: float
    std_error: float
    effect: float


class HoldoutsTruth(Truth):
    """What the experiments show.

    Attributes
    ----------
    channels : mapping of str to Holdout
        Channels with a holdout that may have an effect on orders, also one of zero.
    """

    channels: dict[str, Holdout]


class Holdouts(Part):
    """The reading of the experiments on channels; all orders in the window count."""

    name: ClassVar[str] = "holdouts"

    def draw(self, past: Past, /) -> Drawn:
        """Add up orders by arm."""
        if not (past.has(Channels) and past.has(Orders)):
            return Drawn()
        orders = np.bincount(past.rows("orders")["who"], minlength=past.n)
        sums = {}
        for name, channel in past.part(Channels).touchpoints.items():
            if channel.holdout > 0 and name in past.part(Orders).effect:
                held = past.trait(f"held out of {name}")
                for arm, who in (("held out", held), ("treated", ~held)):
                    n = orders[who]
                    sums[f"holdouts.{arm}.{name}"] = np.array([len(n), n.sum(), (n**2).sum()])
        return Drawn(sums=sums)

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> HoldoutsTruth:  # noqa: ARG002
        """Return differences, their errors, and what they estimate."""
        prefix = "holdouts.treated."
        names = [key.removeprefix(prefix) for key in sums if key.startswith(prefix)]
        both = [name for name in names if min(_sizes(sums, name)) > 1]
        return HoldoutsTruth(channels={name: _holdout(sums, name) for name in both})


def _sizes(sums: Mapping[str, Any], name: str) -> list[int]:
    return [int(sums[f"holdouts.{arm}.{name}"][0]) for arm in ("treated", "held out")]


def _holdout(sums: Mapping[str, Any], name: str) -> Holdout:
    means, variances = [], []
    for arm in ("treated", "held out"):
        n, total, squares = (float(value) for value in sums[f"holdouts.{arm}.{name}"])
        means.append(total / n)
        variances.append((squares / n - (total / n) ** 2) / (n - 1))
    treated, held_out = _sizes(sums, name)
    return Holdout(
        treated=treated,
        held_out=held_out,
        difference=means[0] - means[1],
        std_error=float(np.sqrt(sum(variances))),
        effect=lost_responding(sums, name) / treated,
    )
