"""Groups, segments and touchpoints told apart, or not: beside the truth."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.journeys import Journeys
from journeykit.journeys.fingerprint import hash_customers
from journeykit.paths import compare, narrow, segments
from journeykit.paths.contrasts.comparison import OVER
from journeykit.simulate import World
from journeykit.stats import mix

_BREAK = date(2024, 1, 1) + timedelta(weeks=60)
_END = date(2026, 1, 1)
#: As long before the break as there is after it.
PERIODS = (
    ((_BREAK - (_END - _BREAK)).isoformat(), _BREAK.isoformat()),
    (_BREAK.isoformat(), _END.isoformat()),
)
FUNNEL = ("view_home", "view_product", "view_testimonial")
OUTCOME = ("thank_you_page", "pos_transaction")
HARMLESS, WORKS = "social_owned_touch", "catalog_mailed"
NOISE = ("coin", "letter", "number")


def visits(world: World) -> Journeys:
    """Visits to the website."""
    return world.journeys().sessions("30min")


def halves(world: World) -> pd.DataFrame:
    """Customers dealt to two groups by chance: is anything found, view by view?"""
    journeys = visits(world)
    uniform = _uniform(journeys, 1)
    # Groups of three and one, since unequal ones are harder.
    half = np.where(uniform < 0.25, "few", "many")[journeys.customer_index]
    cut = {name: journeys.attributes[name] for name in ("ended", "edge")}
    dealt = journeys.replace(attributes=pa.table({**cut, "half": half}))
    dealt = dealt.with_fingerprint(0)
    found = [compare(dealt, by="half", over=over, funnel=FUNNEL, within="30min") for over in OVER]
    return pd.DataFrame({"name": list(OVER), "flagged": [len(one.findings()) > 0 for one in found]})


def before_and_after(world: World) -> pd.DataFrame:
    """The same customers before and after the break's week: is the step that changed found?"""
    found = compare(visits(world), periods=PERIODS, over="transitions").findings()
    changed = (found["source"] == "view_product") & (found["target"] == "view_testimonial")
    return pd.DataFrame(
        {"name": ["changed", "anything"], "flagged": [changed.any(), len(found) > 0]}
    )


def change(world: World) -> pd.DataFrame:
    """How much more often a page follows another after the break, named by the page left."""
    found = compare(visits(world), periods=PERIODS, over="transitions").frame
    truth = world.truth["browsing"]
    frame = found[found["p_value"].notna() & found["source"].isin(list(truth.transitions))]
    return frame.assign(
        name=frame["source"],
        truth=[
            truth.transitions_after[source][target] - truth.transitions[source][target]
            for source, target in zip(frame["source"], frame["target"], strict=True)
        ],
    )


def attributes_split(world: World) -> pd.DataFrame:
    """Segments of who orders within half a year: is noise split; is what customers intend?"""
    found = segments(
        _with_noise(world),
        outcome=OUTCOME,
        horizon_days=182,
        attributes=("intent", *NOISE),
        min_customers=50,
        seed=1,
    ).tried
    kept = set(found.loc[found["verdict"] == "kept", "attribute"])
    return pd.DataFrame(
        {"name": ["noise", "intent"], "flagged": [bool(kept & set(NOISE)), "intent" in kept]}
    )


def touchpoints_that_tell(world: World) -> pd.DataFrame:
    """Does a touchpoint tell something of the first order: a placebo, and one that works?"""
    told = narrow(world.journeys(), outcome=OUTCOME, within_days=10).frame
    return told.rename(columns={"touchpoint": "name"}).query("name in [@HARMLESS, @WORKS]")


def _uniform(journeys: Journeys, seed: int) -> np.ndarray:
    hashed = mix(hash_customers(journeys.customer_id), seed=seed)
    return (hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _with_noise(world: World) -> Journeys:
    """Whole journeys with hidden intent, and three attributes that mean nothing."""
    journeys = world.journeys()
    # Not seed 1: by its highest bit `segments` divides customers, and the coin would be constant.
    coin, letter, number = (_uniform(journeys, seed) for seed in (4, 2, 3))
    return journeys.replace(
        attributes=pa.table(
            {
                "intent": journeys.attributes["intent"],
                "coin": pa.array(coin < 0.5),
                "letter": pa.array(np.array(list("abcdef"))[(letter * 6).astype(int)]),
                "number": pa.array(number, mask=number < 0.2),
            }
        )
    )
