"""After which touchpoints contracts end sooner: hazard ratios beside the truth."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd

from journeykit.simulate import World
from journeykit.simulate.parts.contract_tables import DESTINATIONS
from journeykit.survival import EndAttribute, StartAttribute
from journeykit.survival.leaving_risk import risk_of_leaving, touchpoint_hazard
from tests.truth.check import Check, between, biased_upwards

CHURN, START = EndAttribute("contract_end"), StartAttribute("contract_start")
#: What is felt for 30 days after it, at most once in that time, and calls and surveys that only
#: follow others: no customer is of higher risk than another but for these.
FELT = MappingProxyType(
    {
        "contracts.frailty_sigma": 0,
        "contracts.cured": {},
        "contracts.returns": 0,
        "contracts.automatic_extra": 0,
        "contracts.log_hazard_ratio": {
            "payment_failed": dict.fromkeys(DESTINATIONS, 1.2),
            "price_change": dict.fromkeys(DESTINATIONS, 0.7),
        },
    }
)
#: Logarithms of the hazard ratios.
TRUTH = MappingProxyType(
    {
        "payment_failed": 1.2,
        "price_change": 0.7,
        "call_accounts_receivable": 0.0,
        "survey_post_sale": 0.0,
        "call_customer_service": 0.0,
    }
)
_PARTS = ("orders", "contracts")
_CUSTOMERS = 4_000


def ranked(world: World) -> pd.DataFrame:
    """All in one model, without lag."""
    frame = risk_of_leaving(
        world.journeys(),
        churn=CHURN,
        start=START,
        touchpoints=list(TRUTH),
        window_days=30,
        lags_days=(0.0,),
    ).frame
    return _logarithms(frame, ("hazard_ratio", "conf_low", "conf_high"))


def alone(world: World) -> pd.DataFrame:
    """The call that follows every second failed payment, by itself."""
    frame = touchpoint_hazard(
        world.journeys(),
        churn=CHURN,
        start=START,
        touchpoints=["call_accounts_receivable"],
        windows_days=(30.0,),
    ).frame
    return _logarithms(frame, ("hazard_ratio", "ratio_low", "ratio_high"))


def _logarithms(frame: pd.DataFrame, names: tuple[str, str, str]) -> pd.DataFrame:
    """Ratios are symmetric as logarithms."""
    ratios = frame[list(names)].to_numpy(dtype=float)
    # A ratio of 0 has no logarithm: that world has nothing to say.
    logs = np.log(np.where((ratios > 0).all(axis=1, keepdims=True), ratios, np.nan))
    return pd.DataFrame(
        {
            "name": frame["touchpoint"],
            "estimate": logs[:, 0],
            "conf_low": logs[:, 1],
            "conf_high": logs[:, 2],
            "truth": [TRUTH[name] for name in frame["touchpoint"]],
        }
    )


RISKS = (
    Check(
        "risk of leaving",
        "Intervals of log hazard ratios cover, those of calls and surveys that do nothing but "
        "follow failed payments and set days among them.",
        lambda _: ranked,
        between(0.93, 0.97),
        _PARTS,
        _CUSTOMERS,
        FELT,
        fast=40,
    ),
    Check(
        "risk of leaving, one touchpoint alone",
        "The trap: the call after a failed payment seems to drive customers away.",
        lambda _: alone,
        biased_upwards,
        _PARTS,
        _CUSTOMERS,
        FELT,
        fast=30,
    ),
)
