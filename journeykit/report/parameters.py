"""Typed parameters of a report: checked before a kernel starts, and again in the notebook."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from journeykit.checks import did_you_mean
from journeykit.errors import DataError, MappingError, ParameterError, StudyError
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study
    from journeykit.study.models import Churn


#: Names listed in a message.
_LISTED = 12


class Parameters(BaseModel):
    """What a notebook may be told; subclass it, one field a parameter, for a notebook of your own.

    Values may be text, as the command line and YAML give them; empty text means "not given".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Name of the report, which is the name of its notebook.
    report: ClassVar[str] = ""

    study: Annotated[Path, Field(description="A study.yaml, its folder, or a study that ships.")]

    @model_validator(mode="before")
    @classmethod
    def _empty_is_none(cls, given: Any) -> Any:
        return {key: None if value == "" else value for key, value in given.items()}

    @classmethod
    def of(cls, given: Mapping[str, object], /) -> Self:
        """Check the parameters `given` by name.

        Raises
        ------
        ParameterError
            One line for each unknown name (with the nearest known), wrong type and value out of
            range.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            lines = "\n  ".join(problems(error, model=cls))
            title = cls.report or cls.__name__
            raise ParameterError(f"Parameters of the report `{title}`:\n  {lines}") from error

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any], /) -> Self:
        """Check the variables of the parameters cell; call it with ``globals()``.

        Works alike in JupyterLab, under plain papermill and under ``journeykit run``: whatever
        papermill injected must be a parameter, even a misspelt name that nothing would read.
        """
        given = {name: namespace[name] for name in cls.model_fields if name in namespace}
        injected = {name: namespace[name] for name in _injected(namespace.get("In", ()))}
        return cls.of({**given, **injected})

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:  # noqa: ARG002
        """Return what does not suit the data at hand, a sentence each; looked at before a run."""
        return []

    def told(self) -> list[str]:
        """Return what readers must know of the parameters: those that are not the default."""
        fields = type(self).model_fields
        return [
            f"{name.replace('_', ' ')} {value}"
            for name, value in self
            if name != "study" and value != fields[name].default
        ]

    def plain(self) -> dict[str, Any]:
        """Return what papermill can inject: text, numbers, true, false, None."""
        return self.model_dump(mode="json")


def _injected(inputs: Any) -> set[str]:
    """Names assigned in the cells papermill injected, which open with a comment line of its own."""
    names: set[str] = set()
    for source in inputs:
        if source.startswith("# Parameters\n"):
            found = ast.walk(ast.parse(source))
            names |= {node.id for node in found if isinstance(node, ast.Name) and _stored(node)}
    return names


def _stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _attribute_and_value(value: object) -> object:
    attribute, equals, wanted = str(value).partition("=")
    if value is not None and not (attribute and equals and wanted):
        raise ValueError(f"must look like `attribute=value`; got {value!r}.")
    return value


class SegmentParameters(Parameters):
    """A report that can be made for some customers only."""

    segment: Annotated[
        str | None,
        BeforeValidator(_attribute_and_value),
        Field(description="Only customers with this attribute: `attribute=value`."),
    ] = None

    def choose(self, journeys: Journeys, /) -> Journeys:
        """Return the journeys of the segment, or all where none is given.

        Raises
        ------
        DataError
            When the attribute does not exist or nobody is in the segment.
        """
        if self.segment is None:
            return journeys
        if unsuited := _unknown_segment(self.segment, journeys):
            raise DataError(" ".join(unsuited))
        attribute, _, value = self.segment.partition("=")
        return journeys.where({attribute: value})

    def told(self) -> list[str]:
        """Return for whom the report is, and the other parameters that are not the default."""
        others = [said for said in super().told() if not said.startswith("segment ")]
        return [self.segment or "all customers", *others]

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: the segment, and the success the study declares."""
        found = [] if self.segment is None else _unknown_segment(self.segment, journeys)
        return [*found, *_unknown_outcome(study, journeys)]


def _unknown(key: str, what: str, wanted: str, known: Sequence[str]) -> list[str]:
    if wanted in known:
        return []
    listed = ", ".join(repr(name) for name in known[:_LISTED]) or "none"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return [
        f"`{key}` names {what} that does not exist: {wanted!r}.{did_you_mean(wanted, known)} "
        f"There are: {listed}{more}."
    ]


