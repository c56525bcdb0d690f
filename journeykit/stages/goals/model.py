"""What a portfolio says: the journeys that customers make, each with where it begins and ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from journeykit.errors import StudyError
from journeykit.study.basics import Names, one_or_many
from journeykit.study.models import Part
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml

Elapsed = Annotated[float, Field(gt=0, le=36500)]
Touchpoints = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
#: A text with one of these is a pattern; without, it is the name of a touchpoint.
_OF_PATTERNS = frozenset(">|!*+^$()[]{}`")


def _begins(value: object) -> object:
    """Read touchpoints, or a pattern as it is written."""
    if isinstance(value, str):
        return value if set(value) & _OF_PATTERNS else (value,)
    return value


class GoalJourney(Part):
    """A kind of journey with a goal, of which a customer may make many.

    Attributes
    ----------
    start : tuple of str, or str
        Touchpoints at which one begins while none of its kind is open. A text with signs of the
        search language is a pattern: it begins where a match ends, since only then is it known.
    goal, abandon : tuple of str
        Touchpoints that end it: with success, and given up.
    timeout_days : float, optional
        Elapsed days without an event of its own after which it has timed out.
    within_days : float, optional
        Elapsed days since its start after which it has timed out, whatever goes on. At least one
        of both must be given.
    horizon_days : float, optional
        Success is judged at this many days since the start, at most `within_days`.
    steps : tuple of str
        Further touchpoints that belong to it. Without, all that no kind of journey names.
    column : str, optional
        Event column with the id of a case: then only events with one id make a journey.
    cost : str, optional
        Event column that is summed up.
    owner, title : str
    """

    start: Annotated[tuple[str, ...] | str, BeforeValidator(_begins), Field(min_length=1)]
    goal: Names
    abandon: Touchpoints = ()
    timeout_days: Elapsed | None = None
    within_days: Elapsed | None = None
    horizon_days: Elapsed | None = None
    steps: Touchpoints = ()
    column: str | None = None
    cost: str | None = None
    owner: str = ""
    title: str = ""

    @property
    def starts(self) -> tuple[str, ...]:
        """Touchpoints at which it begins; none where a pattern says it."""
        return self.start if isinstance(self.start, tuple) else ()

    @property
    def named(self) -> frozenset[str]:
        """All touchpoints that it names."""
        return frozenset({*self.starts, *self.goal, *self.abandon, *self.steps})

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.timeout_days is None and self.within_days is None:
            raise ValueError(
                "needs `timeout_days` (days of silence), `within_days` (days since the start) or "
                "both: without, nobody can say that a journey has failed."
            )
        if self.within_days and self.horizon_days and self.horizon_days > self.within_days:
            raise ValueError(
                f"needs `horizon_days` of at most `within_days`, {self.within_days:g}; got "
                f"{self.horizon_days:g}. After that none is running."
            )
        for one, other in (("start", "goal"), ("start", "abandon"), ("goal", "abandon")):
            first = self.starts if one == "start" else getattr(self, one)
            both = sorted({*first} & {*getattr(self, other)})
            if both:
                raise ValueError(
                    f"names {both[0]!r} under `{one}` and under `{other}`; it can be only one."
                )
        return self


class JourneyTypes(Part):
    """The kinds of journeys of a portfolio.

    Attributes
    ----------
    journeys : dict of str to GoalJourney
        By name, in the order of the file.
    path : str
        File they were read from, for messages.
    """

    journeys: Annotated[dict[Annotated[str, Field(min_length=1)], GoalJourney], Field(min_length=1)]
    path: str = ""

    def where(self, name: str, key: str, /) -> str:
        """Name a key of a kind of journey, with its file, as messages do."""
        return f"{self.path}: {name}.{key}" if self.path else f"{name}.{key}"


def read_portfolio(path: str | Path, /) -> JourneyTypes:
    """Read the kinds of journeys that customers make from a YAML file.

    The file maps the name of each kind to the keys of `GoalJourney`; see there.

    Raises
    ------
    StudyError
        Every mistake in the file, with its key, what came and the mend.

    Examples
    --------
    A file with one kind, ``buy: {start: view_product, goal: thank_you_page, timeout_days: 14}``:

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "journeys.yaml")
    >>> _ = file.write_text("buy: {start: view_product, goal: thank_you_page, timeout_days: 14}")
    >>> read_portfolio(file).journeys["buy"].goal
    ('thank_you_page',)
    """
    file = Path(path)
    given = read_yaml(file, keys="`buy:`, each with `start:`, `goal:` and `timeout_days:`")
    found, wrong = {}, []
    for name, keys in given.items():
        if not isinstance(keys, dict) or not name:
            wrong.append(
                f"`{name or ''}` must be a name with a group of keys such as `start:`, `goal:` and "
                f"`timeout_days:`; got {keys!r}."
            )
            continue
        try:
            found[name] = GoalJourney.model_validate(keys)
        except ValidationError as error:
            wrong += [_placed(name, said) for said in problems(error, model=GoalJourney)]
    if wrong:
        lines = "\n  ".join(wrong)
        raise StudyError(f"{file}:\n  {lines}")
    return JourneyTypes(journeys=found, path=str(file))


def _placed(name: str, said: str) -> str:
    """Put the name of the journey before the key of a message."""
    return f"`{name}.{said[1:]}" if said.startswith("`") else f"`{name}` {said}"
