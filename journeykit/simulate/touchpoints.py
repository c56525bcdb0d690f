"""The touchpoints of the simulated company: the standard catalogue, and three of its own."""

from __future__ import annotations

from functools import cache

from journeykit.study.catalogue import Touchpoint, standard_catalogue

#: What only this company has: the pop-up of a closed loop, and two of a subscription's troubles.
OWN = (
    Touchpoint("offer_popup", "website_email", "before", "brand", "virtual", "log", "firm"),
    Touchpoint("payment_failed", "website_email", "after", "brand", "virtual", "log", "firm"),
    Touchpoint("price_change", "website_email", "after", "brand", "virtual", "log", "firm"),
)


@cache
def touchpoints() -> tuple[Touchpoint, ...]:
    """Return all touchpoints, sorted by name."""
    rows = (*standard_catalogue().touchpoints.values(), *OWN)
    return tuple(sorted(rows, key=lambda row: row.touchpoint))
