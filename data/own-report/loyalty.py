"""The report `loyalty`: what may be asked of it, and what it computes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from journeykit.report import Month, Parameters

if TYPE_CHECKING:
    import pandas as pd

    from journeykit.journeys import Journeys
    from journeykit.study import Study


class LoyaltyParameters(Parameters):
    """Whether customers come back for a second purchase, and how soon."""

    report: ClassVar[str] = "loyalty"

    first_month: Annotated[Month, Field(description="Month of the first purchase.")] = "1997-01"
    within_days: Annotated[
        int, Field(ge=7, le=365, description="Days in which coming back counts as soon.")
    ] = 90
    counts: Annotated[
        Literal["another day", "same day too"],
        Field(description="Whether a second purchase may be on the day of the first."),
    ] = "another day"
    seen_until: Annotated[
        date | None, Field(description="Last day looked at; by default all there is.")
    ] = None

    @model_validator(mode="after")
    def _someone_is_seen_long_enough(self) -> Self:
        first_day = date.fromisoformat(f"{self.first_month}-01")
        earliest = first_day + timedelta(days=self.within_days)
        if self.seen_until is not None and self.seen_until < earliest:
            raise ValueError(
                f"`seen_until` must be {earliest} or later, {self.within_days} days after "
                f"{self.first_month} began; got {self.seen_until}. Or make `within_days` smaller."
            )
        return self

    def unsuited(self, study: Study, journeys: Journeys, /) -> list[str]:
        """Return what does not suit the data: a month in which nobody came first."""
        first = purchases(journeys, time_zone=study.model.time_zone).groupby("customer_id")["day"]
        months = first.min().dt.strftime("%Y-%m").value_counts().sort_index()
        if self.first_month in months.index:
            return []
        known = ", ".join(f"{month} ({n:,})" for month, n in months.items())
        return [f"`first_month` is {self.first_month}, when nobody came first. There are: {known}."]


def second_purchases(bought: pd.DataFrame, p: LoyaltyParameters, /) -> pd.DataFrame:
    """Return the customers of the month, a row each: `days` followed, and whether they `returned`.

    Who has not returned is followed up to the last day seen and no further: not yet is not never.
    """
    end = bought.attrs["end"]
    if p.seen_until is not None:
        end = min(end, np.datetime64(p.seen_until + timedelta(days=1), "us"))
    first = bought.groupby("customer_id")["day"].min()
    on_another_day = bought["day"] > bought["customer_id"].map(first)
    again = on_another_day if p.counts == "another day" else bought["customer_id"].duplicated()
    second = bought[again].groupby("customer_id")["day"].min()

    first = first[(first.dt.strftime("%Y-%m") == p.first_month) & (first < end)]
    second = second.reindex(first.index)
    returned = second < end
    days = (second.where(returned, end) - first).dt.days
    return days.to_frame("days").assign(returned=returned).reset_index()


def purchases(journeys: Journeys, /, *, time_zone: str) -> pd.DataFrame:
    """Return who bought on which day of the study, sorted by customer and time; `end` ends them."""
    bought = journeys.to_frame()
    time, end = bought["event_time"], np.datetime64(journeys.window[1], "us")
    if time.dt.tz is not None:
        # Times of day: days are those of the study's zone.
        time = time.dt.tz_convert(time_zone).dt.tz_localize(None)
        end = time.max().normalize().to_datetime64() + np.timedelta64(1, "D")
    bought = bought.assign(day=time.dt.normalize())
    bought.attrs["end"] = end
    return bought
