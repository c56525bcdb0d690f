"""Patterns before an outcome: harmless traps that must not be flagged, and a planted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import Precursors, precursors
from journeykit.paths.sequences.findings import HOLDS
from journeykit.paths.sequences.mining import Limits, completions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate import World

OWN = ("compare", "configure", "read", "search", "store", "wishlist")
LOOP, SENT, OUTCOME = ("faq", "help"), ("mail", "reminder"), "order"
NAMES = tuple(sorted((*OWN, *LOOP, *SENT, OUTCOME)))
PLANTED = "wishlist > store"
DAYS, LAST_ENTRY, HORIZON = 126, 70, 14
_MINUTE = DAY // 1440


@dataclass(frozen=True)
class Shop:
    """A shop of which all is known.

    Attributes
    ----------
    risk : float
        Orders within the horizon, of a customer without any effect and of average activity.
    ratio : float
        Risk ratio within the horizon after ``wishlist > store`` is first complete.
    activity_spread : float
        Coefficient of variation of how much customers do; the hazard of ordering goes with its
        square root.
    cooling : float
        By which factor the hazard has fallen 60 days after entry.
    own_a_day : float
        Own events a day.
    greeted : bool
        Whether each customer does something on the day of entry; else some are known, and under
        risk, long before they do or receive anything.
    """

    risk: float = 0.12
    ratio: float = 1.0
    activity_spread: float = 0.0
    cooling: float = 1.0
    own_a_day: float = 0.12
    greeted: bool = True


def journeys_of(shop: Shop, *, customers: int, seed: int) -> Journeys:
    """Draw journeys from entry to the end of the window.

    Own events are a Poisson process whose rate moves by the calendar week, as the hazard of the
    order does. One in five leads into a loop of 2 to 6 more pages, within minutes. Mails come at
    random; the reminder comes to two in three, 21 to 35 days after entry. Neither loop, nor mail,
    nor reminder does anything.
    """
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, LAST_ENTRY, customers)
    spread = shop.activity_spread
    activity = rng.gamma(1 / spread**2, spread**2, customers) if spread else np.ones(customers)
    season = np.exp(0.3 * rng.standard_normal(DAYS // 7 + 1))[np.arange(DAYS) // 7]
    day = np.arange(DAYS)
    watched = day >= entry[:, None]
    counts = rng.poisson(shop.own_a_day * activity[:, None] * season * watched)
    counts[np.arange(customers), entry] += shop.greeted
    who, when = (
        np.repeat(part, counts.ravel()) for part in np.divmod(np.arange(counts.size), DAYS)
    )
    time = (when * DAY + rng.integers(0, DAY, len(when))).astype(np.int64)
    what = rng.choice(len(OWN), len(who), p=[0.25, 0.15, 0.2, 0.15, 0.1, 0.15])
    parts = [(who, time, np.array([NAMES.index(name) for name in OWN])[what])]
    parts += _loops(rng, who, time)
    parts += _sent(rng, entry)
    events = _sorted(parts, customers)
    hazard = -np.log1p(-shop.risk) / HORIZON * np.sqrt(activity)[:, None] * season
    hazard = hazard * shop.cooling ** ((day - entry[:, None]) / 60) * watched
    return _with_orders(rng, events, entry, hazard, shop)


Part = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"]


def _loops(rng: np.random.Generator, who: NDArray[np.int64], time: NDArray[np.int64]) -> list[Part]:
    steps = rng.integers(2, 7, len(who)) * (rng.random(len(who)) < 0.2)
    at = np.repeat(np.arange(len(who)), steps)
    number = np.arange(len(at)) - np.repeat(np.cumsum(steps) - steps, steps)
    page = np.array([NAMES.index(name) for name in LOOP])[rng.integers(0, 2, len(at))]
    return [(who[at], time[at] + (number + 1) * _MINUTE, page)]


def _sent(rng: np.random.Generator, entry: NDArray[np.int64]) -> list[Part]:
    customers = len(entry)
    mails = rng.poisson(0.04 * (DAYS - entry))
    who = np.repeat(np.arange(customers), mails)
    time = (entry[who] + rng.random(len(who)) * (DAYS - entry[who])) * DAY
    reminded = np.flatnonzero(rng.random(customers) < 0.67)
    later = (entry[reminded] + 21 + 14 * rng.random(len(reminded))) * DAY
    mail, reminder = (NAMES.index(name) for name in SENT)
    return [
        (who, time.astype(np.int64), np.full(len(who), mail)),
        (reminded, later.astype(np.int64), np.full(len(reminded), reminder)),
    ]


def _sorted(parts: list[Part], customers: int) -> Journeys:
    who, time, what = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = time < DAYS * DAY
    order = np.lexsort((time[kept], who[kept]))
    counts = np.bincount(who[kept], minlength=customers)
    return Journeys(
        names=NAMES,
        touchpoint=what[kept][order].astype(np.uint8),
        time=time[kept][order],
        start=np.concatenate([[0], np.cumsum(counts)]),
        observed_to=np.full(customers, DAYS * DAY),
    )


def _with_orders(
    rng: np.random.Generator,
    events: Journeys,
    entry: NDArray[np.int64],
    hazard: NDArray[np.float64],
    shop: Shop,
) -> Journeys:
    """Add the order of each customer, if it comes; nobody is seen thereafter."""
    customers, day = len(entry), np.arange(DAYS)
    assert events.time is not None
    if shop.ratio != 1:
        codes = tuple(NAMES.index(name) for name in PLANTED.split(" > "))
        done = completions(events, codes, Limits(len(codes)))
        at = np.where(done >= 0, events.time[done], DAYS * DAY) / DAY
        # Per day: the share of it that lies within the horizon after the pattern is complete.
        later = np.clip(day + 1 - at[:, None], 0, 1) - np.clip(
            day + 1 - at[:, None] - HORIZON, 0, 1
        )
        factor = np.log1p(-shop.risk * shop.ratio) / np.log1p(-shop.risk)
        hazard = hazard * (1 + (factor - 1) * later)
    survived = np.cumsum(hazard, axis=1)
    limit = rng.exponential(size=customers)
    ordered = (survived < limit[:, None]).sum(axis=1)
    buys = np.flatnonzero(ordered < DAYS)
    when = ordered[buys]
    part = 1 - (survived[buys, when] - limit[buys]) / hazard[buys, when]
    order_time = np.full(customers, np.iinfo(np.int64).max)
    order_time[buys] = ((when + part) * DAY).astype(np.int64)
    owner = np.repeat(np.arange(customers), events.length)
    kept = events.time < order_time[owner]
    made = _sorted(
        [
            (owner[kept], events.time[kept], events.touchpoint[kept].astype(np.int64)),
            (buys, order_time[buys], np.full(len(buys), NAMES.index(OUTCOME))),
        ],
        customers,
    )
    return made.replace(observed_from=entry * DAY, window=(-1, DAYS * DAY), columns={})


def found(shop: Shop, world: World) -> tuple[Journeys, Precursors]:
    """Look for precursors in a shop with the customers and the seed of a world."""
    made = journeys_of(shop, customers=world.customers, seed=world.seed)
    return made, precursors(
        made, outcome=[OUTCOME], horizon_days=HORIZON, sent=SENT, length=2, seed=world.seed
    )


def _flags(**flagged: bool) -> pd.DataFrame:
    return pd.DataFrame({"name": list(flagged), "flagged": list(flagged.values())})


def anything(world: World, shop: Shop) -> pd.DataFrame:
    """Whether anything is flagged where nothing is to be found."""
    _, told = found(shop, world)
    discovered = (told.frame["q_value"] <= told.q).any()
    return _flags(discovered=discovered, holds=(told.frame["verdict"] == HOLDS).any())


def planted(world: World, shop: Shop) -> pd.DataFrame:
    """Whether the planted pattern holds."""
    _, told = found(shop, world)
    row = told.frame.set_index("pattern").loc[PLANTED]
    return _flags(planted=row["verdict"] == HOLDS)


def ratios(world: World, shop: Shop) -> pd.DataFrame:
    """Intervals of the risk ratios of all patterns, where each ratio is 1."""
    _, told = found(shop, world)
    names = {"risk_ratio": "estimate", "ratio_low": "conf_low", "ratio_high": "conf_high"}
    return told.frame.rename(columns=names).assign(name="risk ratio", truth=1.0)


def ever_against_never(world: World, shop: Shop) -> pd.DataFrame:
    """The trap: who ever got the reminder before the outcome against who never did."""
    from scipy import stats

    made = journeys_of(shop, customers=world.customers, seed=world.seed)
    owner = np.repeat(np.arange(len(made)), made.length)
    ordered, reminded = np.zeros(len(made), dtype=bool), np.zeros(len(made), dtype=bool)
    ordered[owner[made.touchpoint == NAMES.index(OUTCOME)]] = True
    reminded[owner[made.touchpoint == NAMES.index("reminder")]] = True
    table = [[(a & b).sum() for b in (ordered, ~ordered)] for a in (reminded, ~reminded)]
    p_value = stats.chi2_contingency(table).pvalue
    return pd.DataFrame({"name": ["reminder"], "p_value": [p_value]})
