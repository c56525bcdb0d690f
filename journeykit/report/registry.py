"""Which reports there are: those that ship, and those that stand beside a study."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from journeykit.checks import did_you_mean
from journeykit.errors import MappingError, ParameterError
from journeykit.report.models import (
    AttributionParameters,
    MapParameters,
    PathsParameters,
    PlanParameters,
    StagesParameters,
    SurvivalParameters,
)
from journeykit.report.parameters import Parameters
from journeykit.shipped import shipped

if TYPE_CHECKING:
    from journeykit.study import Study

#: The reports that ship, in the order in which they are read.
REPORTS: Mapping[str, type[Parameters]] = {
    model.report: model
    for model in (
        MapParameters,
        PathsParameters,
        StagesParameters,
        PlanParameters,
        SurvivalParameters,
        AttributionParameters,
    )
}
#: Name of the page that the engine itself makes of all reports of a run.
SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Report:
    """A notebook and the model of its parameters."""

    notebook: Path
    model: type[Parameters]

    @property
    def name(self) -> str:
        """Name of both."""
        return self.model.report


def report_of(name: str, /, study: Study | None = None) -> Report:
    """Find a report by name: one that ships, or one of the study's own.

    A report of one's own is ``<name>.ipynb`` beside ``study.yaml`` or in its folder ``notebooks``,
    and beside it ``<name>.py`` with a subclass of `Parameters` whose `report` is that name.

    Raises
    ------
    MappingError
        When there is no such report.
    ParameterError
        When the model beside a notebook cannot be loaded, or is none.
    """
    if name in REPORTS:
        return Report(shipped("notebooks", f"{name}.ipynb"), REPORTS[name])
    own = {path.stem: path for path in _own_notebooks(study)}
    if name in own and name != SUMMARY:
        return Report(own[name], _own_model(own[name]))
    there = [*REPORTS, *(stem for stem in own if stem not in REPORTS)]
    raise MappingError(
        f"There is no report {name!r}.{did_you_mean(name, there)} There are: {', '.join(there)}."
    )


def shipped_reports(study: Study, /) -> dict[str, Report]:
    """Return the reports that a study has where it lists none: those it declares enough for."""
    return {name: report_of(name) for name, model in REPORTS.items() if model.declared(study)}


def _own_notebooks(study: Study | None) -> list[Path]:
    if study is None:
        return []
    folder = study.path.parent
    return [
        path
        for path in (*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("notebooks/*.ipynb")))
        if path.with_suffix(".py").exists()
    ]


def _own_model(notebook: Path) -> type[Parameters]:
    path, name = notebook.with_suffix(".py"), notebook.stem
    spec = importlib.util.spec_from_file_location(
        f"journeykit_report_of_{path.parent}.{name}", path
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A model finds the types it names in its module, which must be known for that.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ParameterError(
            f"{path}: cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    models = [
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Parameters) and found.report == name
    ]
    if len(models) != 1:
        raise ParameterError(
            f"{path}: must hold one subclass of `journeykit.report.Parameters` with "
            f"`report: ClassVar[str] = {name!r}`; it holds {len(models) or 'none'}."
        )
    return models[0]
