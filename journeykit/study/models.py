"""What a study.yaml may say: typed, frozen, and nothing that is not known here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from journeykit.checks import did_you_mean
from journeykit.study.basics import (
    Columns,
    Days,
    Given,
    Moment,
    Names,
    environment_variable,
    file_name,
    one_or_many,
    zone,
)


class Part(BaseModel):
    """A group of keys: frozen, and nothing is let in that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Events(Part):
    """Where the events are, and which column means what; as the arguments of ``read_events``."""

    source: Names | None = None
    query: str | None = None
    uri: Annotated[str | None, BeforeValidator(environment_variable)] = None
    version_query: str | None = None
    customer: Names
    time: str
    touchpoint: str
    order: str | None = None
    tie_order: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    columns: Columns = {}
    attributes: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    account: str | None = None
    by: Literal["customer", "account"] = "customer"
    time_unit: (
        Literal["microsecond", "millisecond", "second", "minute", "hour", "day", "week"] | None
    ) = None
    origin: Moment | None = None
    clock_change: Literal["quarantine", "before", "after"] = "quarantine"
    earliest: Moment | None = None
    latest: Moment | None = None
    duplicates: Literal["keep", "drop"] = "keep"
    encoding: str | None = None
    delimiter: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.query is None):
            raise ValueError("needs either `source` (files) or `query` (a database), and not both.")
        if (self.query is None) != (self.uri is None):
            raise ValueError("needs `query` and `uri` together: what to ask, and which database.")
        if self.version_query is not None and self.query is None:
            raise ValueError("with `version_query` needs `query`: files say by themselves.")
        if self.by == "account" and self.account is None:
            raise ValueError("with `by: account` needs `account`.")
        return self


class Customers(Part):
    """A table with one row a customer."""

    source: Names
    customer: Names
    attributes: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    observed_from: str | None = None
    observed_to: str | None = None


class Identities(Part):
    """Links between anonymous and known ids."""

    source: Names
    anonymous: str
    known: str
    time: str | None = None
    confidence: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    largest: Annotated[int, Field(ge=2)] = 50


class Spend(Part):
    """A table of what channels cost: one row a channel, or one a channel and day.

    Rows of days outside the window are left out; without `day` the costs are those of the window.
    """

    source: Names
    channel: str = "channel"
    cost: str = "cost"
    day: str | None = None


class Experiments(Part):
    """A table of who was held out of a channel by chance: one row a customer and channel.

    `held_out` is what the column `arm` says of those who were kept from the channel; whoever is in
    another arm could be reached.
    """

    source: Names
    customer: Names
    channel: str = "channel"
    arm: str = "arm"
    held_out: str = "holdout"


class Sentiment(Part):
    """A table of what customers said of touches: one row an answer.

    Scores lie between `worst` and `best`.
    """

    source: Names
    customer: Names
    time: str = "event_time"
    touchpoint: str = "touchpoint"
    score: str = "score"
    worst: float = 1
    best: float = 5

    @model_validator(mode="after")
    def _two_ends(self) -> Self:
        if self.worst == self.best:
            raise ValueError(f"needs `worst` and `best` to differ; both are {self.best:g}.")
        return self


class ExternalEvents(Part):
    """A table of what happened outside: one row a day on which something began."""

    source: Names
    time: str = "event_time"
    kind: str = "kind"
    scope: str = "scope"
    note: str = "note"


class Window(Part):
    """The span that is studied: from the first moment up to, not including, the second."""

    start: Annotated[Moment, Field(alias="from")]
    end: Annotated[Moment, Field(alias="to")]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        # Dates and times are compared as written; the journeys compare them in the study's zone.
        if self.start.isoformat()[:19] >= self.end.isoformat()[:19]:
            raise ValueError(f"must begin before it ends; got from {self.start} to {self.end}.")
        return self


class Outcome(Part):
    """What counts as success, and how long a touch can have contributed to it."""

    conversions: Names
    value: str | None = None
    lookback_days: Days = 30


class Start(Part):
    """When a customer's clock starts: at the first event of a touchpoint, or at an attribute."""

    touchpoint: str | None = None
    attribute: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.touchpoint is None) == (self.attribute is None):
            raise ValueError("needs `touchpoint` or `attribute`, one of them.")
        return self


