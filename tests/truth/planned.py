"""Lived journeys against the plan: deviations as planted, their rates, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pandas as pd

from journeykit.plan import Plan, deviation_costs, deviations
from journeykit.plan.cases import cases_of
from journeykit.plan.marks import mark
from journeykit.simulate import World
from tests.truth.check import Check, Method, between

PLAN = Plan(
    name="purchase",
    steps=(
        "site_search", "view_product", "view_testimonial", "checkout", "thank_you_page",
        "email_confirmation",
    ),
    pause_days=0.0209,
    reaches=("thank_you_page",),
)  # fmt: skip
PARTS = ("channels", "stages", "orders", "purchases", "browsing")
RATES = MappingProxyType({"extra": 0.08, "irregular": 0.06, "failed": 0.05, "missing": 0.03})


def rates(world: World) -> pd.DataFrame:
    """Share of purchases with each type of deviation, and without any, cut by pauses alone."""
    journeys = world.journeys()
    on_the_web = {*(step.step for step in PLAN.all_steps), "help_center_visit"}
    beside = tuple(name for name in journeys.names if name not in on_the_web)
    found = deviations(journeys, PLAN.model_copy(update={"beside": beside}), small_cell=1)
    rate = world.truth["purchases"].model_dump()["rate"]
    none = np.prod([1 - share for share in rate.values()])
    kinds = found.kinds.rename(columns={"type": "name"}).assign(
        truth=lambda frame: frame["name"].map(rate)
    )
    conform = found.conforming.assign(name="as planned", truth=none)
    columns = ["name", "share", "conf_low", "conf_high", "truth"]
    both = pd.concat([kinds[columns], conform[columns]], ignore_index=True)
    return both.rename(columns={"share": "estimate"})


def minutes(world: World) -> pd.DataFrame:
    """Minutes that each deviation adds."""
    found = deviation_costs(world.journeys(), PLAN, case="session").frame
    added = world.truth["purchases"].model_dump()["minutes"]
    return found.rename(columns={"type": "name"}).assign(truth=found["type"].map(added))[
        ["name", "estimate", "conf_low", "conf_high", "truth"]
    ]


def recovered(world: World) -> pd.DataFrame:
    """Whether any deviation of any case is wrong, or missed.

    Of cases over within the watching that begin at least a pause after their customer's entry:
    what comes before the entry is not in the log, and no deviation.
    """
    every = cases_of(world.journeys(), PLAN, case="session")
    began = every.journeys.start[:-1]
    entry = every.journeys.observed_from
    assert entry is not None
    since = every.journeys.need_time("it")[began] - entry
    judged = every.closed & ~every.unseen & (since >= PLAN.pause_days * 86_400_000_000)
    known = set(every.journeys.columns["session"][began][judged].tolist())
    marked = mark(world.journeys(), PLAN, case="session")
    cases = marked.cases.journeys
    session = cases.columns["session"][cases.start[:-1]]
    kinds = np.array(["", *RATES])[marked.type]
    ours = set(zip(session[marked.case].tolist(), kinds.tolist(), strict=True))
    table = world.hidden["deviations"].to_pandas()
    truth = set(zip(table["case"].tolist(), table["kind"].astype(str), strict=True))
    wrong = [case for case, _ in ours - truth if case in known]
    missed = [case for case, _ in truth - ours if case in known]
    return pd.DataFrame({"name": ["wrong", "missed"], "flagged": [bool(wrong), bool(missed)]})


def _always(method: Method) -> Callable[[int], Method]:
    return lambda _: method


PLANNED = (
    Check(
        "deviations from the plan, rates",
        "Intervals of the shares of purchases with each type of deviation, and without any, hold "
        "the truth as often as they say.",
        _always(rates),
        between(0.935, 0.97),
        PARTS,
        1500,
        fast=40,
    ),
    Check(
        "deviations from the plan, minutes",
        "Intervals of the minutes that each deviation adds hold the truth as often as they say.",
        _always(minutes),
        between(0.93, 0.97),
        PARTS,
        1500,
        fast=40,
    ),
    *(
        Check(
            f"deviations from the plan, {word}",
            f"At {word}, every deviation of every purchase is found, and nothing else.",
            _always(recovered),
            between(0.0, 0.0, column="share"),
            PARTS,
            1500,
            {f"purchases.rate.{kind}": share * times for kind, share in RATES.items()},
            fast=8,
            full=200,
            null=(),
        )
        for times, word in ((1, "the rates planted"), (2, "twice the rates"), (4, "four times"))
    ),
)
