"""Touchpoints without any effect, so that all there can be events of are met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.past import Drawn, Touches
from journeykit.simulate.tables import ACTORS
from journeykit.simulate.touchpoints import touchpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.past import Past

Harmless = Literal[
    "business_card", "call_hold", "catalog_pickup", "conference_scan", "focus_group",
    "mobile_web_visit", "survey_email_invite", "survey_web_intercept",
]  # fmt: skip

#: Who performs what is started by whom.
_ACTOR_OF = {"firm": "automatic", "both": "human", "customer": "customer"}


class BackgroundTruth(Truth):
    """What is true of touchpoints without any effect.

    Attributes
    ----------
    rate : mapping of str to float
        Events a day of every customer who is watched, whatever else happens; none has any effect.
    events : mapping of str to int
        Counted.
    """

    rate: dict[str, float]
    events: dict[str, int]


class Background(Part):
    """Touchpoints that no other part makes and that do nothing: noise.

    Each is a Poisson process with rate ``rate[touchpoint]``, the same for all customers and days
    from entry to exit. Actor: automatic where the firm starts it, human where both do.

    Parameters
    ----------
    rate : mapping of str to float
        Events a day and customer.
    """

    name: ClassVar[str] = "background"
    rate: dict[Harmless, Annotated[float, Field(ge=0, le=0.5)]] = {
        "business_card": 0.00005, "call_hold": 0.0002, "catalog_pickup": 0.0001,
        "conference_scan": 0.00005, "focus_group": 0.00002, "mobile_web_visit": 0.0008,
        "survey_email_invite": 0.0004,
        "survey_web_intercept": 0.0003,
    }  # fmt: skip

    def draw(self, past: Past, /) -> Drawn:
        """Draw the events of each touchpoint."""
        begin, end = np.maximum(past.trait("entry"), 0.0), past.trait("exit")
        initiator = {row.touchpoint: row.initiator for row in touchpoints()}
        touches = []
        for name, rate in self.rate.items():
            # Rounding to whole seconds may carry an event to the very end, where it is cut off.
            points = past.draws.points(f"background.{name}", rate, begin, end - 1e-5)
            actor = ACTORS.index(_ACTOR_OF[initiator[name]])
            actors = np.full(len(points.who), actor)
            touches.append(Touches.of(name, points.who, points.time, {"actor": actors}))
        return Drawn(
            touches=touches,
            sums={f"background.{found.name}": len(found.who) for found in touches},
        )

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> BackgroundTruth:  # noqa: ARG002
        """Return the rates."""
        return BackgroundTruth(
            rate={name: float(rate) for name, rate in self.rate.items()},
            events={name: int(sums.get(f"background.{name}", 0)) for name in self.rate},
        )
