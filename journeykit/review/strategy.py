"""What a strategy.yaml may say: who answers for what, customers' goals, objectives and tactics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from journeykit.checks import did_you_mean
from journeykit.errors import StudyError
from journeykit.study.basics import one_or_many
from journeykit.study.models import Part
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml

if TYPE_CHECKING:
    from journeykit.study.catalogue import Catalogue
    from journeykit.study.models import Ladder

#: How well something is known, from nothing but an opinion to a randomised comparison.
Evidence = Literal["assumed", "qualitative", "survey", "log", "experiment"]
EVIDENCE: tuple[Evidence, ...] = ("assumed", "qualitative", "survey", "log", "experiment")


def _nothing(value: object) -> object:
    """Let a key without a value be empty: `mail:` is a channel for which nobody answers."""
    return {} if value is None else value


def _text(value: object) -> object:
    return "" if value is None else value


Said = Annotated[str, BeforeValidator(_text)]
Some = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]


class Owned(Part):
    """Who answers for something, and how it is measured; empty where nobody has said.

    Attributes
    ----------
    accountable : str
        A person or a department.
    kpi, target : str
        What is looked at, and what is meant to be reached.
    """

    accountable: Said = ""
    kpi: Said = ""
    target: Said = ""


class Goal(Part):
    """Something that customers want.

    Attributes
    ----------
    text : str
        In the words of customers.
    evidence : {"assumed", "qualitative", "survey", "log", "experiment"}
        How it is known that they want it.
    stages : tuple of str
        Where on the ladder they want it.
    """

    text: Said = ""
    evidence: Evidence = "assumed"
    stages: Some = ()


class Objective(Part):
    """Something that the firm wants.

    Attributes
    ----------
    text, metric, segment, accountable : str
    baseline, target : float, optional
        The metric today, and what it is meant to be at `due`.
    due : date, optional
    serves : tuple of str
        Goals of customers that are served when it is reached.
    """

    text: Said = ""
    metric: Said = ""
    baseline: Annotated[float, Field(allow_inf_nan=False)] | None = None
    target: Annotated[float, Field(allow_inf_nan=False)] | None = None
    due: date | None = None
    segment: Said = ""
    accountable: Said = ""
    serves: Some = ()


class Tactic(Part):
    """Something that the firm does.

    Attributes
    ----------
    text : str
    serves : tuple of str
        Objectives.
    touchpoints, channels : tuple of str
        Where it is done.
    evidence : {"assumed", "qualitative", "survey", "log", "experiment"}
        What speaks for it.
    """

    text: Said = ""
    serves: Some = ()
    touchpoints: Some = ()
    channels: Some = ()
    evidence: Evidence = "assumed"


Owners = dict[str, Annotated[Owned, BeforeValidator(_nothing)]]


class Strategy(Part):
    """The whole file.

    Attributes
    ----------
    stages, channels, touchpoints : dict of str to Owned
        Who answers for each; a touchpoint may also be named in the catalogue.
    goals : dict of str to Goal
    objectives : dict of str to Objective
    tactics : dict of str to Tactic
    """

    stages: Owners = Field(default_factory=dict)
    channels: Owners = Field(default_factory=dict)
    touchpoints: Owners = Field(default_factory=dict)
    goals: dict[str, Goal] = Field(default_factory=dict)
    objectives: dict[str, Objective] = Field(default_factory=dict)
    tactics: dict[str, Tactic] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Self:
        faults = [
            *_unknown("objectives", self.objectives, "serves", "goals", self.goals),
            *_unknown("tactics", self.tactics, "serves", "objectives", self.objectives),
        ]
        if faults:
            raise ValueError("\n  ".join(faults))
        return self


def read_strategy(
    path: str | Path, /, *, catalogue: Catalogue | None = None, ladder: Ladder | None = None
) -> Strategy:
    """Read who answers for what, what customers want, and what the firm wants and does.

    Parameters
    ----------
    path : str or Path
        A YAML file with any of the keys of `Strategy`: ``study.file("strategy")``.
    catalogue : Catalogue, optional
        Whose channels and touchpoints the file may name; without it they are not looked up.
    ladder : Ladder, optional
        Whose stages it may name.

    Raises
    ------
    StudyError
        Every mistake in the file: keys that are not known, values of the wrong kind, names that do
        not exist; with file, key and mend.
    """
    path = Path(path)
    given = read_yaml(path, keys="`channels:`, `goals:` and `objectives:`")
    try:
        strategy = Strategy.model_validate(_filled(given))
    except ValidationError as error:
        lines = "\n  ".join(problems(error, model=Strategy))
        raise StudyError(f"{path}:\n  {lines}") from error
    faults = faults_of(strategy, catalogue=catalogue, ladder=ladder)
    if faults:
        raise StudyError("\n  ".join([f"{path}:", *faults]))
    return strategy


def faults_of(
    strategy: Strategy, /, *, catalogue: Catalogue | None, ladder: Ladder | None
) -> list[str]:
    """Return a sentence for each name that the catalogue or the ladder does not have."""
    faults: list[str] = []
    if ladder is not None:
        stages = ladder.stages
        faults += _missing("stages", strategy.stages, "stage", stages)
        faults += _unknown("goals", strategy.goals, "stages", "stages", stages)
    if catalogue is not None:
        rows = catalogue.touchpoints
        channels = channels_of(catalogue)
        faults += _missing("channels", strategy.channels, "channel", channels)
        faults += _missing("touchpoints", strategy.touchpoints, "touchpoint", rows)
        faults += _unknown("tactics", strategy.tactics, "channels", "channels", channels)
        faults += _unknown("tactics", strategy.tactics, "touchpoints", "touchpoints", rows)
    return faults


def channels_of(catalogue: Catalogue, /) -> tuple[str, ...]:
    """Return the channels of a catalogue, as first named; those without one have none."""
    found = dict.fromkeys(row.channel for row in catalogue.touchpoints.values())
    return tuple(channel for channel in found if channel)


def _filled(given: dict[str, Any]) -> dict[str, Any]:
    """Let a group without a value be empty."""
    return {key: {} if value is None else value for key, value in given.items()}


def _missing(key: str, named: Iterable[str], what: str, known: Iterable[str]) -> list[str]:
    names = list(known)
    return [
        f"`{key}.{name}` is no {what} here.{did_you_mean(name, names)} There are: {_listed(names)}."
        for name in named
        if name not in names
    ]


def _unknown(
    key: str, parts: Mapping[str, Part], field: str, what: str, known: Iterable[str]
) -> list[str]:
    names = list(known)
    return [
        f"`{key}.{name}.{field}` names {value!r}, which is none of the {what}."
        f"{did_you_mean(value, names)} There are: {_listed(names)}."
        for name, part in parts.items()
        for value in getattr(part, field)
        if value not in names
    ]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return (", ".join(names[:12]) or "none") + more
