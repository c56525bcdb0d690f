"""Who the customers are: segment, region, hidden persona, intent, activity, and when they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator
from scipy.special import expit, ndtri

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.past import Drawn, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.draws import Floats
    from journeykit.simulate.past import Past

SEGMENTS = ("household", "landlord", "business", "senior")
PERSONAS = ("researcher", "bargain hunter", "decided")
AGES = ("18-29", "30-44", "45-59", "60+")
INCOMES = ("low", "middle", "high")
#: Share of each age band, by segment.
_AGES_OF = np.array(
    [[0.2, 0.4, 0.3, 0.1], [0.05, 0.4, 0.45, 0.1], [0.1, 0.5, 0.35, 0.05], [0, 0, 0, 1]]
)

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]


class PopulationTruth(Truth):
    """What is true of the customers.

    Attributes
    ----------
    segments, personas : mapping of str to float
        Expected shares.
    income_missing : mapping of str to float
        Probability that a customer's income is not known, by income.
    """

    segments: dict[str, float]
    personas: dict[str, float]
    income_missing: dict[str, float]


class Population(Part):
    """The customers.

    A customer's activity is lognormal with mean 1, cut off at `activity_cap`; intent is standard
    normal and never seen. Those who entered before the first day did so within a year.

    Parameters
    ----------
    segments, personas : mapping of str to float
        Shares; they are made to sum to 1.
    regions : int
        Number of regions; region k has a share in proportion to 1 / (k + 4).
    activity_sigma, activity_cap : float
        Spread of the logarithm of activity, and its largest value.
    entered_before : float
        Share of customers who entered before the world's first day: late entry.
    subscriber, app_user : float
        Shares.
    income_missing, income_missing_slope : float
        Probability that a middle income is not known, and how its log odds rise by income band:
        with a slope, income is missing not at random.
    dropout_a_year, dropout_slope : float
        Rate at which customers stop being observed, and how its logarithm rises with the customer's
        readiness to leave: with a slope, censoring is informative.
    """

    name: ClassVar[str] = "population"
    segments: dict[str, Positive] = {
        "household": 0.55, "landlord": 0.15, "business": 0.12, "senior": 0.18,
    }  # fmt: skip
    personas: dict[str, Positive] = {"researcher": 0.40, "bargain hunter": 0.35, "decided": 0.25}
    regions: Annotated[int, Field(ge=1, le=200)] = 24
    activity_sigma: Positive = 0.9
    activity_cap: Positive = 20.0
    entered_before: Share = 0.25
    subscriber: Share = 0.7
    app_user: Share = 0.35
    income_missing: Share = 0.2
    income_missing_slope: float = 0.8
    dropout_a_year: Positive = 0.0
    dropout_slope: float = 0.0

    @field_validator("segments")
    @classmethod
    def _segments_exist(cls, given: dict[str, float]) -> dict[str, float]:
        return _checked(given, SEGMENTS)

    @field_validator("personas")
    @classmethod
    def _personas_exist(cls, given: dict[str, float]) -> dict[str, float]:
        return _checked(given, PERSONAS)

    def draw(self, past: Past, /) -> Drawn:
        """Draw the traits of the customers, and their table."""
        draws = past.draws
        segment = draws.choice("segment", _shares(self.segments, SEGMENTS))
        age = _by_row(draws.uniform("age"), _AGES_OF[segment])
        wealth = draws.uniform("income")
        income = np.searchsorted([0.3, 0.8], wealth).astype(np.int64)
        unknown = draws.uniform("income.missing") < self._missing(income)
        entry = np.where(
            draws.uniform("entry.before") < self.entered_before,
            -365.0 * draws.uniform("entry"),
            max(past.days - 90.0, 0.0) * draws.uniform("entry"),
        )
        readiness = draws.normal("readiness")
        rate = self.dropout_a_year / 365.25 * np.exp(self.dropout_slope * readiness)
        with np.errstate(divide="ignore"):
            dropout = np.maximum(entry, 0) + draws.exponential("dropout") / rate
        exit_day = whole_seconds(np.minimum(dropout, float(past.days)))
        traits = {
            "segment": segment,
            "region": draws.choice("region", 1 / (np.arange(self.regions) + 4.0)),
            "persona": draws.choice("persona", _shares(self.personas, PERSONAS)),
            "intent": draws.normal("intent"),
            "readiness": readiness,
            "activity": self._activity(draws.uniform("activity")),
            "subscriber": draws.uniform("subscriber") < self.subscriber,
            "app_user": draws.uniform("app user") < self.app_user,
            "entry": whole_seconds(entry),
            "exit": exit_day,
        }
        return Drawn(
            traits=traits,
            tables={
                "customers": {
                    "who": np.arange(past.n),
                    "segment": np.array(SEGMENTS)[segment],
                    "region": np.array(region_names(self.regions))[traits["region"]],
                    "age": np.array(AGES)[age],
                    "income": np.where(unknown, "", np.array(INCOMES)[income]),
                    "household_size": 1 + draws.choice("household", [0.3, 0.35, 0.15, 0.15, 0.05]),
                    "subscriber": traits["subscriber"],
                    "app_user": traits["app_user"],
                    "entry_time": traits["entry"],
                    "exit_time": np.where(exit_day < past.days, exit_day, np.nan),
                }
            },
            hidden={
                "customers": {
                    "who": np.arange(past.n),
                    "persona": np.array(PERSONAS)[traits["persona"]],
                    "intent": traits["intent"],
                    "readiness": readiness,
                    "activity": traits["activity"],
                    "income": np.array(INCOMES)[income],
                }
            },
        )

    def _missing(self, income: object) -> Floats:
        with np.errstate(divide="ignore"):
            middle = np.log(self.income_missing) - np.log1p(-self.income_missing)
        missing: Floats = expit(middle + self.income_missing_slope * (np.asarray(income) - 1.0))
        return missing

    def _activity(self, uniform: Floats) -> Floats:
        spread = self.activity_sigma
        drawn: Floats = np.exp(spread * ndtri(uniform) - spread**2 / 2)
        return np.minimum(drawn, self.activity_cap)

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> PopulationTruth:  # noqa: ARG002
        """Return the expected shares."""
        return PopulationTruth(
            segments=_fractions(self.segments, SEGMENTS),
            personas=_fractions(self.personas, PERSONAS),
            income_missing=dict(zip(INCOMES, self._missing(np.arange(3)).tolist(), strict=True)),
        )


def region_names(n: int, /) -> list[str]:
    """Return the names of the regions, which sort by number."""
    return [f"region {k + 1:02}" for k in range(n)]


def _checked(given: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    """Refuse shares of what does not exist, and shares of nothing."""
    unknown = set(given) - set(names)
    if unknown or not sum(given.values()) > 0:
        raise ValueError(f"shares must be those of {', '.join(names)}, one of them above 0")
    return given


def _shares(given: Mapping[str, float], names: tuple[str, ...]) -> list[float]:
    return [given.get(name, 0.0) for name in names]


def _fractions(given: Mapping[str, float], names: tuple[str, ...]) -> dict[str, float]:
    shares = _shares(given, names)
    return {name: share / sum(shares) for name, share in zip(names, shares, strict=True)}


def _by_row(uniform: Floats, shares: Floats) -> Any:
    return (uniform[:, None] >= np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1)
