"""Passion points: moments after which customers move on, where none does and where one does."""

from __future__ import annotations

from types import MappingProxyType

import pandas as pd

from journeykit.simulate import World
from journeykit.stages import Ladder, passion_points
from tests.truth.check import Check, between

LADDER = Ladder(
    rungs={
        "familiarity": {"touchpoints": ["view_microsite"]},
        "engagement": {"touchpoints": ["whitepaper_download"]},
        "deliberation": {"touchpoints": ["contact_form"]},
    }
)
#: They come at random, whatever the stage.
MOVERS = ("call_sales", "tradeshow_scan", "networking_contact")
PARTS = ("channels", "stages", "orders", "ladder")
SEGMENTS = ("household", "landlord", "business", "senior")
#: Nobody buys: then stages alone say who moves on.
NO_ORDERS = MappingProxyType(
    {
        "orders.baseline_a_day": 0,
        **{
            f"orders.effect.{name}": 0
            for name in (
                "email_promo", "ad_impression", "catalog_mailed", "sms_sent", "app_session",
                "influencer_referral",
            )
        },
    }
)  # fmt: skip


def _frame(world: World) -> pd.DataFrame:
    made = world.journeys()
    sent = [name for name in MOVERS if name in made.names]
    return passion_points(made, LADDER, horizon_days=10, sent=sent).frame


def anything(world: World) -> pd.DataFrame:
    """Whether any moment holds, and any p-value of a stage and touchpoint is below .05."""
    frame = _frame(world)
    tested = frame[frame["p_value"].notna()]
    return pd.DataFrame(
        {
            "name": ["any moment holds", *["p below .05, by moment"] * len(tested)],
            "flagged": [(frame["verdict"] == "holds").any(), *(tested["p_value"] < 0.05)],
        }
    )


def planted(world: World) -> pd.DataFrame:
    """Whether the sales call in engagement, which moves customers on, holds; and elsewhere."""
    verdict = _frame(world).set_index(["stage", "touchpoint"])["verdict"] == "holds"
    there = ("engagement", "call_sales")
    return pd.DataFrame(
        {
            "name": ["sales call, engagement", "sales call, familiarity"],
            "flagged": [verdict[there], verdict["familiarity", "call_sales"]],
        }
    )


MOMENTS = (
    Check(
        "passion points, nothing there",
        "Where no touchpoint moves anybody on, a moment holds in at most 5 % of worlds, and of all "
        "moments tested at most 7 % have p < .05.",
        lambda _: anything,
        between(0.0, 0.07, column="share"),
        PARTS,
        1500,
        {
            **NO_ORDERS,
            **{
                f"stages.log_hazard_ratio.{mover}": dict.fromkeys(SEGMENTS, 0.0) for mover in MOVERS
            },
        },
        fast=60,
        null=(),
    ),
    Check(
        "passion points, power",
        "A sales call that raises the hazard of moving on from engagement by e^.8 for ten days "
        "holds there in 80 % of worlds or more.",
        lambda _: planted,
        between(0.8, 1.0, column="share", only=("sales call, engagement",)),
        PARTS,
        8000,
        NO_ORDERS,
        fast=20,
        full=300,
        null=(),
    ),
)
