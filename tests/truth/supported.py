"""Channels that support channels: what a message brings about, and nothing where nothing does."""

from __future__ import annotations

import numpy as np
import pandas as pd

from journeykit.attribution import support
from journeykit.attribution.supporting.answers import FOUND
from journeykit.simulate import World
from tests.truth.check import Check, between

CHANNELS = ("email_promo", "catalog_mailed", "sms_sent", "app_session")
#: Sessions a message brings about within two days: half of them, half a day later on average.
WITHIN = 0.5 * (1 - np.exp(-2 / 0.5))


def brought_about(world: World) -> pd.DataFrame:
    """Further sessions in the app within two days of a message, with interval and truth."""
    frame = support(world.journeys(), channels=CHANNELS, replicates=200).frame
    one = frame[(frame["channel"] == "sms_sent") & (frame["supported"] == "app_session")]
    return one.assign(name="sms_sent to app_session", estimate=one["further"], truth=WITHIN)[
        ["name", "estimate", "conf_low", "conf_high", "truth"]
    ]


def anything(world: World) -> pd.DataFrame:
    """Whether any channel is found to support another."""
    frame = support(world.journeys(), channels=CHANNELS, replicates=200).frame
    return pd.DataFrame({"name": ["any pair"], "flagged": [(frame["verdict"] == FOUND).any()]})


SUPPORTS = (
    Check(
        "support, what a message brings about",
        "The sessions in the app that a message brings about within two days lie in their "
        "interval in 93 to 97 % of worlds.",
        lambda _: brought_about,
        between(0.93, 0.97),
        ("channels",),
        2500,
        fast=8,
        full=200,
    ),
    Check(
        "support, nothing there",
        "Where no touch brings about another, any channel is found to support another in at most "
        "5 % of worlds.",
        lambda _: anything,
        between(0.0, 0.05, column="share"),
        ("channels",),
        2500,
        {"channels.mediated.sms_sent.app_session": 0.0},
        fast=8,
        full=200,
        null=(),
    ),
)
