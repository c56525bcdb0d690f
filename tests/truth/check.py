"""One claim about a method, how it is run on many worlds, and what would contradict it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd

from journeykit.simulate import Coverage, FalseFindings, World, coverage, false_findings

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

    With `only`, of the rows of these names. Rows without an interval, names that do not occur and
    no row at all contradict the claim: nothing was shown then.
    """

    def judge(frame: pd.DataFrame) -> list[str]:
        missing = [name for name in only if name not in set(frame["name"])]
        if missing or not len(frame):
            return [f"no row is called {name}" for name in missing] or ["no row to judge"]
        return [
            f"{row['name']}: {column} {row[column]:.3f} ({row['conf_low']:.3f} to "
            f"{row['conf_high']:.3f}) of {row['n_worlds']} worlds is not within [{low}, {high}]"
            for _, row in frame.iterrows()
            if (not only or row["name"] in only)
            and not (row["conf_high"] >= low and row["conf_low"] <= high)
        ]

    return judge


def biased_upwards(frame: pd.DataFrame) -> list[str]:
    """Expect a trap to be one: estimates above the truth, beyond chance."""
    unbiased = frame[~(frame["bias_conf_low"] > 0)]
    return [f"{row['name']}: no upward bias, {row['bias']:.4f}" for _, row in unbiased.iterrows()]


def all_of(*judges: Judge) -> Judge:
    """Expect all that several judges do."""
    return lambda frame: [fault for judge in judges for fault in judge(frame)]
