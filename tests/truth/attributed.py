"""Credit of attribution models: beside their own estimand, and beside what channels cause."""

from __future__ import annotations

import pandas as pd

from journeykit.attribution import markov, rules
from journeykit.journeys import Journeys
from journeykit.simulate import World
from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.parts.orders import OrdersTruth
from journeykit.simulate.world import world as simulated

CONVERSIONS = ("thank_you_page", "pos_transaction")
#: Without an effect: one whose users want to buy anyway, and one met by chance.
CONFOUNDED, CLEAN = "review_read", "social_owned_touch"
#: What a model gives to no channel.
NO_CHANNEL = ("(no touch)", "(baseline)")
PARTS = ("channels", "orders", "purchases")


def outcomes(world: World) -> Journeys:
    """Cut the touches of the channels at orders, and after 30 days without one."""
    journeys = world.journeys()
    wanted = (*Channels().touchpoints, *CONVERSIONS)
    kept = journeys.only(*(name for name in wanted if name in journeys.names))
    goals = [name for name in CONVERSIONS if name in kept.names]
    return kept.outcomes(conversion=goals, lookback_days=30)


def credits_of(world: World, *, replicates: int) -> pd.DataFrame:
    """Credit all models side by side."""
    made = outcomes(world)
    models = rules(made, replicates=replicates, seed=1)
    return models.beside(markov(made, replicates=replicates, seed=1)).frame


def own_shares(customers: int) -> dict[tuple[str, str], float]:
    """Return what each model credits among many customers: all that its interval is about."""
    many = credits_of(simulated(customers=customers, seed=1, parts=PARTS), replicates=2)
    return many.set_index(["model", "channel"])["share"].to_dict()


def shares(world: World, own: dict[tuple[str, str], float]) -> pd.DataFrame:
    """The share of each channel, a row a model and channel; named by the model."""
    frame = credits_of(world, replicates=200)
    truth = [own[pair] for pair in zip(frame["model"], frame["channel"], strict=True)]
    return frame.rename(columns={"model": "name", "share": "estimate"}).assign(truth=truth)


def distances(share: pd.Series, truth: OrdersTruth) -> dict[str, float]:
    """Hold a model's shares, indexed by channel, against those of the orders lost without each.

    `distance` is the total-variation distance of the shares among channels; `distance_all` that of
    all shares, what the model gives to no channel, `no_channel`, standing for the baseline.
    """
    lost = pd.Series(truth.lost_without)
    increments = lost / truth.orders
    given = share.reindex(lost.index, fill_value=0.0)
    none = float(share.reindex(list(NO_CHANNEL), fill_value=0.0).sum())
    return {
        "distance": float((given / given.sum() - lost / lost.sum()).abs().sum() / 2),
        "distance_all": float(
            ((given - increments).abs().sum() + abs(none - 1 + increments.sum())) / 2
        ),
        "no_channel": none,
    }


def against_increments(customers: int, *, replicates: int = 200) -> pd.DataFrame:
    """Compare the models with what is lost when a channel's touches are deleted.

    Returns
    -------
    pandas.DataFrame
        One row a model and the truth: `distance`, the total-variation distance between the shares
        among channels that the model credits and those of the orders lost without each;
        `distance_all`, the same with the baseline, which the model's conversions without a touch
        stand for; and the share of all conversions that `no_channel`, the clean and the confounded
        placebo get, these with their intervals.
    """
    made = simulated(customers=customers, seed=2, parts=PARTS)
    truth = made.truth["orders"]
    rows = []
    for model, part in credits_of(made, replicates=replicates).groupby("model", sort=False):
        told = part.set_index("channel")
        placebos = {
            f"{kind}{bound}": told.loc[name, column]
            for kind, name in (("clean", CLEAN), ("confounded", CONFOUNDED))
            for bound, column in (("", "share"), ("_low", "conf_low"), ("_high", "conf_high"))
        }
        rows.append(
            {
                "model": model,
                **distances(told["share"], truth),
                **placebos,
            }
        )
    none = dict.fromkeys(
        ("clean", "clean_low", "clean_high", "confounded", "confounded_low", "confounded_high"), 0.0
    )
    rows.append(
        {
            "model": "truth", "distance": 0.0, "distance_all": 0.0,
            "no_channel": 1 - sum(truth.lost_without.values()) / truth.orders, **none,
        }
    )  # fmt: skip
    return pd.DataFrame(rows)
