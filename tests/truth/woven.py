"""Channels, satisfaction, automation and fatigue: found where planted, and not elsewhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.maps import automation, cadence, channel_integration, satisfaction
from journeykit.simulate import World
from journeykit.simulate.world import world as simulated
from journeykit.study import Catalogue
from journeykit.study.catalogue import Touchpoint
from tests.maps.automated.test_automating import LADDER, calls
from tests.maps.sending.test_cadences import mailed
from tests.truth.check import Check, between

if TYPE_CHECKING:
    from journeykit.maps import ChannelIntegration

#: Channels of single touchpoints: one that nothing leads to or comes of, and two of which the one
#: brings about the other in half of all cases. Intent, season and weeks move all others alike.
CHANNELS = {"social_owned_touch": "social", "sms_sent": "messages", "app_session": "app"}
BROUGHT_ABOUT = 0.5
KNEE = 4
#: Every touchpoint that anybody is asked about.
ASKED = (
    "app_session", "call_accounts_receivable", "call_customer_service", "call_followup",
    "call_hold", "call_sales", "call_tech_support", "catalog_pickup", "checker_contact",
    "checkout", "contact_form", "help_center_visit", "payment_failed", "pos_transaction",
    "price_change", "remarketing_impression", "site_search", "thank_you_page", "view_home",
    "view_product", "view_testimonial",
)  # fmt: skip
PAGES = ("view_home", "view_product", "view_testimonial", "site_search", "checkout",
         "help_center_visit")  # fmt: skip
SAID = ("background", "browsing", "sentiment")


def integrated(world: World) -> ChannelIntegration:
    """Channels of a world of touches alone."""
    journeys = world.journeys()
    rows = {name: Touchpoint(name, channel=CHANNELS.get(name, "others")) for name in journeys.names}
    return channel_integration(journeys, Catalogue(rows), within_days=7)


def alone(world: World) -> pd.DataFrame:
    """Whether each channel is said to be isolated."""
    frame = integrated(world).isolation
    return pd.DataFrame({"name": frame["channel"], "flagged": frame["verdict"] == "isolated"})


def leading(world: World) -> pd.DataFrame:
    """The share of messages and social touches that lead elsewhere, beside the truth."""
    frame = integrated(world).isolation.set_index("channel").loc[["messages", "social"]]
    return pd.DataFrame(
        {
            "name": ["messages lead", "social leads"],
            "estimate": frame["leads"].to_numpy(),
            "conf_low": frame["leads_low"].to_numpy(),
            "conf_high": frame["leads_high"].to_numpy(),
            "truth": [BROUGHT_ABOUT, 0.0],
        }
    )


def scores(world: World, own: dict[tuple[str, str], float]) -> pd.DataFrame:
    """Every measure of every channel, named by the measure, beside that of very many customers."""
    frame = integrated(world).frame
    truth = [own[pair] for pair in zip(frame["channel"], frame["measure"], strict=True)]
    return frame.assign(name=frame["measure"], truth=truth)


def own_scores(customers: int) -> dict[tuple[str, str], float]:
    """The measures of very many customers."""
    many = integrated(simulated(customers=customers, seed=1, parts=("channels",)))
    return many.frame.set_index(["channel", "measure"])["estimate"].to_dict()


def said(world: World) -> pd.DataFrame:
    """What was said, from -1 to 1."""
    table = world.tables["sentiment"].to_pandas()
    table = table[table["touchpoint"].isin(PAGES)]
    return table.assign(score=(table["score"] - 3) / 2)


def differing(world: World) -> pd.DataFrame:
    """Whether pages are said to differ."""
    found = satisfaction(said(world), Catalogue(), mixed_answers=0).spread["verdict"].iloc[0]
    return pd.DataFrame({"name": ["differs"], "flagged": [found == "differs"]})


def satisfied(world: World) -> pd.DataFrame:
    """Mean scores of pages beside the truth of those who tell."""
    frame = satisfaction(said(world), Catalogue(), mixed_answers=0).frame
    truth = (frame["channel"].map(world.truth["sentiment"].mean_seen) - 3) / 2
    return frame.assign(name="mean score", truth=truth)


def served(world: World, effect: float) -> pd.DataFrame:
    """Whether machines are said to sell more, or less, than humans; and by plain shares."""
    rng = np.random.default_rng([world.seed, 8])
    found = automation(
        calls(rng, 500, effect=effect), actor="actor", ladder=LADDER, outcome=["buy"],
        horizon_days=10,
    ).outcomes.iloc[0]  # fmt: skip
    return pd.DataFrame(
        {
            "name": ["a difference", "the planted one"],
            "flagged": [
                found["verdict"] != "no difference found",
                found["verdict"] == "fewer after machines",
            ],
        }
    )


def served_interval(world: World, effect: float) -> pd.DataFrame:
    """The difference inside strata beside the planted one."""
    rng = np.random.default_rng([world.seed, 8])
    found = automation(
        calls(rng, 500, effect=effect), actor="actor", ladder=LADDER, outcome=["buy"],
        horizon_days=10,
    ).outcomes.head(1)  # fmt: skip
    return found.assign(name="difference", truth=effect)


def tired(world: World, fall: float, customers: int) -> pd.DataFrame:
    """Whether a fall is found, and whether its knee is right to one send."""
    journeys = mailed(world.seed, customers=customers, knee=KNEE, fall=fall)
    row = cadence(journeys, sent=["mail"], answers=["act"], seed=world.seed).fatigue.iloc[0]
    falls = row["verdict"].startswith("falls")
    return pd.DataFrame(
        {
            "name": ["falls", "knee within one send"],
            "flagged": [falls, falls and abs(row["knee"] - KNEE) <= 1],
        }
    )


WOVEN = (
    Check(
        "channels, isolated",
        "A channel that nothing leads to or comes of is called isolated in 95 % of worlds or more.",
        lambda _: alone,
        between(0.95, 1.0, column="share", only=("social",)),
        ("channels",),
        2000,
        fast=40,
        null=(),
    ),
    Check(
        "channels, woven in",
        "Channels of which one brings about the other are called isolated in at most 5 %.",
        lambda _: alone,
        between(0.0, 0.05, column="share", only=("messages", "app")),
        ("channels",),
        2000,
        fast=40,
        null=(),
    ),
    Check(
        "channels, leading",
        "Intervals of the share of touches that lead elsewhere beyond chance cover what is brought "
        "about, and nothing, while season, weeks and intent move all channels alike.",
        lambda _: leading,
        between(0.93, 0.97),
        ("channels",),
        2000,
        fast=60,
    ),
    Check(
        "channels, scorecard",
        "Intervals of in-flow, out-flow, dead ends and confusion cover.",
        lambda customers: partial(scores, own=own_scores(customers)),
        between(0.93, 0.97),
        ("channels",),
        1500,
        fast=60,
        pooled=True,
    ),
    Check(
        "satisfaction, no difference",
        "Pages that please alike are said to differ in at most 5 % of worlds.",
        lambda _: differing,
        between(0.0, 0.05, column="share"),
        SAID,
        1000,
        {f"sentiment.mean.{name}": 0.1 for name in ASKED},
        fast=60,
        null=(),
    ),
    Check(
        "satisfaction, power",
        "Pages, one of which pleases half a spread of touches less, are said to differ in 80 %.",
        lambda _: differing,
        between(0.8, 1.0, column="share"),
        SAID,
        2000,
        {
            **{f"sentiment.mean.{name}": 0.1 for name in ASKED},
            "sentiment.mean.site_search": -0.4,
        },
        fast=40,
        null=(),
    ),
    Check(
        "satisfaction, means",
        "Intervals of mean scores cover the mean of those who tell.",
        lambda _: satisfied,
        between(0.93, 0.97),
        SAID,
        1000,
        fast=60,
        pooled=True,
    ),
    Check(
        "automation, Simpson",
        "Machines that serve the stage where most buy, and change nothing, are said to differ from "
        "humans in at most 7 % of worlds.",
        lambda _: partial(served, effect=0.0),
        between(0.0, 0.07, column="share", only=("a difference",)),
        ("background",),
        10,
        fast=60,
        null=(),
    ),
    Check(
        "automation, power",
        "Machines after which 15 points fewer buy are found in 80 %, though by plain shares more "
        "do.",
        lambda _: partial(served, effect=-0.15),
        between(0.8, 1.0, column="share", only=("the planted one",)),
        ("background",),
        10,
        fast=40,
        null=(),
    ),
    Check(
        "automation, intervals",
        "Intervals of the difference inside strata cover a planted one.",
        lambda _: partial(served_interval, effect=-0.1),
        between(0.93, 0.97),
        ("background",),
        10,
        fast=60,
    ),
    Check(
        "fatigue, none",
        "Where customers never tire, a fall is found in at most 5 % of worlds.",
        lambda _: partial(tired, fall=0.0, customers=250),
        between(0.0, 0.05, column="share", only=("falls",)),
        ("background",),
        10,
        fast=40,
        null=(),
    ),
    Check(
        "fatigue, knee",
        "Where the odds to respond fall by a fifth with each send beyond the fourth, the knee is "
        "found within one send in 90 % of worlds.",
        lambda _: partial(tired, fall=0.25, customers=2000),
        between(0.9, 1.0, column="share", only=("knee within one send",)),
        ("background",),
        10,
        fast=20,
        full=300,
        null=(),
    ),
)
