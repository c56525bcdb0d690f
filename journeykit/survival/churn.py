"""What counts as leaving, and from when a customer's clock runs: declared, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from journeykit.checks import check_choice, check_positive
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from journeykit.study.models import Churn


@dataclass(frozen=True, slots=True)
class Inactivity:
    """Churn is the first silence of more than `threshold_days`; exactly that long is not churn.

    Attributes
    ----------
    threshold_days : float
        Elapsed days, above 0.
    dated_at : {"last_activity", "declaration"}
        When it happened: at the last activity before that silence, or `threshold_days` later,
        when the firm could first know.
    """

    threshold_days: float
    dated_at: Literal["last_activity", "declaration"] = "last_activity"

    def __post_init__(self) -> None:
        """Check the threshold and the word."""
        check_positive("threshold_days", self.threshold_days)
        check_choice("dated_at", self.dated_at, ("last_activity", "declaration"))


@dataclass(frozen=True, slots=True)
class EndTouchpoint:
    """Churn is the first event at `touchpoint`, such as a cancellation.

    Or what one waits for: with a purchase as `touchpoint` lifetimes are times to convert, and
    those censored are the journeys still open.
    """

    touchpoint: str


@dataclass(frozen=True, slots=True)
class EndAttribute:
    """Churn is the time in an attribute, such as a contract's end; empty means not ended.

    Attributes
    ----------
    attribute : str
    cause : str, optional
        Attribute that says which of several ends it was, such as where the customer went. An end
        without one is of the cause ``(unknown)``.
    """

    attribute: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class FirstOf:
    """Churn is the first of several ends, which compete: who left by one cannot by another.

    Attributes
    ----------
    ends : mapping of str to EndTouchpoint or EndAttribute
        By the name of the cause. Of two ends at the same time the one named first counts. Times
        to convert are a case of it: ``FirstOf({"bought": EndTouchpoint("purchase"), "left":
        EndTouchpoint("unsubscribe")})``.
    """

    ends: Mapping[str, EndTouchpoint | EndAttribute]

    def __post_init__(self) -> None:
        """Freeze the ends and check what they are."""
        object.__setattr__(self, "ends", MappingProxyType(dict(self.ends)))
        if len(self.ends) < 2:
            raise ArgumentError(
                f"`FirstOf` needs two ends or more; got {list(self.ends)!r}. Give a single end as "
                "the churn rule itself."
            )
        for name, end in self.ends.items():
            if not isinstance(end, EndTouchpoint | EndAttribute):
                raise ArgumentError(
                    "`FirstOf` takes ends whose time is in the data, EndTouchpoint or "
                    f"EndAttribute; got {end!r} for {name!r}."
                )
            if isinstance(end, EndAttribute) and end.cause is not None:
                raise ArgumentError(
                    f"In `FirstOf` the name {name!r} is the cause; leave out `cause` of its "
                    "EndAttribute."
                )


@dataclass(frozen=True, slots=True)
class StartTouchpoint:
    """A customer's clock starts with the first event at `touchpoint`."""

    touchpoint: str


@dataclass(frozen=True, slots=True)
class StartAttribute:
    """A customer's clock starts at the time in an attribute, such as the day of signing up."""

    attribute: str


ChurnRule = Inactivity | EndTouchpoint | EndAttribute | FirstOf
Start = StartTouchpoint | StartAttribute


def churn_rule(declared: Churn, /) -> ChurnRule:
    """Turn the `churn` of a study into the rule that `lifetimes` takes.

    Parameters
    ----------
    declared : Churn
        ``study.churn``.
    """
    if declared.rule == "touchpoint":
        assert declared.touchpoint is not None, "the study's model requires it"
        return EndTouchpoint(declared.touchpoint)
    if declared.rule == "contract_end":
        assert declared.attribute is not None, "the study's model requires it"
        return EndAttribute(declared.attribute, declared.cause)
    assert declared.threshold_days is not None, "the study's model requires it"
    return Inactivity(declared.threshold_days, declared.dated_at)


def churn_start(declared: Churn, /) -> Start | None:
    """Turn the `start` of a study's `churn` into the one that `lifetimes` takes.

    None means the first activity.
    """
    if declared.start is None:
        return None
    if declared.start.touchpoint is not None:
        return StartTouchpoint(declared.start.touchpoint)
    assert declared.start.attribute is not None, "the study's model requires it"
    return StartAttribute(declared.start.attribute)