class Churn(Part):
    """What counts as leaving, and from when the clock runs (by default the first activity).

    A silence beyond a threshold, a touchpoint that says goodbye, or an attribute with the time at
    which a contract ended and, where it is known, one with where the customer went (`cause`).
    `exits` are touchpoints that are part of leaving, such as the call to cancel: what they are
    followed by is no risk that anybody could still avert.
    """

    rule: Literal["inactivity", "touchpoint", "contract_end"]
    threshold_days: Days | None = None
    dated_at: Literal["last_activity", "declaration"] = "last_activity"
    touchpoint: str | None = None
    attribute: str | None = None
    cause: str | None = None
    start: Start | None = None
    exits: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {
            "inactivity": "threshold_days",
            "touchpoint": "touchpoint",
            "contract_end": "attribute",
        }[self.rule]
        if getattr(self, needed) is None:
            raise ValueError(f"with `rule: {self.rule}` needs `{needed}`.")
        return self


class Rung(Part):
    """What brings a customer into a stage: one of three.

    `touchpoints`, each event at one of them; `attribute`, the time in an attribute of customers; or
    `after` and `after_days`, so many elapsed days after the first entry into another stage. Where
    a rung `holds`, whoever has come this far stays at least here: what leads to stages below no
    longer counts.
    """

    touchpoints: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    attribute: str | None = None
    after: str | None = None
    after_days: Annotated[float, Field(gt=0, le=36500)] | None = None
    holds: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.touchpoints) + (self.attribute is not None) + (self.after is not None) != 1:
            raise ValueError("needs `touchpoints`, `attribute` or `after`, one of them.")
        if (self.after is None) != (self.after_days is None):
            raise ValueError("needs `after` and `after_days` together: which stage, and how long.")
        return self


class Ladder(Part):
    """Stages in the order in which customers are meant to climb them, and what leads to each.

    `rungs` has the lowest first. `other` is a second ladder: each of its stages, lowest first, and
    those of `rungs` that it is made of; all of them, each once, in their order.
    """

    rungs: Annotated[dict[str, Rung], Field(min_length=2)]
    other: dict[str, Names] = {}

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, lowest first."""
        return tuple(self.rungs)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        stages = self.stages
        for at, (stage, rung) in enumerate(self.rungs.items()):
            if rung.after is not None and rung.after not in stages[:at]:
                raise ValueError(
                    f"has {stage!r} after {rung.after!r}, which is no stage below it."
                    f"{did_you_mean(rung.after, stages[:at])}"
                )
        made_of = tuple(name for names in self.other.values() for name in names)
        if self.other and made_of != stages:
            raise ValueError(
                "needs `other` to be made of all stages, each once and in order, "
                f"{', '.join(stages)}; got {', '.join(made_of)}."
            )
        return self


class Bands(Part):
    """From where on a KPI is a warning, and from where on a failure: below, above or both."""

    warn_below: float | None = None
    fail_below: float | None = None
    warn_above: float | None = None
    fail_above: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.model_dump(exclude_none=True) == {}:
            raise ValueError("needs `warn_below`, `fail_below`, `warn_above` or `fail_above`.")
        for side, sign, warn, fail in (
            ("below", 1, self.warn_below, self.fail_below),
            ("above", -1, self.warn_above, self.fail_above),
        ):
            if warn is not None and fail is not None and sign * fail > sign * warn:
                given = f"`warn_{side}` {warn:g} and `fail_{side}` {fail:g}"
                raise ValueError(f"must warn before it fails; got {given}.")
        return self


Reaction = Literal["banner", "refuse"]


class Freshness(Part):
    """How old the newest event may be when a report is made, and what happens otherwise."""

    newest_within_days: Days
    then: Reaction = "banner"


class Volume(Part):
    """Whether the newest day or week holds as many events as those before it, within chance."""

    per: Literal["day", "week"] = "week"
    then: Reaction = "banner"


class Simulated(Part):
    """That the data are made up, and how: the world can be drawn again, with other luck."""

    customers: Annotated[int, Field(ge=1, le=5_000_000)]
    seed: Annotated[int, Field(ge=0)] = 0
    days: Annotated[int, Field(ge=30, le=3000)] = 731
    settings: dict[str, str] = {}


class StudyModel(Part):
    """The whole file."""

    name: Annotated[str, BeforeValidator(file_name)]
    title: str = ""
    time_zone: Annotated[str, BeforeValidator(zone)] = "UTC"
    events: Events
    customers: Customers | None = None
    identities: Identities | None = None
    catalogue: str | None = None
    spend: Spend | None = None
    experiments: Experiments | None = None
    window: Window | None = None
    outcome: Outcome | None = None
    churn: Churn | None = None
    stages: Ladder | None = None
    sentiment: Sentiment | None = None
    external_events: ExternalEvents | None = None
    plans: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    portfolio: str | None = None
    strategy: str | None = None
    beliefs: str | None = None
    small_cell: Annotated[int, Field(ge=1, le=1000)] = 10
    freshness: Freshness | None = None
    volume: Volume | None = None
    kpis: dict[str, Bands] = {}
    simulated: Simulated | None = None
    reports: dict[str, Given] = {}
