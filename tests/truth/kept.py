"""Rules of a plan: shares kept and times to the reaction beside truths in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.plan import Plan, rules_kept
from journeykit.simulate import World
from journeykit.simulate.parts.contracts import Contracts
from tests.truth.check import Check, between

#: The longest watching in days, and how often a day a rule fires.
DAYS, FIRING = 120, 0.05
#: Customers are reacted to at rates a day that are Gamma(SHAPE) / SCALE.
SHAPE, SCALE = 2.0, 10.0
SHORT, LONG = 0.5, 5.0


def drawn(world: World) -> Journeys:
    """Customers watched for 30 to 120 days; triggers and reactions come at constant rates each."""
    rng, n = np.random.default_rng(world.seed), world.customers
    until = rng.uniform(30, DAYS, n)
    rates = np.stack([np.full(n, FIRING), rng.gamma(SHAPE, 1 / SCALE, n)], axis=1)
    number = rng.poisson(rates * until[:, None]).ravel()
    row = np.repeat(np.arange(2 * n), number)
    who, name = row // 2, row % 2
    time = (until[who] * rng.random(len(who)) * DAY).astype(np.int64)
    order = np.lexsort((time, who))
    return Journeys(
        names=("ask", "reply"),
        touchpoint=name[order].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(number.reshape(n, 2).sum(axis=1))]),
        time=time[order],
        observed_to=(until * DAY).astype(np.int64) + 1,
    )


def _by(days: float) -> float:
    """Share of triggers with a reaction within so many days: Lomax's law."""
    return 1 - (SCALE / (SCALE + days)) ** SHAPE


def _promise(step: str, to: str, days: float) -> dict[str, object]:
    return {"step": step, "promise": {"touchpoints": to, "within_days": days}}


def shares(world: World) -> pd.DataFrame:
    """The share kept within two deadlines, and the median, customers firing many times."""
    made, rows = drawn(world), []
    for days in (SHORT, LONG):
        plan = Plan(name="x", steps=[_promise("ask", "reply", days)])
        row = rules_kept(made, plan).frame.loc[0]
        columns = {"estimate": "honoured", "conf_low": "honoured_low", "conf_high": "honoured_high"}
        found = {ours: float(row[name]) for ours, name in columns.items()}
        rows.append({"name": f"kept within {days:g} days", **found, "truth": _by(days)})
    columns = {"estimate": "median_days", "conf_low": "median_low", "conf_high": "median_high"}
    found = {ours: float(row[name]) for ours, name in columns.items()}
    rows.append({"name": "median", **found, "truth": SCALE * (2 ** (1 / SHAPE) - 1)})
    return pd.DataFrame(rows)


#: Two promises of the simulated company, and with which probability they are kept.
COMPANY = Plan(
    name="company",
    steps=[
        # A minute after the order; nothing else sends it so soon.
        _promise("thank_you_page", "email_confirmation", 0.001),
        _promise("payment_failed", "call_accounts_receivable", 2),
    ],
)


def company(world: World) -> pd.DataFrame:
    """Confirmations of orders, and calls after failed payments, as the company keeps them."""
    frame = rules_kept(world.journeys(), COMPANY).frame.set_index("step")
    truth = {
        "thank_you_page": 1 - world.truth["purchases"].rate["missing"],
        "payment_failed": Contracts().receivable_calls,
    }
    return pd.DataFrame(
        {
            "name": step,
            "estimate": float(frame.loc[step, "honoured"]),
            "conf_low": float(frame.loc[step, "honoured_low"]),
            "conf_high": float(frame.loc[step, "honoured_high"]),
            "truth": share,
        }
        for step, share in truth.items()
    )


KEPT = (
    Check(
        "rules kept",
        "Intervals of shares kept in time and of the median time to the reaction cover, customers "
        "firing many times, of many kinds, and watched for spans of their own.",
        lambda _: shares,
        between(0.93, 0.97),
        (),
        300,
    ),
    Check(
        "rules kept, company",
        "Intervals of the shares of orders confirmed and of failed payments called about cover.",
        lambda _: company,
        between(0.93, 0.97),
        ("contracts", "orders", "purchases"),
        3000,
        fast=20,
        full=400,
    ),
)
