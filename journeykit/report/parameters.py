"""Typed parameters of a report: checked before a kernel starts, and again in the notebook."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from journeykit.errors import ParameterError, StudyError
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study import Study


#: For whom a report is that is for no segment.
EVERYBODY = "all customers"


def _month(value: object) -> object:
    if value is not None and not re.fullmatch(r"[1-9]\d{3}-(0[1-9]|1[0-2])", str(value)):
        raise ValueError(f"must be a month such as 2026-03; got {value!r}.")
    return value


#: A calendar month, ``YYYY-MM``.
Month = Annotated[str, BeforeValidator(_month), Field(json_schema_extra={"format": "month"})]


class Parameters(BaseModel):
    """What a notebook may be told; subclass it, one field a parameter, for a notebook of your own.

    Values may be text, as the command line and YAML give them; empty text means "not given".
    """

    # A value that is wrong may be a secret: errors do not show it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: Name of the report, which is the name of its notebook.
    report: ClassVar[str] = ""
    #: Keys of the KPIs it hands over, for which a study may set bands.
    kpis: ClassVar[tuple[str, ...]] = ()
    #: Parameters that say which time the report is about: runs that differ in them are compared.
    periods: ClassVar[tuple[str, ...]] = ()

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

    @classmethod
    def declared(cls, study: Study, /) -> bool:  # noqa: ARG003
        """Say whether a study that lists no reports is to have this one."""
        return True

    def bands_hold(self) -> bool:
        """Say whether the study's bands of KPIs mean what this report counts."""
        return True

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
