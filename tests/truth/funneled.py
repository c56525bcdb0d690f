"""Funnels and retention: estimates beside truths in closed form.

Of visits the simulated world knows the truth. Otherwise customers put something into the cart, and
buy or leave at constant hazards, some after the watching has ended; what they do is drawn here
from the world's seed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import funnel, retention
from journeykit.simulate import World

NAMES = ("buy", "cart", "exit", "review")
#: The window of the data, and of the funnel, in days.
DAYS, WITHIN = 60, 20
#: A day: buying and leaving after a cart, reviewing after buying.
BUYING, LEAVING, REVIEWING = 0.05, 0.04, 0.08
#: How likely an attempt of a customer is to be a buyer's is Beta(A, B).
A, B = 1.5, 3.5
_CODE = {name: code for code, name in enumerate(NAMES)}


def _journeys(who, name, day, n) -> Journeys:
    """Put events in order and forget what happens after the window."""
    who, name, day = (np.asarray(part) for part in (who, name, day))
    kept = day < DAYS
    who, name, time = who[kept], name[kept], (day[kept] * DAY).astype(np.int64)
    order = np.lexsort((time, who))
    start = np.concatenate([[0], np.cumsum(np.bincount(who, minlength=n))])
    return Journeys(
        names=NAMES,
        touchpoint=name[order].astype(np.uint8),
        start=start,
        time=time[order],
        observed_from=np.ones(n, dtype=np.int64),
        observed_to=np.full(n, DAYS * DAY),
        window=(0, DAYS * DAY),
    )


def once(world: World) -> Journeys:
    """One cart each, at a time of its own; then bought, left, or neither yet."""
    rng, n = np.random.default_rng(world.seed), world.customers
    cart = rng.uniform(0, DAYS, n)
    buy, leave = rng.exponential(1 / BUYING, n), rng.exponential(1 / LEAVING, n)
    bought = buy < leave
    after = cart + np.minimum(buy, leave)
    review = after + rng.exponential(1 / REVIEWING, n)
    who = np.arange(n)
    return _journeys(
        np.concatenate([who, who, who[bought]]),
        np.concatenate(
            [
                np.full(n, _CODE["cart"]),
                np.where(bought, _CODE["buy"], _CODE["exit"]),
                np.full(bought.sum(), _CODE["review"]),
            ]
        ),
        np.concatenate([cart, after, review[bought]]),
        n,
    )


def _bought_by(days: float) -> float:
    both = BUYING + LEAVING
    return BUYING / both * (1 - np.exp(-both * days))


def _reviewed_by(days: float) -> float:
    """Share of those with a cart who have bought and reviewed within so many days."""
    both = BUYING + LEAVING
    slow = (np.exp(-both * days) - np.exp(-REVIEWING * days)) / (REVIEWING - both)
    return _bought_by(days) - BUYING * slow


def shares(world: World) -> pd.DataFrame:
    """The share of carts that are bought and reviewed within the window, many windows open."""
    steps = ["cart", "buy", "review"]
    found = funnel(once(world), steps=steps, within=f"{WITHIN}d", leaving="exit")
    bought, reviewed = found.frame.iloc[1], found.frame.iloc[2]
    curve = found.time_to_convert(2).frame
    share = reviewed.drop(["estimate", "conf_low", "conf_high"]).rename(
        {"share": "estimate", "share_low": "conf_low", "share_high": "conf_high"}
    )
    both = _reviewed_by(WITHIN)
    rows = {
        "bought within 20 days": (bought, _bought_by(WITHIN)),
        "bought within 5 days": (curve[curve["time_days"] <= 5].iloc[-1], _bought_by(5)),
        "not bought within 10 days": (
            found.abandonment(within="10d").frame.iloc[0],
            1 - _bought_by(10),
        ),
        "bought and reviewed": (share, both),
        "reviewed, of those who bought": (reviewed, both / _bought_by(WITHIN)),
    }
    return pd.DataFrame(
        {
            "name": name,
            **row[["estimate", "conf_low", "conf_high"]].astype(float),
            "truth": truth,
        }
        for name, (row, truth) in rows.items()
    )


def pages(world: World) -> pd.DataFrame:
    """P(the next page is this one | product page) of visits, as attempts in strict order."""
    visits = world.journeys().sessions("30min")
    truth = world.truth["browsing"].transitions["view_product"]
    # A page after itself ends an attempt, so that the next begins with a later one.
    others = [page for page in truth if page in visits.names and page != "view_product"]
    likely = sorted(others, key=truth.get)[-3:]
    rows = []
    for page in likely:
        found = funnel(visits, steps=["view_product", page], order="strict", reentry=True)
        row = found.frame.loc[1, ["estimate", "conf_low", "conf_high"]].astype(float)
        rows.append({"name": f"then {page}", **row, "truth": truth[page]})
    return pd.DataFrame(rows)


def finished_only(world: World) -> pd.DataFrame:
    """The trap: of the carts whose fate is known, which leaves the slow ones out."""
    row = funnel(once(world), steps=["cart", "buy"], within=f"{WITHIN}d", leaving="exit").frame
    known = row.iloc[[1]]
    n = known["n_event"] + known["n_dropped"]
    return pd.DataFrame(
        {
            "name": "bought within 20 days",
            "estimate": known["n_event"] / n,
            "conf_low": 0.0,
            "conf_high": 1.0,
            "truth": _bought_by(WITHIN),
        }
    )


def attempts(world: World) -> pd.DataFrame:
    """Several carts a customer, whose customers differ; each counts as an attempt."""
    rng, n = np.random.default_rng(world.seed), world.customers
    readiness = rng.beta(A, B, n)
    many = rng.poisson(2.0, n) + 1
    who = np.repeat(np.arange(n), many)
    # Attempts lie 12 days apart, their windows 4 days long: none touches the next.
    first = rng.uniform(-40, DAYS, n)
    number = np.arange(len(who)) - np.repeat(np.cumsum(many) - many, many)
    cart = first[who] + 12.0 * number
    bought = rng.random(len(who)) < readiness[who]
    wait = rng.uniform(0, 5, len(who))
    kept = cart >= 0
    buys = kept & bought
    drawn = _journeys(
        np.concatenate([who[kept], who[buys]]),
        np.repeat([_CODE["cart"], _CODE["buy"]], [kept.sum(), buys.sum()]),
        np.concatenate([cart[kept], (cart + wait)[buys]]),
        n,
    )
    row = funnel(drawn, steps=["cart", "buy"], within="4d", reentry=True).frame.iloc[[1]]
    truth = A / (A + B) * 4 / 5
    return row[["estimate", "conf_low", "conf_high"]].assign(name="attempts", truth=truth)


def returning(world: World) -> pd.DataFrame:
    """Retention of customers who come at a rate of their own, the latest not watched for long."""
    rng, n = np.random.default_rng(world.seed), world.customers
    rate = rng.gamma(2.0, 0.05, n)
    first = rng.uniform(0, DAYS, n)
    many = rng.poisson(rate * DAYS)
    who = np.concatenate([np.arange(n), np.repeat(np.arange(n), many)])
    day = np.concatenate([first, first[who[n:]] + rng.uniform(0, DAYS, len(who) - n)])
    drawn = _journeys(who, np.full(len(who), _CODE["buy"]), day, n)

    def truth(periods: float) -> float:
        # Nothing in so many weeks: the mean of exp(-rate t) under the gamma law.
        return 1 - (1 + 0.05 * 7 * periods) ** -2.0

    rows = []
    for kind, weeks in (("classic", 1), ("rolling", 3)):
        found = retention(drawn, kind=kind, look_ahead=2, periods=4)
        row = found.frame.loc[2, ["estimate", "conf_low", "conf_high"]]
        rows.append({"name": f"{kind}, week 2", **row, "truth": truth(weeks)})
    return pd.DataFrame(rows)
