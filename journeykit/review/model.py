"""What people believe of the journey, as a file says it: a claim, a metric and a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from journeykit.errors import StudyError
from journeykit.journeys.pattern import parse
from journeykit.study.basics import Names, one_or_many
from journeykit.study.models import Part
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml


def _readable(text: str) -> str:
    """Let through what the search language of journeys can read."""
    parse(text)
    return text


#: A touchpoint, or a pattern over touchpoints.
What = Annotated[str, Field(min_length=1), AfterValidator(_readable)]
Within = Annotated[float, Field(gt=0, le=36500)]
Threshold = Annotated[float, Field(allow_inf_nan=False)]


class ShareFollowed(Part):
    """Of the times that `of` occurs, the share followed by `followed_by` within so many days.

    With `count: first` only the first time of each customer counts.
    """

    of: What
    followed_by: What
    within_days: Within
    count: Literal["every", "first"] = "every"


class Reach(Part):
    """The share of all customers in whose journey `of` occurs while they are watched."""

    of: What


class StageShare(Part):
    """The share of the people on the ladder who are in a stage when the window ends."""

    stage: str


class SentimentOf(Part):
    """What customers said of touchpoints, or of all of a channel, from -1 to 1.

    The mean, or the share of the answers above 0 (`positive`); the answers of those who told.
    """

    touchpoint: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    channel: str | None = None
    measure: Literal["mean", "positive"] = "mean"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.touchpoint) == (self.channel is not None):
            raise ValueError("needs `touchpoint` or `channel`, one of them.")
        return self


class MedianDays(Part):
    """Days from the first `from` of a customer until half of them have come to `to`."""

    begin: Annotated[What, Field(alias="from")]
    end: Annotated[What, Field(alias="to")]


class Retention(Part):
    """The share still there so many days after the start, by the study's rule of leaving."""

    days: Within


class Metric(Part):
    """What the claim is about: one of these."""

    share: ShareFollowed | None = None
    reach: Reach | None = None
    stage: StageShare | None = None
    sentiment: SentimentOf | None = None
    median_days: MedianDays | None = None
    retention: Retention | None = None

    @property
    def kind(self) -> str:
        """Which one it is."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one(self) -> Self:
        known = tuple(type(self).model_fields)
        given = [name for name in known if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"needs one of {', '.join(known)}; got {', '.join(given) or 'none of them'}."
            )
        return self


#: From where to where a metric can be; others have no ends.
_SCALES = dict.fromkeys(("share", "reach", "stage", "retention"), (0.0, 1.0)) | {
    "sentiment": (-1.0, 1.0)
}


class Belief(Part):
    """A claim in people's own words, and from where on it is true.

    Attributes
    ----------
    claim : str
        As people say it.
    metric : Metric
    at_least, at_most : float, optional
        The claim is true from there on, or up to there; one of these or `between`.
    between : (float, float), optional
        The claim is true from the first to the second, both included.
    believed : float, optional
        The number that people have in mind; shown, not judged.
    segment : mapping of str to names
        Attributes, and the values that customers have whom the claim is about.
    owner : str
        Who believes it, or answers for it.
    """

    claim: Annotated[str, Field(min_length=1)]
    metric: Metric
    at_least: Threshold | None = None
    at_most: Threshold | None = None
    between: tuple[Threshold, Threshold] | None = None
    believed: Threshold | None = None
    segment: Annotated[dict[str, Names], Field(default_factory=dict)]
    owner: str = ""

    @property
    def range(self) -> tuple[float, float]:
        """From where to where the claim is true; infinite where only one end is declared."""
        if self.between is not None:
            return self.between
        low = -float("inf") if self.at_least is None else self.at_least
        return low, float("inf") if self.at_most is None else self.at_most

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        given = [self.at_least, self.at_most, self.between]
        if sum(value is not None for value in given) != 1:
            raise ValueError(
                "needs `at_least`, `at_most` or `between`, one of them: from where on is it true?"
            )
        if self.between is not None and self.between[0] >= self.between[1]:
            raise ValueError(
                f"needs `between` to rise; got {self.between[0]:g} and {self.between[1]:g}."
            )
        return self

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        low, high = _SCALES.get(self.metric.kind, (-float("inf"), float("inf")))
        given = [self.at_least, self.at_most, *(self.between or ()), self.believed]
        outside = [value for value in given if value is not None and not low <= value <= high]
        if outside:
            raise ValueError(
                f"has {outside[0]:g} for a metric that runs from {low:g} to {high:g}; half of them "
                "is 0.5."
            )
        return self


def read_beliefs(path: str | Path, /) -> Mapping[str, Belief]:
    """Read what people believe from a YAML file: a mapping of names to beliefs.

    Such as ``app: {claim: "All see the app", metric: {reach: {of: app_session}}, at_least: 0.9}``.
    Patterns are those of `journeykit.journeys.pattern`; nothing in the file is executed.

    Parameters
    ----------
    path : str or Path
        Such as ``study.file("beliefs")``.

    Raises
    ------
    StudyError
        Every mistake in the file, with its key path, what came and the mend.
    """
    file = Path(path)
    given = read_yaml(file, keys="`name_of_a_belief:`")
    found, wrong = {}, []
    for name, value in given.items():
        try:
            found[name] = TypeAdapter(Belief).validate_python(value)
        except ValidationError as error:
            wrong += [f"{name}: {line}" for line in problems(error, model=Belief)]
    if wrong:
        raise StudyError(f"{file}:\n  " + "\n  ".join(wrong))
    return MappingProxyType(found)
