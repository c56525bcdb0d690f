"""What is to be known of trials before their numbers are believed, as guards of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from journeykit.report.contract import Guard
from journeykit.report.trials.words import in_worlds, label_of

_NAME = "Every report on a made-up world could be made"
_QUIET = "Findings stay quiet where nothing is to be found"
_EXCHANGED = "What was exchanged"
#: Share of worlds that a test at 5 % calls clear by chance.
_BY_CHANCE = 0.05
#: Chance that a page warns although no finding is clear more often than that.
_WARNED = 0.025
#: Customers at risk below which their own history is too often the one that comes back to them.
_MANY = 200
#: Touchpoints named; the others are counted.
_NAMED = 12


def exchanged_guard(exchanged: Mapping[str, Any], /) -> Guard:
    """Name what was exchanged, and say among how many."""
    names, n = exchanged["touchpoints"], exchanged["n_at_risk"]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    what = f"Up to the first success of a customer: {', '.join(names[:_NAMED])}{more}."
    if n is None:
        found = "No first success was seen of a customer who was watched, so nothing was exchanged."
        return Guard(name=_EXCHANGED, status="warned", found=f"{what} {found}")
    among = f"The median number of customers at risk at a first success was {n:,}"
    if n >= _MANY:
        return Guard(name=_EXCHANGED, status="passed", found=f"{what} {among}.")
    found = (
        f"{among}, fewer than {_MANY}: some of the signal stays, since the customer's own history "
        "is among the few."
    )
    return Guard(name=_EXCHANGED, status="warned", found=f"{what} {found}")


def quiet_guard(
    scored: Sequence[Mapping[str, Any]], labels: Mapping[tuple[str, str], str], /
) -> Guard:
    """Warn of findings that are clear without their signal, more often than a test at 5 % is.

    Exact binomial, one-sided at 2.5 %, divided by the number of findings that are looked at.
    """
    from scipy.stats import binom

    loud = [
        one
        for one in scored
        if binom.sf(one["clear"]["n_event"] - 1, one["clear"]["n"], _BY_CHANCE)
        < _WARNED / len(scored)
    ]
    told = "; ".join(
        f"“{label_of(labels, 'finding', one['key'])}” in {in_worlds(one['clear'])}"
        for one in loud or scored
    )
    if loud:
        found = (
            f"Called clear without the signal they rest on, more often than 5% allows: {told}. "
            "That they are clear is no sign of it, unless what this null leaves as it was told it."
        )
        return Guard(name=_QUIET, status="warned", found=found)
    found = (
        "Called clear without the signal they rest on, no more often than 5% allows as far as so "
        f"many worlds tell: {told}."
    )
    return Guard(name=_QUIET, status="passed", found=found)


def made_guard(scores: Mapping[str, Any], /) -> Guard:
    """Say how many reports on made-up worlds there are, and why others are missing."""
    parts, warned = [], False
    for kind, words in (("null", "without the signal"), ("recovery", "of known truth")):
        if (world := scores.get(kind)) is None:
            continue
        n, n_failed = world["n_worlds"], world["n_failed"]
        parts.append(f"{n:,} of {n + n_failed:,} {words} were made.")
        parts += [f"{one['n']:,} failed: {one['cause']}" for one in world["causes"]]
        if world.get("no_truth"):
            parts.append(f"The truth is not known: {world['no_truth']}")
        warned |= n_failed > 0 or bool(world.get("no_truth"))
    status = Guard(name=_NAME, status="passed", found=" ".join(parts))
    return replace(status, status="warned") if warned else status
