"""What moves customers on: intervals where nothing does, the segment where something does."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from journeykit.simulate import World
from journeykit.stages import drivers
from tests.truth.check import Check, between
from tests.truth.moved_on import LADDER, MOVERS, NO_ORDERS, PARTS, SEGMENTS

#: Nobody skips a rung: a mover's ratio is then that of all moves up.
NO_SKIPS = MappingProxyType(
    {f"stages.hazard.{segment}.0-2": 0.0 for segment in SEGMENTS} | dict(NO_ORDERS)
)
PLANTED = MappingProxyType({"tradeshow_scan": 1.0, "call_sales": 0.8})


def _frame(world: World, effect_days: float, *, only: Sequence[str] = ()) -> pd.DataFrame:
    made = world.journeys()
    if only:
        made = made.only(
            *only, *(name for rung in LADDER.rungs.values() for name in rung.touchpoints)
        )
    return drivers(made, LADDER, effect_days=effect_days, by="segment").frame


def null_intervals(world: World) -> pd.DataFrame:
    """Whether an interval of any mover, stage and segment leaves out 1."""
    frame = _frame(world, 14)
    frame = frame[frame["p_value"].notna()]
    return pd.DataFrame(
        {
            "name": "interval without 1",
            "flagged": (frame["ratio_low"] > 1) | (frame["ratio_high"] < 1),
        }
    )


def planted(world: World) -> pd.DataFrame:
    """Whether the trade show, which moves businesses only, is found in each segment."""
    frame = _frame(world, 14)
    mine = frame[(frame["stage"] == "familiarity") & (frame["driver"] == "tradeshow_scan")]
    return pd.DataFrame({"name": mine["group"], "flagged": mine["verdict"] == "sooner"})


def log_ratios(world: World) -> pd.DataFrame:
    """Intervals of log hazard ratios beside those planted."""
    parts = []
    for stage, mover, days in (
        ("familiarity", "tradeshow_scan", 14), ("engagement", "call_sales", 10),
    ):  # fmt: skip
        frame = _frame(world, days, only=[mover])
        mine = frame[(frame["stage"] == stage) & (frame["driver"] == mover)]
        mine = mine[mine["ratio"].gt(0)]
        where = (mine["group"] == "business") | (mover == "call_sales")
        parts.append(
            pd.DataFrame(
                {
                    "name": mover + ", " + mine["group"],
                    "estimate": np.log(mine["ratio"]),
                    "conf_low": np.log(mine["ratio_low"]),
                    "conf_high": np.log(mine["ratio_high"]),
                    "truth": np.where(where, PLANTED[mover], 0.0),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


DRIVEN = (
    Check(
        "drivers, nothing there",
        "Where no touchpoint moves anybody on, 3 to 7 % of the 95 % intervals of hazard ratios "
        "leave out 1.",
        lambda _: null_intervals,
        between(0.03, 0.07, column="share"),
        PARTS,
        3000,
        {
            **NO_ORDERS,
            **{
                f"stages.log_hazard_ratio.{mover}": dict.fromkeys(SEGMENTS, 0.0) for mover in MOVERS
            },
        },
        fast=8,
        full=300,
        null=(),
    ),
    Check(
        "drivers, power",
        "A trade-show scan that raises the hazard of businesses by e^1 for 14 days is found there "
        "in 80 % of worlds or more.",
        lambda _: planted,
        between(0.8, 1.0, column="share", only=("business",)),
        PARTS,
        8000,
        NO_ORDERS,
        fast=4,
        full=200,
        null=(),
    ),
    Check(
        "drivers, coverage",
        "95 % intervals of log hazard ratios hold those planted, e^1 and e^.8, in 93 to 97 %.",
        lambda _: log_ratios,
        between(0.93, 0.97),
        PARTS,
        6000,
        NO_SKIPS,
        fast=6,
        full=300,
    ),
)
