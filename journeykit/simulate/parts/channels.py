"""What the firm and others send a customer's way, and who is held out of it by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.parts.calendar import Rhythm
from journeykit.simulate.past import Drawn, Touches
from journeykit.simulate.tables import ACTORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.simulate.past import Past

#: Days before the window in which touches may lie that still work in it.
BEFORE_DAYS = 60.0

Positive = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Channel(BaseModel):
    """How often customers meet a touchpoint.

    Parameters
    ----------
    touches_a_day : float
        For a customer of average intent, at a season's factor of 1.
    intent_slope : float
        Rise of the logarithm of the rate by a standard deviation of hidden intent: with a slope,
        who meets the touchpoint is confounded with who buys.
    reaches : {"all", "subscriber", "app_user"}
    holdout : float
        Share of customers who are held out by chance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    touches_a_day: Positive
    intent_slope: float = 0.0
    reaches: Literal["all", "subscriber", "app_user"] = "all"
    holdout: Share = 0.0
    actor: Literal["customer", "automatic", "human"] = "automatic"


class ChannelsTruth(Truth):
    """What is true of the channels.

    Attributes
    ----------
    rates : mapping of str to float
        Touches a day of an eligible customer of average intent at a season's factor of 1.
    intent_slopes : mapping of str to float
    mediated : mapping of str to mapping of str to float
        Probability that a touch of the first brings about one of the second.
    holdouts : mapping of str to float
        Probability to be held out.
    """

    rates: dict[str, float]
    intent_slopes: dict[str, float]
    mediated: dict[str, dict[str, float]]
    holdouts: dict[str, float]


class Channels(Part):
    """Touches of the channels.

    Customer i meets touchpoint c as a Poisson process with rate
    ``touches_a_day[c] * exp(slope[c] * intent_i - slope[c]^2 / 2) * season(week) * shock(region,
    week)``, from entry on, where c reaches i: touches gather at the peaks of the season. A touch of
    c brings about one of m with probability ``mediated[c][m]``, after an exponential delay with
    mean `mediated_days`. Customers held out of c meet no touch of c; their would-be touches are
    ghosts, and bring about nothing.

    Parameters
    ----------
    touchpoints : mapping of str to Channel
    mediated : mapping of str to mapping of str to float
        One step deep: what is brought about brings about nothing.
    mediated_days : float
    """

    name: ClassVar[str] = "channels"
    touchpoints: dict[str, Channel] = {
        "email_promo": Channel(touches_a_day=0.006, reaches="subscriber", holdout=0.1),
        "ad_impression": Channel(touches_a_day=0.004, intent_slope=0.3, holdout=0.1),
        "catalog_mailed": Channel(touches_a_day=0.002, holdout=0.1),
        "sms_sent": Channel(touches_a_day=0.004, reaches="app_user", holdout=0.1),
        "app_session": Channel(touches_a_day=0.003, reaches="app_user", actor="customer"),
        "influencer_referral": Channel(touches_a_day=0.0006, intent_slope=0.4, actor="customer"),
        "social_owned_touch": Channel(touches_a_day=0.002, holdout=0.1, actor="customer"),
        "review_read": Channel(touches_a_day=0.0015, intent_slope=1.0, actor="customer"),
    }
    mediated: dict[str, dict[str, Share]] = {"sms_sent": {"app_session": 0.5}}
    mediated_days: Annotated[float, Field(gt=0)] = 0.5

    @model_validator(mode="after")
    def _one_step(self) -> Self:
        reached = {name for effects in self.mediated.values() for name in effects}
        if unknown := sorted({*self.mediated, *reached} - {*self.touchpoints}):
            raise ValueError(f"`mediated` names {', '.join(unknown)}, which is no touchpoint here")
        if chained := sorted(reached & {*self.mediated}):
            raise ValueError(f"`mediated` may not go on from {', '.join(chained)} to another")
        return self

    def draw(self, past: Past, /) -> Drawn:
        """Draw the touches, who is held out, and the first exposures of experiments."""
        rhythm = Rhythm(past)
        drawn, ghosts = {}, {}
        out = {name: self._held_out(past, name) for name in self.touchpoints}
        for name in self.touchpoints:
            touches = self._touches(past, rhythm, name)
            held = out[name][touches.who]
            drawn[name], ghosts[name] = touches.keep(~held), touches.keep(held)
        for cause, effects in self.mediated.items():
            for name, share in effects.items():
                more = self._brought_about(past, drawn[cause], name, share)
                held = out[name][more.who]
                drawn[name] = _merged(drawn[name], more.keep(~held))
                ghosts[name] = _merged(ghosts[name], more.keep(held))
        tables = [
            _experiment(past, name, channel.holdout, out[name], drawn[name], ghosts[name])
            for name, channel in self.touchpoints.items()
            if channel.holdout > 0
        ]
        return Drawn(
            touches=tuple(drawn.values()),
            traits={f"held out of {name}": held for name, held in out.items()},
            tables={
                kind: {key: np.concatenate([table[kind][key] for table in tables]) for key in keys}
                for kind, keys in _KEYS.items()
                if tables
            },
        )

    def _held_out(self, past: Past, name: str) -> NDArray[np.bool_]:
        held: NDArray[np.bool_] = (
            past.draws.uniform(f"channels.{name}.held out") < self.touchpoints[name].holdout
        )
        return held

    def _touches(self, past: Past, rhythm: Rhythm, name: str) -> Touches:
        channel, slope = self.touchpoints[name], self.touchpoints[name].intent_slope
        rate = channel.touches_a_day * np.exp(slope * past.trait("intent") - slope**2 / 2)
        if channel.reaches != "all":
            rate = rate * past.trait(channel.reaches)
        begin = np.maximum(past.trait("entry"), -BEFORE_DAYS)
        found = past.draws.candidates(f"channels.{name}", rate, begin, past.days, rhythm.most)
        found = found.keep(found.height < rhythm.of_week(found.who, found.time))
        columns = {
            "number": 2 * found.number,
            "cause": np.full(len(found.who), -1),
            "actor": np.full(len(found.who), ACTORS.index(channel.actor)),
        }
        return Touches.of(name, found.who, found.time, columns)

    def _brought_about(self, past: Past, cause: Touches, name: str, share: float) -> Touches:
        stream, number = f"channels.{cause.name}.{name}", cause.columns["number"]
        draws, by = past.draws, list(self.touchpoints).index(cause.name)
        happens = draws.uniform(stream, who=cause.who, number=number) < share
        delay = draws.exponential(f"{stream}.delay", who=cause.who, number=number)
        columns = {
            # Touches that come by themselves have even numbers.
            "number": 2 * (number * len(self.touchpoints) + by) + 1,
            "cause": np.full(len(number), by),
            "actor": np.full(len(number), ACTORS.index(self.touchpoints[name].actor)),
        }
        touches = Touches(name, cause.who, cause.time + self.mediated_days * delay, columns)
        kept = touches.keep(happens)
        return Touches.of(name, kept.who, kept.time, kept.columns)

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> ChannelsTruth:  # noqa: ARG002
        """Return the parameters."""
        return ChannelsTruth(
            rates={name: channel.touches_a_day for name, channel in self.touchpoints.items()},
            intent_slopes={
                name: channel.intent_slope for name, channel in self.touchpoints.items()
            },
            mediated=self.mediated,
            holdouts={name: channel.holdout for name, channel in self.touchpoints.items()},
        )


