"""The claims about path methods."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

from tests.truth import compared, funneled, grouped, preceded, searched, wandered
from tests.truth.check import Check, all_of, between, biased_upwards

#: Visits of one kind of customer, whose chain no week changes and no loop interrupts.
ALIKE = MappingProxyType(
    {"browsing.break_shift": 0, "browsing.help_loop": 0, "browsing.mixing": 0, "browsing.memory": 0}
)
#: Active customers order more, and the longer they are customers the less; nothing else matters.
_NOTHING = preceded.Shop(activity_spread=0.7, cooling=0.4, risk=0.2, greeted=False)
_PLANTED = preceded.Shop(ratio=1.5, risk=0.2)
#: Some ten visits a customer, without what breaks or lengthens them.
_VISITED = MappingProxyType(
    {"browsing.break_shift": 0, "browsing.help_loop": 0, "browsing.visits_a_day": 0.02}
)

PATHS = (
    Check(
        "search",
        "Intervals of the share with a closed loop, and of loops closed, cover, with loops still "
        "open at the end of watching bounded and not guessed.",
        lambda customers: partial(searched.loops, own=searched.own_shares(customers)),
        between(0.93, 0.97),
        searched.PARTS,
        1000,
    ),
    Check(
        "funnel",
        "Shares of a funnel cover, many windows unfinished: of the first step, of the step before, "
        "by a time, and of those who did not go on in time.",
        lambda _: funneled.shares,
        between(0.93, 0.97),
        (),
        500,
    ),
    Check(
        "funnel, next page",
        "Intervals of the share of product pages that are followed by a page cover, attempts of a "
        "visitor being alike.",
        lambda _: funneled.pages,
        between(0.93, 0.97),
        ("browsing",),
        1000,
        {"browsing.break_shift": 0, "browsing.help_loop": 0},
        pooled=True,
    ),
    Check(
        "funnel, finished windows only",
        "The trap: of the carts whose fate is known too many are bought.",
        lambda _: funneled.finished_only,
        biased_upwards,
        (),
        500,
    ),
    Check(
        "funnel, attempts",
        "Intervals of the share of attempts cover, customers unlike and with several attempts.",
        lambda _: funneled.attempts,
        between(0.93, 0.97),
        (),
        500,
    ),
    Check(
        "retention",
        "Intervals of classic and rolling retention cover, late starters not watched for long.",
        lambda _: funneled.returning,
        between(0.93, 0.97),
        (),
        500,
    ),
    Check(
        "entropy",
        "Intervals of entropies and of the labyrinth index cover, customers being of many kinds.",
        lambda _: wandered.entropy,
        between(0.93, 0.97),
        ("browsing",),
        1000,
        {"browsing.break_shift": 0, "browsing.help_loop": 0},
    ),
    Check(
        "precursors, nothing there",
        "With a late reminder, loops that add steps, mails and customers of unequal activity, none "
        "of which matters, at most 7 % of worlds have a pattern discovered, let alone one that "
        "holds.",
        lambda _: partial(preceded.anything, shop=_NOTHING),
        between(0.0, 0.07, column="share"),
        ("background",),
        1500,
        fast=60,
        null=(),
    ),
    Check(
        "precursors, power",
        "A pattern after which the risk of the outcome is 1.5 times as high holds in 80 % or more.",
        lambda _: partial(preceded.planted, shop=_PLANTED),
        between(0.8, 1.0, column="share"),
        ("background",),
        6000,
        fast=20,
        null=(),
    ),
    Check(
        "precursors, intervals",
        "Intervals of risk ratios cover 1 where nothing matters, over all patterns.",
        lambda _: partial(preceded.ratios, shop=_NOTHING),
        between(0.93, 0.97),
        ("background",),
        1500,
        fast=40,
        pooled=True,
    ),
    Check(
        "precursors, ever against never",
        "The trap: a harmless reminder seems to keep customers from the outcome, as only those "
        "without it live to be reminded.",
        lambda _: partial(preceded.ever_against_never, shop=_NOTHING),
        between(0.9, 1.0, column="share"),
        ("background",),
        1500,
        fast=40,
        null=(),
    ),
    Check(
        "typology, all browse alike",
        "A mixture of chains calls visitors of one kind, whose chain is of order two, no groups in "
        "95 % of worlds or more.",
        lambda _: grouped.kinds_of_chains,
        between(0, 0.05, column="share"),
        ("browsing",),
        400,
        _VISITED,
        fast=30,
        null=("browsing.mixing",),
    ),
    Check(
        "typology, personas",
        "Three personas among 400 customers of some ten visits each are groups in 80 % or more.",
        lambda _: grouped.kinds_of_chains,
        between(0.8, 1.0, column="share"),
        ("browsing",),
        400,
        _VISITED,
        fast=30,
        null=(),
    ),
    Check(
        "typology by medoids, all browse alike",
        "Medoids of visits call visitors of one kind no groups in 95 % of worlds or more.",
        lambda _: grouped.kinds_of_medoids,
        between(0, 0.05, column="share"),
        ("browsing",),
        200,
        _VISITED,
        fast=30,
        full=400,
        null=("browsing.mixing",),
    ),
    Check(
        "order of the chain",
        "Of about 5,000 journeys of a strong chain of order 2, BIC and held-out likelihood name 2.",
        lambda _: wandered.memory,
        between(0.9, 1.0, column="share"),
        ("browsing",),
        3900,
        {**ALIKE, "browsing.memory": 0.9},
        fast=40,
        full=300,
        null=(),
    ),
    Check(
        "order of the chain, weak memory",
        "Where the page before the last decides in 20 %, held-out likelihood still names 2.",
        lambda _: wandered.memory,
        between(0.9, 1.0, column="share", only=("held-out likelihood",)),
        ("browsing",),
        3900,
        {**ALIKE, "browsing.memory": 0.2},
        fast=40,
        full=300,
        null=(),
    ),
    Check(
        "next touchpoint, nothing to remember",
        "Of a chain of order 1 a longer memory is said to gain in 5 % of worlds or fewer.",
        lambda _: wandered.gains,
        between(0.0, 0.05, column="share"),
        ("browsing",),
        2000,
        ALIKE,
        null=(),
    ),
    Check(
        "next touchpoint, power",
        "Where the page before the last decides in 50 %, the gain is found in 80 % or more.",
        lambda _: wandered.gains,
        between(0.8, 1.0, column="share"),
        ("browsing",),
        2000,
        {**ALIKE, "browsing.memory": 0.5},
        fast=40,
        full=300,
        null=(),
    ),
    Check(
        "what-if",
        "Intervals of the change and of the baseline cover what the true chain would do.",
        lambda _: wandered.change,
        between(0.93, 0.97),
        ("browsing",),
        1500,
        ALIKE,
    ),
    Check(
        "detours, nothing there",
        "On a chain without memory, no detour matters: at most 7 % of worlds flag any.",
        lambda _: wandered.detours_matter,
        between(0.0, 0.07, column="share"),
        ("browsing",),
        4000,
        ALIKE,
        fast=60,
        full=1000,
        null=(),
    ),
    Check(
        "compare, nothing there",
        "Customers dealt to two unequal groups by chance: at most 5 % of families have a finding.",
        lambda _: compared.halves,
        between(0.0, 0.05, column="share"),
        ("browsing",),
        1500,
        fast=40,
        null=(),
    ),
    Check(
        "compare, the same customers twice",
        "Two periods of 45 weeks between which nothing changes: at most 5 % have a finding.",
        lambda _: compared.before_and_after,
        between(0.0, 0.05, column="share"),
        ("browsing",),
        1500,
        fast=40,
        null=("browsing.break_shift",),
    ),
    Check(
        "compare, power",
        "A step that becomes rarer by four tenths is found between the periods in 80 % or more.",
        lambda _: compared.before_and_after,
        between(0.8, 1.0, column="share"),
        ("browsing",),
        2500,
        fast=40,
        null=(),
    ),
    Check(
        "compare, coverage",
        "Intervals of the change of P(next page | page) between periods cover it on the three "
        "pages seen most; on the others they are a little too wide.",
        lambda _: compared.change,
        between(0.93, 0.97, only=("view_home", "view_product", "site_search")),
        ("browsing",),
        1500,
        {"browsing.help_loop": 0},
        fast=40,
        pooled=True,
    ),
    Check(
        "segments, noise",
        "Where no attribute means anything, at most 5 % of trees split by one of four.",
        lambda _: compared.attributes_split,
        between(0.0, 0.05, column="share"),
        ("orders", "purchases"),
        1500,
        null=("orders.intent_slope",),
    ),
    Check(
        "segments, power",
        "Intent (rate of orders times 1.8 a standard deviation) is split by in 80 % or more, and "
        "three noise attributes beside it in at most 5 %.",
        lambda _: compared.attributes_split,
        all_of(
            between(0.8, 1.0, column="share", only=("intent",)),
            between(0.0, 0.05, column="share", only=("noise",)),
        ),
        ("orders", "purchases"),
        3000,
        fast=60,
        null=(),
    ),
    Check(
        "narrow",
        "A mailing that works tells something in 80 % or more; a placebo in about 5 %.",
        lambda _: compared.touchpoints_that_tell,
        all_of(
            between(0.8, 1.0, column="share", only=(compared.WORKS,)),
            between(0.0, 0.07, column="share", only=(compared.HARMLESS,)),
        ),
        ("channels", "orders", "purchases"),
        1500,
        fast=30,
        null=(),
    ),
)