def _unknown_segment(segment: str, journeys: Journeys) -> list[str]:
    attribute, _, value = segment.partition("=")
    if found := _unknown("segment", "an attribute", attribute, journeys.attributes.column_names):
        return found
    values = journeys.attributes[attribute].value_counts().to_pylist()
    values = [found for found in values if found["values"] is not None]
    values.sort(key=lambda found: (-found["counts"], str(found["values"])))
    known = [str(found["values"]) for found in values]
    return _unknown("segment", f"a value of {attribute!r}", value, known)


def _unknown_outcome(study: Study, journeys: Journeys) -> list[str]:
    outcome = study.model.outcome
    if outcome is None:
        return []
    found = []
    for name in outcome.conversions:
        found += _unknown("outcome.conversions", "a touchpoint", name, journeys.names)
    if outcome.value is not None:
        found += _unknown("outcome.value", "an event column", outcome.value, list(journeys.columns))
    return found


def _unknown_churn(churn: Churn | None, journeys: Journeys) -> list[str]:
    if churn is None:
        return [
            "The study does not say what counts as leaving; add `churn:` to it, or name the "
            "reports you want under `reports:`."
        ]
    known = journeys.attributes.column_names
    found = []
    for key, part in (("churn", churn), ("churn.start", churn.start)):
        if part is not None and part.touchpoint is not None:
            found += _unknown(f"{key}.touchpoint", "a touchpoint", part.touchpoint, journeys.names)
        if part is not None and part.attribute is not None:
            found += _unknown(f"{key}.attribute", "an attribute", part.attribute, known)
    return found


class PathsParameters(SegmentParameters):
    """Which way customers go."""

    report: ClassVar[str] = "paths"

    order: Annotated[int, Field(ge=1, le=3, description="Touchpoints a step remembers.")] = 1
    variants: Annotated[int, Field(ge=1, le=50, description="Most frequent paths shown.")] = 10


class SurvivalParameters(SegmentParameters):
    """How long until customers leave."""

    report: ClassVar[str] = "survival"

    group: Annotated[str | None, Field(description="Attribute whose values are compared.")] = None
    threshold_days: Annotated[
        int | None,
        Field(ge=1, le=3650, description="Silence that counts as gone; else the study's."),
    ] = None
    horizon_days: Annotated[
        int | None, Field(ge=1, le=3650, description="Last day shown; by default all that is seen.")
    ] = None

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: the segment, the group, the missing rule of leaving."""
        known = journeys.attributes.column_names
        found = [] if self.segment is None else _unknown_segment(self.segment, journeys)
        if self.group is not None:
            found += _unknown("group", "an attribute", self.group, known)
        return found + _unknown_churn(study.model.churn, journeys)


class AttributionParameters(SegmentParameters):
    """Which touch earned the sale."""

    report: ClassVar[str] = "attribution"

    lookback_days: Annotated[
        int | None, Field(ge=1, le=3650, description="Days a touch can count; else the study's.")
    ] = None
    touches: Annotated[
        Literal["all", "firm"],
        Field(description="Which touches can earn credit: all, or those the firm starts."),
    ] = "all"

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit: the segment, the success, touches that nobody knows of."""
        found = super().unsuited(study, journeys)
        if study.model.outcome is None:
            found.append(
                "The study does not say what counts as success; add `outcome:` to it, "
                "or name the reports you want under `reports:`."
            )
        if self.touches == "firm" and not set(study.catalogue.firm_touchpoints()) & {
            *journeys.names
        }:
            found.append(
                "`touches` is 'firm', and the catalogue names no touchpoint of these data as the "
                "firm's; add a `catalogue:` with `initiator` firm, or use all touches."
            )
        return found


#: The reports that ship, in the order in which they are read.
REPORTS: Mapping[str, type[Parameters]] = {
    model.report: model for model in (PathsParameters, SurvivalParameters, AttributionParameters)
}


def parameters_of(report: str, /) -> type[Parameters]:
    """Return the model of a report's parameters.

    Raises
    ------
    MappingError
        When there is no such report.
    """
    if report not in REPORTS:
        raise MappingError(
            f"There is no report {report!r}.{did_you_mean(report, REPORTS)} "
            f"There are: {', '.join(REPORTS)}."
        )
    return REPORTS[report]


def read_parameters(path: Path, /) -> dict[str, object]:
    """Read parameters from a YAML file; every value is the text that was written.

    Raises
    ------
    ParameterError
        Unreadable file, broken YAML, a name given twice, or no names at all.
    """
    try:
        given = read_yaml(path, keys="`segment: income=75-99K`")
    except StudyError as error:
        raise ParameterError(str(error)) from error
    return {name: "" if value is None else value for name, value in given.items()}
