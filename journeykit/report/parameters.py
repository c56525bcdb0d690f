"""Typed parameters of a report: checked before a kernel starts, and again in the notebook."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from journeykit.checks import did_you_mean
from journeykit.errors import DataError, MappingError, ParameterError, StudyError
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml

if TYPE_CHECKING:
    from journeykit.journeys import Journeys


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
            When nobody is in the segment.
        """
        if self.segment is None:
            return journeys
        attribute, _, value = self.segment.partition("=")
        chosen = journeys.where({attribute: value})
        if not len(chosen):
            raise DataError(f"Nobody is in the segment {self.segment!r}; see `journeykit check`.")
        return chosen


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
