"""A study: one file that names the data, what its columns mean, and the questions asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from journeykit.checks import did_you_mean
from journeykit.errors import MappingError, StudyError
from journeykit.shipped import shipped
from journeykit.study.basics import Moment
from journeykit.study.catalogue import Catalogue, read_catalogue
from journeykit.study.models import Churn, Outcome, StudyModel
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from journeykit.events import EventLog
    from journeykit.journeys import Journeys

FILE = "study.yaml"


@dataclass(frozen=True, slots=True)
class Study:
    """A checked study; nothing has been read but its own file and its catalogue.

    Attributes
    ----------
    path : Path
        Its file.
    model : StudyModel
        Everything the file says, typed.
    catalogue : Catalogue
        What each touchpoint is; empty where the study has none.
    """

    path: Path
    model: StudyModel
    catalogue: Catalogue

    @property
    def name(self) -> str:
        """Name for folders and lists."""
        return self.model.name

    @property
    def title(self) -> str:
        """Name for readers."""
        return self.model.title or self.model.name

    @property
    def window(self) -> tuple[Moment, Moment] | None:
        """The span that is studied, [from, to), or None for all there is."""
        window = self.model.window
        return (window.start, window.end) if window else None

    @property
    def window_text(self) -> str:
        """The span in words, or the empty text."""
        return f"{self.window[0]} up to {self.window[1]}" if self.window else ""

    @property
    def outcome(self) -> Outcome:
        """What counts as success.

        Raises
        ------
        StudyError
            When the study does not say.
        """
        if self.model.outcome is None:
            raise StudyError(f"{self.path}: `outcome` is missing; say which `conversions` count.")
        return self.model.outcome

    @property
    def churn(self) -> Churn:
        """What counts as leaving.

        Raises
        ------
        StudyError
            When the study does not say; it is never guessed.
        """
        if self.model.churn is None:
            raise StudyError(f"{self.path}: `churn` is missing; declare the rule that counts.")
        return self.model.churn

    @property
    def reports(self) -> Mapping[str, Mapping[str, str | None]]:
        """Reports to make, with their parameters as text."""
        return self.model.reports

    def read(self) -> EventLog:
        """Read and validate the events, identities stitched where the study declares them."""
        from journeykit.study.reading import read

        return read(self)

    def journeys(self) -> Journeys:
        """Return the journeys of the study, built once for each state of data and mapping.

        The built journeys lie in the cache folder (``JOURNEYKIT_CACHE``, or the user's own) and are
        mapped into memory from there.
        """
        from journeykit.study.cache import cached_journeys

        return cached_journeys(self)

    def spend(self) -> pd.DataFrame:
        """Return what each channel cost in the window: `channel cost`, in the unit of the table.

        Raises
        ------
        StudyError
            When the study does not say.
        DataError
            When a channel, a cost or a day is missing or unreadable.
        """
        from journeykit.study.marketing import read_spend

        return read_spend(self)

    def assignments(self) -> pd.DataFrame:
        """Return who was held out of what by chance: `customer_id channel held_out`.

        Raises
        ------
        StudyError
            When the study does not say.
        DataError
            When a customer has two arms in one channel, nobody is held out, or a field is missing.
        """
        from journeykit.study.marketing import read_assignments

        return read_assignments(self)

    def sentiment(self) -> pd.DataFrame:
        """Return what customers said of touches: `customer_id event_time touchpoint score`.

        `score` runs from -1, the worst that can be said, to 1, the best; times are UTC. Answers
        outside the window are left out.

        Raises
        ------
        StudyError
            When the study does not say.
        DataError
            When a field is missing, a time unreadable, or a score outside its ends.
        """
        from journeykit.study.companions import read_sentiment

        return read_sentiment(self)

    def external_events(self) -> pd.DataFrame:
        """Return what happened outside, in order of time: `event_time kind scope note`.

        Raises
        ------
        StudyError
            When the study does not say.
        DataError
            When a field is missing or a time unreadable.
        """
        from journeykit.study.companions import read_external_events

        return read_external_events(self)

    def file(self, key: str, /) -> Path:
        """Return the file that `portfolio`, `strategy` or `beliefs` names.

        Raises
        ------
        StudyError
            When the study names none, or there is no such file.
        """
        from journeykit.study.companions import named_files

        found = named_files(self, key)
        if not found:
            raise StudyError(f"{self.path}: `{key}` is missing; name a file beside the study.")
        return found[0]

    def plan_files(self) -> tuple[Path, ...]:
        """Return the files of the planned journeys, in the order of the study; may be none.

        Raises
        ------
        StudyError
            When there is no such file.
        """
        from journeykit.study.companions import named_files

        return named_files(self, "plans")

    def __repr__(self) -> str:
        """Return one line: name and file."""
        return f"<Study {self.name}: {self.path}>"


def load_study(path: str | Path, /) -> Study:
    """Read and check a study; its data is not touched yet.

    Parameters
    ----------
    path : str or Path
        A study file, the folder with its ``study.yaml``, or the name of a study that ships.

    Raises
    ------
    StudyError
        Every mistake in the file, with its key path, what came and the mend.
    """
    file = _find(Path(path))
    given = read_yaml(file)
    try:
        model = StudyModel.model_validate(given)
    except ValidationError as error:
        lines = "\n  ".join(problems(error, model=StudyModel))
        raise StudyError(f"{file}:\n  {lines}") from error
    catalogue = read_catalogue(file.parent / model.catalogue) if model.catalogue else Catalogue()
    return Study(file, model, catalogue)


def _find(path: Path) -> Path:
    if path.is_dir():
        file = path / FILE
        if not file.exists():
            raise StudyError(f"{path}: has no {FILE}.")
        return file.resolve()
    if path.exists():
        return path.resolve()
    try:
        return shipped("data", str(path), FILE)
    except MappingError:
        names = [folder.parent.name for folder in shipped("data").glob(f"*/{FILE}")]
        raise StudyError(
            f"There is no study file {path}, and no study of that name ships."
            f"{did_you_mean(path, names)} Studies that ship: {', '.join(names)}."
        ) from None
