"""How far every attribution model is from the truth: the table that ships with the package.

``python -m tests.truth.scoreboard`` credits the worlds of four laws and two sizes by all models
and writes two tables, the same to the byte on any number of processes: ``scoreboard_blocks.csv``
beside this file, means over a few worlds each, of which tests make one anew; and
``journeykit/attribution/scoreboard.csv``, what the blocks say together. With names of families,
such as ``python -m tests.truth.scoreboard hazard``, the rows of these are made anew and the others
kept: no model's rows depend on another's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from journeykit.attribution import hazard, markov, rules, shapley
from journeykit.attribution.scoreboard import SCOREBOARD
from journeykit.journeys import Journeys
from journeykit.simulate import World
from journeykit.simulate.many import Plan, answers
from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.world import DAYS
from journeykit.simulate.world import world as simulated
from tests.truth.attributed import CLEAN, CONFOUNDED, CONVERSIONS, PARTS, distances, outcomes

BLOCKS = Path(__file__).with_name("scoreboard_blocks.csv")

#: Nothing moves both touches and orders.
UNCONFOUNDED = MappingProxyType(
    {f"channels.touchpoints.{name}.intent_slope": 0 for name in Channels().touchpoints}
    | {"orders.intent_slope": 0, "calendar.season": 0, "calendar.shock_sigma": 0}
)
LAWS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "additive, unconfounded": UNCONFOUNDED,
        "additive, confounded": {},
        "multiplicative, confounded": {"orders.law": "multiplicative"},
        "saturating, confounded": {"orders.law": "saturating"},
    }
)


class Size(NamedTuple):
    """Customers of a world, worlds a block, and blocks."""

    customers: int
    worlds: int
    blocks: int


SIZES = (Size(4_000, 5, 20), Size(16_000, 1, 20))
#: Of the world that tells what a model says with many customers.
MANY = 200_000
RULES = ("first", "last", "linear", "linear_unique", "position_u", "time_decay")
HELD_OUT, BY_CHANNEL = "markov held_out", "hazard by channel"
MODELS = (
    *RULES,
    *("markov", "markov order 2", "markov order 3", HELD_OUT, "markov participation"),
    *("shapley volume", "shapley rate", "hazard", BY_CHANNEL),
)
SEED = 7
_RANK = {name: at for at, name in enumerate([*LAWS, *MODELS])}
MEASURES = ["distance", "distance_all", "clean", "confounded", "coverage"]
PLAIN = ["conversions", "baseline", "no_channel"]


def whole(world: World) -> Journeys:
    """Return touches of channels and orders of every customer, uncut."""
    journeys = world.journeys()
    wanted = (*Channels().touchpoints, *CONVERSIONS)
    return journeys.only(*(name for name in wanted if name in journeys.names))


def _rules(made: Journeys, _: Journeys, drawn: Mapping[str, int]) -> list[pd.DataFrame]:
    return [rules(made, models=RULES, half_life_days=7, **drawn).frame]


def _markov(made: Journeys, _: Journeys, drawn: Mapping[str, int]) -> list[pd.DataFrame]:
    return [
        *(markov(made, order=order, **drawn).frame for order in (1, 2, 3)),
        markov(made, order="held_out", **drawn).frame.assign(model=HELD_OUT),
        markov(made, removal="participation", **drawn).frame,
    ]


def _shapley(made: Journeys, _: Journeys, drawn: Mapping[str, int]) -> list[pd.DataFrame]:
    return [shapley(made, game=game, **drawn).frame for game in ("volume", "rate")]


def _hazard(_: Journeys, told: Journeys, __: Mapping[str, int]) -> list[pd.DataFrame]:
    return [
        hazard(told, conversion=CONVERSIONS).frame,
        hazard(told, conversion=CONVERSIONS, decay="channel").frame.assign(model=BY_CHANNEL),
    ]


#: Each credits cut journeys or whole ones, with replicates and seed.
FAMILIES = MappingProxyType(
    {"rules": _rules, "markov": _markov, "shapley": _shapley, "hazard": _hazard}
)


def credits_of(
    world: World, *, replicates: int, families: Sequence[str] = tuple(FAMILIES)
) -> pd.DataFrame:
    """Credit by all models of the families; ``model channel share conf_low conf_high``."""
    made, told = outcomes(world), whole(world)
    drawn = {"replicates": replicates, "seed": 1}
    frames = [frame for name in families for frame in FAMILIES[name](made, told, drawn)]
    columns = ["model", "channel", "share", "conf_low", "conf_high"]
    return pd.concat([frame[columns] for frame in frames], ignore_index=True)


def scored(
    world: World,
    own: Mapping[tuple[str, str], float],
    families: Sequence[str] = tuple(FAMILIES),
) -> pd.DataFrame:
    """Return one row a model: what it misses, what placebos get, whether its intervals hold."""
    truth = world.truth["orders"]
    rows = []
    told_by = credits_of(world, replicates=200, families=families)
    for model, part in told_by.groupby("model", sort=False):
        told = part.set_index("channel")
        say = np.array([own.get((model, channel), np.nan) for channel in told.index])
        known = told["conf_low"].notna() & np.isfinite(say)
        held = (told["conf_low"] <= say) & (told["conf_high"] >= say)
        rows.append(
            {
                "model": model,
                "conversions": truth.orders,
                "baseline": 1 - sum(truth.lost_without.values()) / truth.orders,
                **distances(told["share"], truth),
                "clean": told["share"].get(CLEAN, 0.0),
                "confounded": told["share"].get(CONFOUNDED, 0.0),
                "coverage": held[known].mean(),
            }
        )
    return pd.DataFrame(rows)


def own_shares(law: str, families: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return what each model says with many customers: all that its intervals are about."""
    made = simulated(customers=MANY, seed=1, parts=PARTS, settings=LAWS[law])
    told = credits_of(made, replicates=2, families=families)
    return told.set_index(["model", "channel"])["share"].to_dict()


