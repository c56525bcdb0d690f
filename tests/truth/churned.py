"""Contracts followed until they end: estimates beside the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from journeykit.simulate import World
from journeykit.survival import (
    EndAttribute,
    Lifetimes,
    StartAttribute,
    kaplan_meier,
    lifetimes,
    log_rank,
)

#: Days after the start of a contract; some contracts run for three years.
AT = (90.0, 365.0, 730.0)
_YEAR = 365.25


def lives(world: World) -> Lifetimes:
    """Follow each customer's first contract that the company knows."""
    return lifetimes(
        world.journeys(),
        churn=EndAttribute("contract_end"),
        start=StartAttribute("contract_start"),
    )


def known(world: World) -> np.ndarray:
    """S(t) where hazards are constant: segments in their shares, each exponential."""
    share = world.truth["population"].segments
    hazard = {
        segment: sum(row.values()) / _YEAR
        for segment, row in world.truth["contracts"].base_a_year.items()
    }
    return sum(share[name] * np.exp(-hazard[name] * np.array(AT)) for name in share)


def survival(world: World) -> pd.DataFrame:
    """Kaplan-Meier's S(t), late entries under risk from when they are watched."""
    return _read(world, lives(world))


def survival_of_survivors(world: World) -> pd.DataFrame:
    """The same as if all had been watched from their start."""
    frame = lives(world).frame.assign(entry_days=0.0, late=False)
    return _read(world, Lifetimes(frame=frame))


def _read(world: World, followed: Lifetimes) -> pd.DataFrame:
    frame = kaplan_meier(followed).survival_at(AT).frame
    return frame.assign(
        name=[f"S({days:.0f} days)" for days in AT],
        truth=known(world),
    )


def segments_differ(world: World) -> pd.DataFrame:
    """The log-rank test of segments."""
    tested = log_rank(lives(world), by="segment")
    return pd.DataFrame({"name": ["segments"], "p_value": [tested.p_value]})
