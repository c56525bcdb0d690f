"""Pain points: friction planted at one step, none anywhere, and harmless steps met often."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

import pandas as pd

from journeykit.simulate import World
from journeykit.simulate.parts.orders import OrdersTruth
from journeykit.stages import PainPoints, pain_points
from tests.truth.check import Check, between

PARTS = ("browsing", "orders", "purchases", "channels")
GOAL = ("thank_you_page", "pos_transaction")
SENT = (
    "ad_impression", "catalog_mailed", "email_confirmation", "email_promo", "pos_receipt",
    "sms_sent",
)  # fmt: skip
#: Met all the time, and nobody is lost there.
HARMLESS = ("view_product", "view_testimonial", "view_home", "site_search", "help_center_visit")
NONE = MappingProxyType({"site_search": 0.0, "checkout": 0.0})
PLANTED = MappingProxyType({"site_search": 0.0, "checkout": 0.15})


def found_in(world: World, *, draws: int = 80) -> PainPoints:
    """Return the pain points of a world."""
    made = world.journeys()
    sent = [name for name in SENT if name in made.names]
    return pain_points(made, goal=GOAL, sent=sent, draws=draws)


def ranks(world: World) -> pd.DataFrame:
    """Whether checkout is first, whether a harmless step is in the top three, or anything is."""
    rank = found_in(world).frame.set_index("touchpoint")["rank"].dropna()
    top = rank[rank <= 3].index
    return pd.DataFrame(
        {
            "name": ["checkout first", "harmless in top three", "anything clear"],
            "flagged": [
                bool(rank.get("checkout", 0) == 1),
                any(name in top for name in HARMLESS),
                len(rank) > 0,
            ],
        }
    )


def _truth(world: World) -> float:
    """Return the orders that friction at checkout costs, expected."""
    told = world.truth["orders"]
    assert isinstance(told, OrdersTruth)
    return told.value_of_removal["checkout"]


def worth(world: World) -> pd.DataFrame:
    """The conversions lost at checkout, beside the orders expected without its friction."""
    row = found_in(world, draws=200).frame.set_index("touchpoint").loc["checkout"]
    return pd.DataFrame(
        {
            "name": ["checkout"],
            "estimate": [row["estimate"]],
            "conf_low": [row["conf_low"]],
            "conf_high": [row["conf_high"]],
            "truth": [_truth(world)],
        }
    )


_check = partial(Check, parts=PARTS, customers=1500, fast=20, full=300)

PAINS = (
    _check(
        "pain points, planted",
        "Where checkout loses 15 % of attempts it is the first pain point in 95 % of worlds or "
        "more.",
        lambda _: ranks,
        between(0.95, 1.0, column="share", only=("checkout first",)),
        settings={"orders.friction": dict(PLANTED)},
        null=(),
    ),
    _check(
        "pain points, harmless",
        "With a help loop in half of all visits, and friction at checkout, no frequent harmless "
        "step is ever among the top three.",
        lambda _: ranks,
        between(0.0, 0.0, column="share", only=("harmless in top three",)),
        settings={"orders.friction": dict(PLANTED), "browsing.help_loop": 0.5},
        null=(),
    ),
    _check(
        "pain points, nothing there",
        "Where no step loses anybody, a pain is called clear in at most 5 % of worlds.",
        lambda _: ranks,
        between(0.0, 0.05, column="share", only=("anything clear",)),
        settings={"orders.friction": dict(NONE)},
        null=(),
    ),
    _check(
        "pain points, value of removal",
        "The interval of conversions lost at checkout holds the orders that its friction costs.",
        lambda _: worth,
        between(0.93, 0.97),
        settings={"orders.friction": {"site_search": 0.05, "checkout": 0.15}},
    ),
)