#: Columns of the tables of an experiment.
_KEYS = {
    "assignments": ("who", "experiment", "arm", "probability", "eligible_time"),
    "exposures": ("who", "experiment", "eligible_time", "exposed_time", "ghost"),
}


def _merged(first: Touches, second: Touches) -> Touches:
    columns = {
        key: np.concatenate([first.columns[key], second.columns[key]]) for key in first.columns
    }
    who = np.concatenate([first.who, second.who])
    return Touches.of(first.name, who, np.concatenate([first.time, second.time]), columns)


def _experiment(
    past: Past,
    name: str,
    holdout: float,
    out: NDArray[np.bool_],
    drawn: Touches,
    ghosts: Touches,
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return who is held out of a channel, and the first touch each had or would have had."""
    eligible = np.maximum(past.trait("entry"), 0.0)
    there = np.flatnonzero(eligible < past.trait("exit"))
    both = [
        touches.keep(
            (touches.time >= eligible[touches.who])
            & (touches.time < past.trait("exit")[touches.who])
        )
        for touches in (drawn, ghosts)
    ]
    first = [np.unique(touches.who, return_index=True) for touches in both]
    who = np.concatenate([customers for customers, _ in first])
    exposed = [touches.time[at] for touches, (_, at) in zip(both, first, strict=True)]
    return {
        "assignments": {
            "who": there,
            "experiment": np.full(len(there), name, dtype=object),
            "arm": np.where(out[there], "holdout", "treated").astype(object),
            "probability": np.where(out[there], holdout, 1 - holdout),
            "eligible_time": eligible[there],
        },
        "exposures": {
            "who": who,
            "experiment": np.full(len(who), name, dtype=object),
            "eligible_time": eligible[who],
            "exposed_time": np.concatenate(exposed),
            "ghost": out[who],
        },
    }
