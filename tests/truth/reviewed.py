"""Beliefs, breaks and declared events: judged and found as planted, and not elsewhere."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from journeykit.review import Belief, DoingShare, NextShare, drift, interruptions, judge
from journeykit.simulate import World
from journeykit.simulate import world as make
from journeykit.study.models import Churn, Ladder
from tests.truth.check import Check, between

CUSTOMERS = 1500
PARTS = ("channels", "stages", "orders", "purchases", "browsing", "ladder", "contracts")
LADDER = Ladder.model_validate(
    {
        "rungs": {
            "familiarity": {"touchpoints": ["view_microsite"]},
            "engagement": {"touchpoints": ["whitepaper_download"]},
            "deliberation": {"touchpoints": ["contact_form"]},
        }
    }
)
CHURN = Churn.model_validate(
    {"rule": "contract_end", "attribute": "contract_end", "start": {"attribute": "contract_start"}}
)
PAGES = ("view_home", "view_product", "view_testimonial", "site_search", "help_center_visit")


def _followed(of: str, by: str, days: float, count: str = "every") -> dict[str, Any]:
    return {"share": {"of": of, "followed_by": by, "within_days": days, "count": count}}


METRICS = {
    "share, search": _followed("view_product", "site_search", 1),
    "share, testimonial first": _followed("view_product", "view_testimonial", 1, "first"),
    "share, app": _followed("sms_sent", "app_session", 2),
    "share, pattern": _followed("site_search > view_product", "thank_you_page", 30),
    "reach, search": {"reach": {"of": "site_search"}},
    "reach, pattern": {"reach": {"of": "email_promo >> [7d] view_product"}},
    "stage": {"stage": {"stage": "deliberation"}},
    "retention": {"retention": {"days": 365}},
    "median": {"median_days": {"from": "view_home", "to": "site_search"}},
    "share, help": _followed("help_center_visit", "view_product", 1),
}
#: How far thresholds lie from the truth, in standard errors of a world, and on which side.
PLANTED = dict(zip(METRICS, (-4.5, 4.5, -4.5, 4.5, -4.5, 4.5, -4.5, 4.5, 0.1, -0.1), strict=True))


def _beliefs(at: dict[str, tuple[float, float]], away: dict[str, float]) -> dict[str, Belief]:
    """Say of each metric that it is at least its truth plus so many standard errors."""
    return {
        name: Belief.model_validate(
            {
                "claim": name,
                "metric": METRICS[name],
                "at_least": truth + away[name] * error,
            }
        )
        for name, (truth, error) in at.items()
    }


def _verdicts(world: World, beliefs: dict[str, Belief]) -> pd.Series:
    found = judge(world.journeys(), beliefs, ladder=LADDER, churn=CHURN, small_cell=1)
    return found.frame.set_index("belief")["verdict"]


def _truths(customers: int) -> dict[str, tuple[float, float]]:
    """Return the truth of each metric from a large world, and the standard error of a small one."""
    large = make(customers=customers, seed=99, parts=PARTS)
    none = dict.fromkeys(METRICS, 0.0)
    beliefs = _beliefs(dict.fromkeys(METRICS, (0.5, 0.0)), none)
    frame = judge(large.journeys(), beliefs, ladder=LADDER, churn=CHURN).frame
    error = (frame["conf_high"] - frame["conf_low"]) / 3.92 * np.sqrt(customers / CUSTOMERS)
    pairs = zip(frame["estimate"], error, strict=True)
    return dict(zip(frame["belief"], pairs, strict=True))


def as_planted(world: World, *, beliefs: dict[str, Belief]) -> pd.DataFrame:
    """Whether each belief is judged as it was planted."""
    verdict = _verdicts(world, beliefs)
    wanted = {
        name: "cannot tell" if abs(away) < 1 else "false" if away > 0 else "true"
        for name, away in PLANTED.items()
    }
    return pd.DataFrame(
        {
            "name": [f"{name}: {wanted[name]}" for name in verdict.index],
            "flagged": [verdict[name] == wanted[name] for name in verdict.index],
        }
    )


def misjudged(world: World, *, beliefs: dict[str, Belief]) -> pd.DataFrame:
    """Whether a belief that is exactly at its threshold, and so true, is called false."""
    verdict = _verdicts(world, beliefs)
    return pd.DataFrame({"name": verdict.index, "flagged": verdict.to_numpy() == "false"})


def _planted(large: int) -> Any:
    return partial(as_planted, beliefs=_beliefs(_truths(large), PLANTED))


def _at_threshold(large: int) -> Any:
    none = dict.fromkeys(METRICS, 0.0)
    return partial(misjudged, beliefs=_beliefs(_truths(large), none))


def any_break(world: World) -> pd.DataFrame:
    """Whether a break is found."""
    found = drift(world.journeys(), draws=199)
    return pd.DataFrame({"name": ["any break"], "flagged": [len(found.frame) > 0]})


def planted_break(world: World) -> pd.DataFrame:
    """Whether the break is found within two weeks, held by its interval, and the only one."""
    week = world.truth["browsing"].break_week  # type: ignore[attr-defined]
    true = date(2024, 1, 1) + timedelta(weeks=week)
    frame = drift(world.journeys(), draws=199).frame
    away = [abs((start - true).days) <= 14 for start in frame["period_start"]]
    held = [
        low <= true <= high for low, high in zip(frame["conf_low"], frame["conf_high"], strict=True)
    ]
    return pd.DataFrame(
        {
            "name": ["within two weeks", "interval holds it", "another one"],
            "flagged": [any(away), any(held), len(frame) > 1],
        }
    )


def _declared(*days: str) -> pd.DataFrame:
    when = pd.to_datetime(list(days)).tz_localize("UTC")
    return pd.DataFrame({"event_time": when, "kind": list(days), "scope": "all", "note": ""})


def interrupted(world: World) -> pd.DataFrame:
    """Level and slope of a share at two days on which nothing happens to it."""
    measure = DoingShare(["site_search"], among=PAGES)
    events = _declared("2025-03-06", "2025-06-04")
    frame = interruptions(world.journeys(), events, measure=measure).frame
    return pd.DataFrame({"name": frame["kind"] + ", " + frame["term"], "p_value": frame["p_value"]})


def jumped(world: World) -> pd.DataFrame:
    """How far a share of steps jumps on the day on which it does."""
    told: Any = world.truth["browsing"]
    true = (
        told.transitions_after["view_product"]["site_search"]
        - told.transitions["view_product"]["site_search"]
    )
    day = date(2024, 1, 1) + timedelta(weeks=told.break_week)
    measure = NextShare("view_product", "site_search", within_days=1 / 48)
    frame = interruptions(world.journeys(), _declared(str(day)), measure=measure).frame
    rows = frame.rename(columns={"term": "name"})[["name", "estimate", "conf_low", "conf_high"]]
    return rows.assign(truth=np.where(rows["name"] == "level", true, 0.0), null=0.0)


_CLEAR = tuple(
    f"{name}: {'false' if away > 0 else 'true'}" for name, away in PLANTED.items() if abs(away) > 1
)
_UNCLEAR = tuple(f"{name}: cannot tell" for name, away in PLANTED.items() if abs(away) < 1)

REVIEWS = (
    Check(
        "beliefs, planted",
        "Four true and four false beliefs are judged as planted in 95 % of worlds or more.",
        _planted,
        between(0.95, 1.0, column="share", only=_CLEAR),
        PARTS,
        CUSTOMERS,
        fast=40,
        full=400,
        null=(),
    ),
    Check(
        "beliefs, underpowered",
        "Two beliefs whose threshold is a tenth of a standard error away cannot be told in 93 % of "
        "worlds or more; 95 % intervals leave out what is there in 5 %.",
        _planted,
        between(0.93, 1.0, column="share", only=_UNCLEAR),
        PARTS,
        CUSTOMERS,
        fast=40,
        full=400,
        null=(),
    ),
    Check(
        "beliefs, at the threshold",
        "A belief that is exactly true is called false in at most 5 % of worlds.",
        _at_threshold,
        between(0.0, 0.05, column="share"),
        PARTS,
        CUSTOMERS,
        fast=40,
        full=400,
        null=(),
    ),
    Check(
        "breaks, nothing there",
        "Of two-year series of weeks in which nothing changes but the season, at most 5 % have a "
        "break.",
        lambda _: any_break,
        between(0.0, 0.05, column="share"),
        ("browsing",),
        3000,
        {"browsing.break_shift": 0},
        fast=40,
        full=400,
        null=(),
    ),
    Check(
        "breaks, planted in week 60",
        "Where two fifths of one step go elsewhere from week 60 on, the break is found within two "
        "weeks in 80 % of worlds or more, and its interval holds it in 95 %.",
        lambda _: planted_break,
        between(0.8, 1.0, column="share", only=("within two weeks", "interval holds it")),
        ("browsing",),
        12_000,
        fast=12,
        full=200,
        null=(),
    ),
    Check(
        "breaks, planted in week 30",
        "The same from week 30 on.",
        lambda _: planted_break,
        between(0.8, 1.0, column="share", only=("within two weeks", "interval holds it")),
        ("browsing",),
        12_000,
        {"browsing.break_week": 30},
        fast=12,
        full=200,
        null=(),
    ),
    Check(
        "declared events, nothing there",
        "Where a declared event does nothing to a share that season and shocks move, its level and "
        "slope have p < .05 in at most 7 % of worlds.",
        lambda _: interrupted,
        between(0.0, 0.07, column="share"),
        ("browsing",),
        2000,
        {"browsing.break_shift": 0},
        fast=40,
        full=400,
        null=(),
    ),
    Check(
        "declared events, a jump",
        "The interval of the jump of a share of steps, and that of a slope of nothing, cover in 93 "
        "to 97 % of worlds.",
        lambda _: jumped,
        between(0.93, 0.97),
        ("browsing",),
        3000,
        fast=60,
        full=400,
    ),
)