def blocks_of(
    law: str,
    size: Size,
    own: Mapping[tuple[str, str], float],
    *,
    families: Sequence[str] = tuple(FAMILIES),
    blocks: int | None = None,
    processes: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Return means over blocks of worlds, one row a block and model; the first `blocks` of them."""
    plan = Plan(
        method=partial(scored, own=own, families=tuple(families)),
        columns=(("model",),),
        customers=size.customers,
        days=DAYS,
        seed=SEED,
        settings=dict(LAWS[law]),
        parts=PARTS,
    )
    count = (size.blocks if blocks is None else blocks) * size.worlds
    found = answers(plan, worlds=count, processes=processes, progress=progress)
    if silent := [answer.reason for answer in found if answer.frame is None]:
        raise RuntimeError(f"{len(silent)} of {count} worlds told nothing: {silent[0]}")
    frames = [answer.frame.assign(block=at // size.worlds) for at, answer in enumerate(found)]
    mean = pd.concat(frames).groupby(["block", "model"], sort=False)[PLAIN + MEASURES].mean()
    given = {"law": law, "customers": size.customers, "n_worlds": size.worlds}
    return mean.reset_index().assign(**given)[[*given, *mean.reset_index().columns]].round(6)


def together(blocks: pd.DataFrame) -> pd.DataFrame:
    """Return the scoreboard: means over blocks with 95 % intervals by the blocks' spread."""
    rows = []
    for (law, customers, model), part in blocks.groupby(["law", "customers", "model"], sort=False):
        row: dict[str, object] = {
            "law": law, "customers": customers, "n_worlds": part["n_worlds"].sum(),
            "model": model, **part[PLAIN].mean(),
        }  # fmt: skip
        half = stdtrit(len(part) - 1, 0.975) / np.sqrt(len(part))
        for name in MEASURES:
            mean, error = part[name].mean(), part[name].std()
            row |= {name: mean, f"{name}_low": mean - half * error}
            row[f"{name}_high"] = mean + half * error
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> int:
    """Run the families named, by default all, and write both tables."""
    families = sys.argv[1:] or list(FAMILIES)
    found: list[pd.DataFrame] = []
    for law in LAWS:
        own = own_shares(law, families)
        found += [blocks_of(law, size, own, families=families, progress=True) for size in SIZES]
    blocks = pd.concat(found, ignore_index=True)
    if len(families) < len(FAMILIES):
        stored = pd.read_csv(BLOCKS)
        blocks = pd.concat([stored[~stored["model"].isin(set(blocks["model"]))], blocks])
    blocks = blocks.sort_values(
        ["law", "customers", "block", "model"],
        key=lambda column: column.map(_RANK) if column.name in ("law", "model") else column,
    )
    blocks.to_csv(BLOCKS, index=False, float_format="%.6f", lineterminator="\n")
    board = together(pd.read_csv(BLOCKS))
    board.to_csv(SCOREBOARD, index=False, float_format="%.4f", lineterminator="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
