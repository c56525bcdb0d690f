"""What is claimed of each method, and how it is checked against worlds whose truth is known.

To add a check, write a method (a `World` in, a frame out, see `coverage` and `false_findings`) at
the top of a module, and a `Check` in `CHECKS`. The fast run is part of the tests; ``make truth``
makes the full one and writes ``RESULTS.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import pandas as pd

from journeykit.simulate import Coverage, FalseFindings, World, coverage, false_findings
from tests.truth import attributed, churned, stepped, wandered

Method = Callable[[World], pd.DataFrame]
Judge = Callable[[pd.DataFrame], list[str]]


@dataclass(frozen=True)
class Check:
    """One claim.

    Attributes
    ----------
    name, claim : str
        The claim in one sentence.
    method : callable
        Given the number of customers of a large world to take a truth from, returns the method.
    judge : callable
        Given the scores, returns what contradicts the claim.
    parts : sequence of str
    settings : mapping of str to object
    customers : int
        Of each world.
    fast, full : int
        Worlds.
    pooled : bool
        Rows of a name are of several estimands: only their coverage means anything together.
    null : sequence of str, optional
        For a method that flags: parameters that are zero. None for one that gives intervals.
    """

    name: str
    claim: str
    method: Callable[[int], Method]
    judge: Judge
    parts: Sequence[str]
    customers: int
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    fast: int = 120
    full: int = 1000
    pooled: bool = False
    null: Sequence[str] | None = None

    def run(self, *, full: bool, processes: int | None = None) -> Coverage | FalseFindings:
        """Run it on many worlds."""
        given = {
            "worlds": self.full if full else self.fast,
            "customers": self.customers,
            "settings": dict(self.settings),
            "parts": self.parts,
            "seed": 4,
            "processes": processes,
            "progress": full,
        }
        method = self.method(300_000 if full else 40_000)
        if self.null is None:
            return coverage(method, **given)
        return false_findings(method, null=self.null, **given)


# --- judges ------------------------------------------------------------------------------------


def between(
    low: float, high: float, *, column: str = "coverage", only: Sequence[str] = ()
) -> Judge:
    """Expect that each row's interval is compatible with a share from `low` to `high`.

    With `only`, of the rows of these names.
    """

    def judge(frame: pd.DataFrame) -> list[str]:
        return [
            f"{row['name']}: {column} {row[column]:.3f} ({row['conf_low']:.3f} to "
            f"{row['conf_high']:.3f}) of {row['n_worlds']} worlds is not within [{low}, {high}]"
            for _, row in frame.iterrows()
            if (not only or row["name"] in only)
            and (row["conf_high"] < low or row["conf_low"] > high)
        ]

    return judge


def biased_upwards(frame: pd.DataFrame) -> list[str]:
    """Expect a trap to be one: estimates above the truth, beyond chance."""
    unbiased = frame[~(frame["bias_conf_low"] > 0)]
    return [f"{row['name']}: no upward bias, {row['bias']:.4f}" for _, row in unbiased.iterrows()]


# --- the claims --------------------------------------------------------------------------------

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
#: Visits of one kind of customer, whose chain no week changes and no loop interrupts.
ALIKE = MappingProxyType(
    {"browsing.break_shift": 0, "browsing.help_loop": 0, "browsing.mixing": 0, "browsing.memory": 0}
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
)
