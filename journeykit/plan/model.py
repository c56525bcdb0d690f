"""What a planned journey may say: steps, in which order, by when, and what is promised."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from journeykit.study.basics import Names, one_or_many
from journeykit.study.models import Part

Deadline = Annotated[float, Field(gt=0, le=36500)]
Touchpoints = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]


class Promise(Part):
    """What the firm promises after a step: one of `touchpoints` within so many elapsed days."""

    touchpoints: Names
    within_days: Deadline


class Step(Part):
    """One step of the plan.

    Attributes
    ----------
    step : str
        Its name, once in a plan.
    touchpoints : tuple of str
        An event at any of them is the step; by default the touchpoint of the step's name.
    failed_by : tuple of str
        Touchpoints that say the step was tried and failed.
    optional, repeat : bool
        It may be left out; it may come more than once in a row.
    within_days : float, optional
        Deadline: at most so many elapsed days after the planned step before it, or after the
        beginning of the case where it is the first.
    due : str, optional
        Event column with the time at which each event of the step was due; empty where none was.
    promise : Promise, optional
    owner, channel, proposition : str
        Who answers for it, where it takes place, and what it is worth to the customer.
    phase, initiator, recipient : str
        Which part of the journey it belongs to, who begins it, and who is addressed.
    """

    step: Annotated[str, Field(min_length=1)]
    touchpoints: Touchpoints = ()
    failed_by: Touchpoints = ()
    optional: bool = False
    repeat: bool = False
    within_days: Deadline | None = None
    due: str | None = None
    promise: Promise | None = None
    owner: str = ""
    channel: str = ""
    proposition: str = ""
    phase: str = ""
    initiator: str = ""
    recipient: str = ""

    @property
    def seen_as(self) -> tuple[str, ...]:
        """The touchpoints at which an event is this step."""
        return self.touchpoints or (self.step,)


class InOrder(Part):
    """Parts one after the other."""

    in_order: Annotated[tuple[Node, ...], Field(min_length=1)]
    optional: bool = False
    repeat: bool = False


class Together(Part):
    """Parts all of which come, in any order and interleaved."""

    together: Annotated[tuple[Node, ...], Field(min_length=2)]
    optional: bool = False
    repeat: bool = False


class Choice(Part):
    """Parts of which one comes."""

    choice: Annotated[tuple[Node, ...], Field(min_length=2)]
    optional: bool = False
    repeat: bool = False


def _kind(value: Any) -> str:
    kinds = ("in_order", "together", "choice")
    given = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return next((kind for kind in kinds if kind in given), "step")


def _node(value: object) -> object:
    """Let a name stand for a step, and a list for parts in order."""
    if isinstance(value, str):
        return {"step": value}
    return {"in_order": value} if isinstance(value, list | tuple) else value


Node = Annotated[
    Annotated[Step, Tag("step")]
    | Annotated[InOrder, Tag("in_order")]
    | Annotated[Together, Tag("together")]
    | Annotated[Choice, Tag("choice")],
    Discriminator(_kind),
    BeforeValidator(_node),
]


class Failed(Part):
    """That a step failed, where an event column says so: one of `values` in `column`."""

    column: str
    values: Names


class Plan(Part):
    """A planned journey.

    Attributes
    ----------
    name, title, owner, proposition : str
    steps : tuple of Step, InOrder, Together or Choice
        In order.
    pause_days : float, optional
        Cases end at a pause of more elapsed days; without it a customer is one case.
    reaches : tuple of str
        Cases are those with an event at one of these touchpoints; without it all that touch the
        plan.
    ends : tuple of str
        An event at one of these touchpoints says that the case before it is over, such as a
        course's end. It is no step.
    beside : tuple of str
        Touchpoints that may come at any time and are no deviation, such as mails.
    failed : Failed, optional
    """

    name: Annotated[str, Field(min_length=1)]
    title: str = ""
    owner: str = ""
    proposition: str = ""
    steps: Annotated[tuple[Node, ...], Field(min_length=1)]
    pause_days: Deadline | None = None
    reaches: Touchpoints = ()
    ends: Touchpoints = ()
    beside: Touchpoints = ()
    failed: Failed | None = None

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Every step, in the order in which the plan names them."""
        return tuple(_steps(self.steps))

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [step.step for step in self.all_steps]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"needs a name of its own for each step; twice: {', '.join(twice)}.")
        return self


def _steps(nodes: tuple[Any, ...]) -> list[Step]:
    found: list[Step] = []
    for node in nodes:
        if isinstance(node, Step):
            found.append(node)
        else:
            found += _steps(getattr(node, _kind(node)))
    return found


for _model in (InOrder, Together, Choice, Plan):
    _model.model_rebuild()
