"""Credit of the additive hazard where it is at home: beside first orders whose causes are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from journeykit.attribution import hazard
from journeykit.attribution.credit import BASELINE
from journeykit.journeys.durations import DAY
from journeykit.simulate import World
from journeykit.simulate.parts.orders import Orders
from journeykit.simulate.world import world as simulated
from tests.truth.attributed import CLEAN, CONFOUNDED, CONVERSIONS, PARTS
from tests.truth.check import Check, all_of, between
from tests.truth.scoreboard import UNCONFOUNDED, whole

#: A touch works at exp(-age / mean_days).
HALF_LIFE_DAYS = float(Orders().mean_days * np.log(2))


def first_order_shares(world: World) -> dict[str, float]:
    """Return the expected share of each channel and the baseline in first orders, at UNCONFOUNDED.

    The hazard of an order is known there: what touches in the window add to it is summed over the
    time at risk, to the first order or the end of watching, and so is the baseline.
    """
    law, journeys = Orders(), whole(world)
    assert journeys.time is not None
    assert journeys.observed_from is not None
    assert journeys.observed_to is not None
    buys = np.isin(journeys.names, CONVERSIONS)[journeys.touchpoint]
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    end = journeys.observed_to.astype(np.float64)
    np.minimum.at(end, owner[buys], journeys.time[buys])
    left = (end[owner] - journeys.time) / DAY
    worked = 1 - np.exp(-np.clip(left, 0, law.window_days) / law.mean_days)
    summed = np.bincount(
        journeys.touchpoint[~buys], weights=worked[~buys], minlength=len(journeys.names)
    )
    at_risk = float((end - journeys.observed_from).sum()) / DAY
    total = {
        name: law.effect[name] * days
        for name, days in zip(journeys.names, summed.tolist(), strict=True)
        if name in law.effect
    }
    total[BASELINE] = law.baseline_a_day * at_risk
    return {name: credit / sum(total.values()) for name, credit in total.items()}


def home_truth(customers: int) -> dict[str, float]:
    """Return the shares in first orders among many customers."""
    return first_order_shares(
        simulated(customers=customers, seed=1, parts=PARTS, settings=UNCONFOUNDED)
    )


def shares(
    world: World,
    truth: Mapping[str, float],
    half_life_days: float | Sequence[float] = HALF_LIFE_DAYS,
) -> pd.DataFrame:
    """The share of each channel with its interval, named by the channel; of placebos, 0."""
    fitted = hazard(whole(world), conversion=CONVERSIONS, half_life_days=half_life_days)
    frame = fitted.frame
    return pd.DataFrame(
        {
            "name": frame["channel"],
            "estimate": frame["share"],
            "truth": frame["channel"].map(truth),
            "conf_low": frame["conf_low"],
            "conf_high": frame["conf_high"],
        }
    )


def distance(world: World, truth: Mapping[str, float]) -> float:
    """Return the total-variation distance of all shares, the baseline's too, from the truth."""
    told = shares(world, truth)
    return float((told["estimate"] - told["truth"]).abs().sum() / 2)


def mean_distance(customers: int, *, worlds: int, truth: Mapping[str, float]) -> float:
    """Return the mean distance over worlds of so many customers."""
    made = (
        simulated(customers=customers, seed=seed, parts=PARTS, settings=UNCONFOUNDED)
        for seed in range(100, 100 + worlds)
    )
    return float(np.mean([distance(one, truth) for one in made]))


def placebos_get_nothing(frame: pd.DataFrame) -> list[str]:
    """Expect that the mean share of each placebo is within 2 Monte-Carlo errors of 0."""
    placebos = frame[frame["name"].isin([CLEAN, CONFOUNDED])]
    error = (placebos["bias_conf_high"] - placebos["bias_conf_low"]) / (2 * 1.959964)
    off = placebos[placebos["bias"].abs() > 2 * error]
    missing = [] if len(placebos) == 2 else ["a placebo has no row"]
    return missing + [f"{row.name}: mean share {row.bias:.5f}" for row in off.itertuples()]


HAZARDS = (
    Check(
        "attribution, additive hazard",
        "Where touches follow nobody's intent and add to the rate of buying, with the half-life of "
        "their effect declared: intervals of the shares in first orders cover what is expected of "
        "them, those of the two placebos 0, to which nothing is credited on average.",
        lambda customers: partial(shares, truth=home_truth(customers)),
        all_of(between(0.93, 0.97), placebos_get_nothing),
        PARTS,
        4000,
        UNCONFOUNDED,
        fast=60,
    ),
)
