"""What of the data does not suit the parameters of a report or its study, a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from journeykit.checks import did_you_mean
from journeykit.errors import DataError, MappingError, StudyError
from journeykit.study.companions import named_files

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.plan import Plan
    from journeykit.study import Catalogue, Study
    from journeykit.study.models import Churn, Ladder

#: Names listed in a message.
_LISTED = 12


def unknown(key: str, what: str, wanted: str, known: Sequence[str]) -> list[str]:
    """Say that a name does not exist, with the nearest that does."""
    if wanted in known:
        return []
    listed = ", ".join(repr(name) for name in known[:_LISTED]) or "none"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return [
        f"`{key}` names {what} that does not exist: {wanted!r}.{did_you_mean(wanted, known)} "
        f"There are: {listed}{more}."
    ]


def unread(key: str, text: str | None, journeys: Journeys) -> list[str]:
    """Say what is wrong with a pattern: its grammar, or touchpoints that do not exist."""
    from journeykit.journeys.pattern import PatternError, parse
    from journeykit.journeys.pattern.terms import check_names

    if text is None or text in journeys.names:
        return []
    try:
        pattern = parse(text)
        check_names(text, pattern.mentions, journeys.names)
    except PatternError as error:
        return [f"`{key}`: {error}"]
    return []


def unread_steps(text: str | None, journeys: Journeys) -> list[str]:
    """Say what is wrong with the steps of a funnel."""
    from journeykit.journeys.pattern import parse
    from journeykit.journeys.pattern.terms import Gap

    if text is None or (found := unread("steps", text, journeys)):
        return found if text is not None else []
    pattern = parse(text)
    plain = all(element.least == element.most == 1 for element in pattern.elements)
    later = all(gap == Gap(later=True) for gap in pattern.gaps)
    if len(pattern.elements) < 2 or not plain or not later or pattern.begin or pattern.end:
        return [
            f"`steps` must be at least two touchpoints with `>>` between, such as `a >> b | c`; "
            f"their time is `window`; got {text!r}."
        ]
    return []


def unknown_segment(segment: str, journeys: Journeys) -> list[str]:
    """Say which attribute, or value of it, of a segment does not exist."""
    attribute, _, value = segment.partition("=")
    if found := unknown("segment", "an attribute", attribute, journeys.attributes.column_names):
        return found
    values = journeys.attributes[attribute].value_counts().to_pylist()
    values = [found for found in values if found["values"] is not None]
    values.sort(key=lambda found: (-found["counts"], str(found["values"])))
    known = [str(found["values"]) for found in values]
    return unknown("segment", f"a value of {attribute!r}", value, known)


def unknown_outcome(study: Study, journeys: Journeys) -> list[str]:
    """Say which conversions, and which column of values, do not exist."""
    outcome = study.model.outcome
    if outcome is None:
        return []
    found = []
    for name in outcome.conversions:
        found += unknown("outcome.conversions", "a touchpoint", name, journeys.names)
    if outcome.value is not None:
        found += unknown("outcome.value", "an event column", outcome.value, list(journeys.columns))
    return found


def unknown_churn(churn: Churn | None, journeys: Journeys) -> list[str]:
    """Say what the rule of leaving names that does not exist."""
    if churn is None:
        return [
            "The study does not say what counts as leaving; add `churn:` to it, or name the "
            "reports you want under `reports:`."
        ]
    known = journeys.attributes.column_names
    found = []
    for key, part in (("churn", churn), ("churn.start", churn.start)):
        if part is not None and part.touchpoint is not None:
            found += unknown(f"{key}.touchpoint", "a touchpoint", part.touchpoint, journeys.names)
        if part is not None and part.attribute is not None:
            found += unknown(f"{key}.attribute", "an attribute", part.attribute, known)
    if churn.cause is not None:
        found += unknown("churn.cause", "an attribute", churn.cause, known)
    for name in churn.exits:
        found += unknown("churn.exits", "a touchpoint", name, journeys.names)
    return found


def unknown_rungs(ladder: Ladder, journeys: Journeys, /) -> list[str]:
    """Say which touchpoints and attributes of a ladder the data do not have."""
    found = []
    for stage, rung in ladder.rungs.items():
        for name in rung.touchpoints:
            key = f"stages.rungs.{stage}.touchpoints"
            found += unknown(key, "a touchpoint", name, journeys.names)
        if rung.attribute is not None:
            known = journeys.attributes.column_names
            key = f"stages.rungs.{stage}.attribute"
            found += unknown(key, "an attribute", rung.attribute, known)
    return found


def unknown_steps(plan: Plan, journeys: Journeys, catalogue: Catalogue, /) -> list[str]:
    """Say which touchpoints and which column of a plan the data do not have.

    A step that nothing could show would be missing in every case.
    """
    found = []
    for step in plan.all_steps:
        if not set(step.seen_as) & set(journeys.names):
            for name in step.seen_as:
                key = f"{plan.name}: {step.step}"
                found += unknown(key, "a touchpoint", name, journeys.names)
    others = [*plan.beside, *plan.ends]
    for step in plan.all_steps:
        others += [
            *step.seen_as,
            *step.failed_by,
            *(step.promise.touchpoints if step.promise else ()),
        ]
    for name in dict.fromkeys(others):
        # A touchpoint of the plan may never have happened; one that is nearly another is misspelt.
        near = did_you_mean(name, journeys.names)
        if name not in journeys.names and near and name not in catalogue:
            found.append(f"`{plan.name}` names a touchpoint that nobody met: {name!r}.{near}")
    for name in plan.reaches:
        found += unknown(f"{plan.name}: reaches", "a touchpoint", name, journeys.names)
    if plan.failed is not None:
        known = tuple(journeys.columns)
        found += unknown(
            f"{plan.name}: failed.column", "an event column", plan.failed.column, known
        )
    return found


def unread_files(study: Study, /) -> list[str]:
    """Say what is wrong with the plans, the portfolio, the strategy and the beliefs of a study."""
    from journeykit.plan import read_plan
    from journeykit.review import read_beliefs, read_strategy
    from journeykit.stages import read_portfolio

    def of_strategy(path: Path) -> object:
        return read_strategy(path, catalogue=study.catalogue, ladder=study.model.stages)

    readers: dict[str, Callable[[Path], object]] = {
        "plans": read_plan,
        "portfolio": read_portfolio,
        "strategy": of_strategy,
        "beliefs": read_beliefs,
    }
    found = []
    for key, read in readers.items():
        try:
            for path in named_files(study, key):
                read(path)
        except (DataError, MappingError, StudyError) as error:
            found.append(str(error))
    return found


def unreadable(study: Study, /) -> list[str]:
    """Say what is wrong with the tables beside the events, where the study has some."""
    found = []
    for key, read in (
        ("spend", study.spend),
        ("experiments", study.assignments),
        ("sentiment", study.sentiment),
        ("external_events", study.external_events),
    ):
        if getattr(study.model, key) is not None:
            try:
                read()
            except (DataError, MappingError, StudyError) as error:
                found.append(str(error))
    return found
