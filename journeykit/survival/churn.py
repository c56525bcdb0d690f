"""What counts as leaving, and from when a customer's clock runs: declared, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from journeykit.checks import check_choice, check_positive

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
    """Churn is the first event at `touchpoint`, such as a cancellation."""

    touchpoint: str


@dataclass(frozen=True, slots=True)
class EndAttribute:
    """Churn is the time in an attribute, such as a contract's end; empty means not ended."""

    attribute: str


@dataclass(frozen=True, slots=True)
class StartTouchpoint:
    """A customer's clock starts with the first event at `touchpoint`."""

    touchpoint: str


@dataclass(frozen=True, slots=True)
class StartAttribute:
    """A customer's clock starts at the time in an attribute, such as the day of signing up."""

    attribute: str


ChurnRule = Inactivity | EndTouchpoint | EndAttribute
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
        return EndAttribute(declared.attribute)
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
