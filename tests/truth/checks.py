"""What is claimed of each method, and how it is checked against worlds whose truth is known.

To add a check, write a method (a `World` in, a frame out, see `coverage` and `false_findings`) at
the top of a module, and a `Check` here or in `path_checks`. The fast run is part of the tests;
``make truth`` makes the full one and writes ``RESULTS.md``.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

from tests.truth import attributed, churned, stepped
from tests.truth.check import Check, between, biased_upwards
from tests.truth.driven import DRIVEN
from tests.truth.hazarded import HAZARDS
from tests.truth.hurt import PAINS
from tests.truth.kept import KEPT
from tests.truth.moved_on import MOMENTS
from tests.truth.path_checks import PATHS
from tests.truth.planned import PLANNED
from tests.truth.reviewed import REVIEWS
from tests.truth.risky import RISKS
from tests.truth.set_out import SET_OUT
from tests.truth.supported import SUPPORTS
from tests.truth.touched import TOUCHED
from tests.truth.woven import WOVEN

#: Leaving at constant hazards that no event changes: then S(t) is known in closed form.
STEADY = MappingProxyType(
    {
        "contracts.frailty_sigma": 0,
        "contracts.cured": {},
        "contracts.log_hazard_ratio": {},
        "contracts.automatic_extra": 0,
        "contracts.returns": 0,
    }
)
_LEAVING = ("orders", "contracts")
_SHOPPING = ("channels", "orders", "purchases")

CHECKS = (
    Check(
        "transitions",
        "Clustered intervals of P(next page | page) cover the mixture of personas, page by page.",
        lambda _: stepped.by_page,
        between(0.93, 0.97),
        ("browsing",),
        1000,
        {"browsing.break_shift": 0, "browsing.help_loop": 0},
        pooled=True,
    ),
    Check(
        "transitions, steps independent",
        "The trap: on the page seen most, intervals that take steps for customers miss too often.",
        lambda _: stepped.as_if_independent,
        between(0.5, 0.93, only=("view_product",)),
        ("browsing",),
        1000,
        {"browsing.break_shift": 0, "browsing.help_loop": 0},
        pooled=True,
    ),
    Check(
        "Kaplan-Meier",
        "Intervals of S(t) cover, contracts that began before the window entering late.",
        lambda _: churned.survival,
        between(0.93, 0.97),
        _LEAVING,
        500,
        STEADY,
    ),
    Check(
        "Kaplan-Meier, late entry ignored",
        "The trap: S(t) is too high where late entries count from their start.",
        lambda _: churned.survival_of_survivors,
        biased_upwards,
        _LEAVING,
        500,
        STEADY,
    ),
    Check(
        "log-rank, nothing there",
        "Segments with one hazard are told apart in 5 % of worlds.",
        lambda _: churned.segments_differ,
        between(0.04, 0.06, column="share"),
        _LEAVING,
        3000,
        STEADY,
        null=(),
    ),
    Check(
        "log-rank, nothing there, few contracts",
        "With some 200 contracts in four segments the chi-squared law is a little too eager.",
        lambda _: churned.segments_differ,
        between(0.05, 0.08, column="share"),
        _LEAVING,
        800,
        STEADY,
        null=(),
    ),
    Check(
        "log-rank, power",
        "Households at a hazard of 0.1 a year are told from the others, at 0.3, in 80 % or more.",
        lambda _: churned.segments_differ,
        between(0.8, 1.0, column="share"),
        _LEAVING,
        800,
        {**STEADY, "contracts.base_a_year.household": {"lapse": 0.1}},
        null=(),
    ),
    Check(
        "attribution",
        "Intervals of rules' and Markov's shares cover the model's own share among many customers "
        "(which is no effect).",
        lambda customers: partial(attributed.shares, own=attributed.own_shares(customers)),
        between(0.90, 0.98),
        _SHOPPING,
        1500,
        fast=60,
        pooled=True,
    ),
    *HAZARDS,
    *PATHS,
    *RISKS,
    *MOMENTS,
    *SUPPORTS,
    *DRIVEN,
    *WOVEN,
    *REVIEWS,
    *SET_OUT,
    *PLANNED,
    *PAINS,
    *KEPT,
    *TOUCHED,
)
