"""What the company spends, by channel and day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.past import Drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.simulate.past import Columns, Past

Cents = Annotated[int, Field(ge=0)]


class SpendTruth(Truth):
    """What is true of spending.

    Attributes
    ----------
    touches : mapping of str to int
        Touches inside the window by channel.
    cost : mapping of str to int
        Cents spent on them, fixed costs included.
    """

    touches: dict[str, int]
    cost: dict[str, int]


class Spend(Part):
    """The costs of advertising.

    The cost of a channel on a day is ``fixed_a_day + unit_cost * touches``, where touches are those
    of all customers on that day while they are observed. The `channel` of the table is the
    touchpoint's name: a channel to be paid for, as channels of attribution are.

    Parameters
    ----------
    unit_cost : mapping of str to int
        Touchpoint to cents a touch; the table has these touchpoints, on every day.
    fixed_a_day : mapping of str to int
        Touchpoint to cents a day, for those of `unit_cost`; 0 where not named.
    """

    name: ClassVar[str] = "spend"
    unit_cost: dict[str, Cents] = {
        "ad_impression": 2, "catalog_mailed": 180, "email_marketing": 1, "email_promo": 1,
        "influencer_referral": 400, "remarketing_impression": 3, "sms_sent": 8,
        "social_owned_touch": 1,
    }  # fmt: skip
    fixed_a_day: dict[str, Cents] = {
        "ad_impression": 2_000, "catalog_mailed": 5_000, "email_promo": 1_500,
        "remarketing_impression": 500, "social_owned_touch": 3_000,
    }  # fmt: skip

    def draw(self, past: Past, /) -> Drawn:
        """Count touches by channel and day."""
        left = np.asarray(past.trait("exit"))
        counts = np.zeros((len(self.unit_cost), past.days), dtype=np.int64)
        row_of = {name: row for row, name in enumerate(sorted(self.unit_cost))}
        for drawn in past.drawn:
            for touches in drawn.touches:
                if touches.name in row_of and len(touches.who):
                    inside = (touches.time >= 0) & (touches.time < left[touches.who])
                    day = np.floor(touches.time[inside]).astype(np.int64)
                    counts[row_of[touches.name]] += np.bincount(day, minlength=past.days)
        return Drawn(sums={"spend.touches": counts})

    def _cost(self, touches: NDArray[np.int64]) -> NDArray[np.int64]:
        names = sorted(self.unit_cost)
        fixed = np.array([self.fixed_a_day.get(name, 0) for name in names], dtype=np.int64)
        unit = np.array([self.unit_cost[name] for name in names], dtype=np.int64)
        cost: NDArray[np.int64] = fixed[:, None] + unit[:, None] * touches
        return cost

    def closing(self, sums: Mapping[str, Any], /, *, days: int, seed: int) -> Mapping[str, Columns]:  # noqa: ARG002
        """Return the table of spend, sorted by channel and day."""
        touches = sums["spend.touches"]
        names = np.array(sorted(self.unit_cost), dtype=object)
        return {
            "spend": {
                "channel": np.repeat(names, days),
                "day": np.tile(np.arange(days, dtype=np.float64), len(names)),
                "touches": touches.ravel(),
                "cost": self._cost(touches).ravel(),
            }
        }

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> SpendTruth:  # noqa: ARG002
        """Return totals."""
        touches = sums["spend.touches"]
        names = sorted(self.unit_cost)
        return SpendTruth(
            touches=dict(zip(names, touches.sum(axis=1).tolist(), strict=True)),
            cost=dict(zip(names, self._cost(touches).sum(axis=1).tolist(), strict=True)),
        )
