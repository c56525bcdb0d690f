"""The rows of a journey map, each from what is known of a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.maps.journey.standing import (
    Rate,
    Standing,
    answers_by_rung,
    leaving_rate,
    moves_rate,
)
from journeykit.maps.journey.things import NOT_OBSERVED, Limits, Row, Thing, thing
from journeykit.stats import wilson_interval

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.review import Strategy
    from journeykit.review.strategy import Owned
    from journeykit.stages import PainPoints, PassionPoints
    from journeykit.study.catalogue import Catalogue
    from journeykit.study.models import Ladder
    from journeykit.survival import Lifetimes, Multistate


def people_rows(
    journeys: Journeys, followed: Multistate, ladder: Ladder, limits: Limits
) -> list[Thing]:
    """Say how many are in each stage when the watching ends."""
    assert journeys.observed_to is not None  # else there would be nobody to follow
    last = pd.to_datetime([int(journeys.observed_to.max()) - 1], unit="us")
    frame = followed.on(
        last.tz_localize("UTC"), confidence=limits.confidence, small_cell=limits.small_cell
    ).frame.set_index("state")
    rows = []
    for stage in ladder.stages:
        if stage not in frame.index:
            # Nobody was ever seen there.
            rows.append(thing("people", stage, n=0, numbers=(0.0, np.nan, np.nan), unit="share"))
            continue
        one = frame.loc[stage]
        known = not pd.isna(one["share"])
        rows.append(
            thing(
                "people",
                stage,
                n=float(one["n"]) if known else np.nan,
                numbers=(one["share"], one["conf_low"], one["conf_high"]),
                unit="share",
                text="" if known else "too few to show",
            )
        )
    return rows


def moves_rows(followed: Multistate, ladder: Ladder, limits: Limits) -> list[Thing]:
    """Say how fast customers move up, and back."""
    rows = []
    for at, stage in enumerate(ladder.stages):
        if stage not in followed.states:
            continue
        kinds: tuple[tuple[Row, bool, bool], ...] = (
            ("moving on", True, at < len(ladder.stages) - 1),
            ("falling back", False, at > 0),
        )
        for row, up, there in kinds:
            if not there:
                continue
            ruled = _ruled(ladder, at, up=up)
            if ruled:
                rows.append(thing(row, stage, text=ruled, evidence="assumed"))
                continue
            rate = moves_rate(followed, stage, up=up, confidence=limits.confidence)
            rows.append(_rated(row, stage, rate, limits))
    return rows


def _ruled(ladder: Ladder, at: int, *, up: bool) -> str:
    """Say where the ladder itself, and no customer, decides whether a stage is left."""
    rungs = list(ladder.rungs.values())
    if up and all(rung.after is not None for rung in rungs[at + 1 :]):
        return "by time alone"
    if not up and rungs[at].holds:
        return "never, by rule"
    return ""


def _rated(row: Row, stage: str, rate: Rate, limits: Limits) -> Thing:
    """Return a rate; where it tells of few customers, or of all but few, it is not shown."""
    small, n = limits.small_cell, rate.n
    few = rate.n_at_risk < small or 0 < n < small or 0 < rate.n_at_risk - n < small
    return thing(
        row,
        stage,
        n=-1 if few else n,
        numbers=rate[2:],
        unit="per 100 in 30 days",
        least=small if few else 0,
    )


def touchpoints_rows(
    place: Standing,
    ladder: Ladder,
    catalogue: Catalogue | None,
    limits: Limits,
) -> list[Thing]:
    """Say what customers meet in each stage, the most frequent first, and what nobody can see."""
    reached, customers = place.reached(), place.customers()
    known = {} if catalogue is None else catalogue.touchpoints
    rows = []
    for at, (stage, rung) in enumerate(ladder.rungs.items()):
        if customers[at] < limits.small_cell:
            continue
        n = reached[at]
        low, high = wilson_interval(n, np.full(len(n), customers[at]), confidence=limits.confidence)
        for code in np.argsort(-n, kind="stable"):
            name = place.journeys.names[code]
            if n[code] < limits.small_cell or name in rung.touchpoints:
                continue
            rows.append(
                thing(
                    "touchpoint",
                    stage,
                    name,
                    n=n[code],
                    numbers=(n[code] / customers[at], low[code], high[code]),
                    unit="share",
                    text=known[name].channel if name in known else "",
                )
            )
        rows += [
            thing("touchpoint", stage, one.touchpoint, text=NOT_OBSERVED, evidence="")
            for one in known.values()
            if one.stage == stage and one.leaves_events is False
        ]
    return rows


def sentiment_rows(
    place: Standing, ladder: Ladder, sentiment: pd.DataFrame, limits: Limits
) -> list[Thing]:
    """Say how customers feel in each stage, by what they answered there."""
    told = answers_by_rung(place, sentiment, confidence=limits.confidence)
    rows = []
    for at, stage in enumerate(ladder.stages):
        if not told.n_answers[at]:
            rows.append(thing("sentiment", stage, text=NOT_OBSERVED, evidence=""))
            continue
        rows.append(
            thing(
                "sentiment",
                stage,
                n=told.n_answered[at],
                numbers=[numbers[at] for numbers in told.score],
                unit="score",
                evidence="survey",
                least=limits.small_cell,
            )
        )
    return rows


def leaving_rows(
    followed: Multistate,
    lifetimes: Lifetimes,
    ladder: Ladder,
    limits: Limits,
) -> list[Thing]:
    """Say how fast customers leave."""
    rows = []
    for stage in ladder.stages:
        if stage not in followed.states:
            continue
        rate = leaving_rate(followed, lifetimes, stage, confidence=limits.confidence)
        if np.isnan(rate.estimate):
            rows.append(thing("leaving", stage, text=NOT_OBSERVED, evidence=""))
            continue
        rows.append(_rated("leaving", stage, rate, limits))
    return rows


def passions_rows(points: PassionPoints) -> list[Thing]:
    """Say after which moments more customers move on."""
    held = points.holding()
    held = held[held["risk_difference"] > 0]
    return [
        thing(
            "passion point",
            str(one.stage),
            str(one.touchpoint),
            n=float(one.n_exposed),
            numbers=(one.risk_difference, one.difference_low, one.difference_high),
            unit="points",
            text=f"{one.risk:.0%} within {points.horizon_days:g} days, else "
            f"{one.risk_compared:.0%}",
        )
        for one in held.itertuples()
    ]


def pains_rows(
    pains: PainPoints, place: Standing, ladder: Ladder, catalogue: Catalogue | None
) -> list[Thing]:
    """Say where it hurts: clear pains, in the stage they are meant for, or else most met in."""
    clear = pains.frame[pains.frame["verdict"] == "clear"].sort_values("rank")
    rows = []
    for one in clear.itertuples():
        name = str(one.touchpoint)
        rows.append(
            thing(
                "pain point",
                _stage_of(name, place, ladder, catalogue),
                name,
                n=float(one.n_customers),
                numbers=(one.estimate, one.conf_low, one.conf_high),
                unit="conversions",
                text=", ".join(filter(None, ("lost there at most", str(one.owner or "")))),
            )
        )
    return rows


def declared_rows(strategy: Strategy, ladder: Ladder) -> list[Thing]:
    """Say who answers for a stage, and by which figure it is judged."""
    rows = []
    for stage in ladder.stages:
        owned = strategy.stages.get(stage)
        for row, text in (
            ("KPI", _target(owned)),
            ("accountable", owned.accountable if owned else ""),
        ):
            kind: Row = row  # type: ignore[assignment]
            rows.append(thing(kind, stage, text=text or "nobody has said", evidence="assumed"))
    return rows


def _target(owned: Owned | None) -> str:
    if owned is None or not owned.kpi:
        return ""
    return f"{owned.kpi}: {owned.target}" if owned.target else f"{owned.kpi}: no target"


def tested_rows(
    experiments: pd.DataFrame, place: Standing, ladder: Ladder, catalogue: Catalogue | None
) -> list[Thing]:
    """Say what was added by what was tried with customers held out by chance."""
    rows = []
    for one in experiments.itertuples():
        name = str(one.channel)
        if name in place.journeys.names:
            rows.append(
                thing(
                    "tested",
                    _stage_of(name, place, ladder, catalogue),
                    name,
                    numbers=(one.increment, one.conf_low, one.conf_high),
                    unit="conversions",
                    text="against customers held out",
                    evidence="experiment",
                )
            )
    return rows


def _stage_of(name: str, place: Standing, ladder: Ladder, catalogue: Catalogue | None) -> str:
    """Return the stage a touchpoint is meant for, or else that in which most met it."""
    known = {} if catalogue is None else catalogue.touchpoints
    meant = known[name].stage if name in known else ""
    most = place.reached()[:, place.journeys.names.index(name)].argmax()
    return meant if meant in ladder.stages else ladder.stages[int(most)]
