"""Who is not on the way yet: the part of the market that does not know of the company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival import Census

#: What is said where no number can be.
NOT_OBSERVED = "not observed"
NOT_AWARE = "not aware yet"


class Survey(NamedTuple):
    """An awareness survey of the market: people asked at random, and those who knew the company."""

    n_asked: int
    n_aware: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Market(Result):
    """The market by stage, those before the first stage included.

    `frame` has one row for ``not aware yet``, one for ``aware, no stage observed``, then one a
    stage: `stage`; `estimate conf_low conf_high`, people; `evidence`, where the number comes from,
    or ``not observed``.

    Attributes
    ----------
    size : float or None
        Of the market.
    """

    size: float | None
    rows: ClassVar[str] = "stages"

    def summary(self) -> str:
        """Say how many are not aware yet, or what is missing to say it."""
        first = self.frame.iloc[0]
        if first["evidence"] == NOT_OBSERVED:
            return (
                f"how many are {NOT_AWARE} is not observed: declare the size of the market, or ask "
                "a sample of it"
            )
        if np.isnan(first["estimate"]):
            return f"at most {first['conf_high']:,.0f} are {NOT_AWARE} ({first['evidence']})"
        return (
            f"{first['estimate']:,.0f} ({first['conf_low']:,.0f} to {first['conf_high']:,.0f}) are "
            f"{NOT_AWARE} ({first['evidence']})"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the people in each stage; what is not observed says so."""
        from journeykit.draw import INK, PALETTE, QUIET, axes, tidy

        ax = axes(ax, height=0.42 * len(self.frame) + 1.2, width=6.8)
        at = np.arange(len(self.frame))
        estimate = self.frame["estimate"].to_numpy(dtype=float)
        ax.barh(at, np.nan_to_num(estimate), color=PALETTE[0], height=0.6)
        low, high = (self.frame[name].to_numpy(dtype=float) for name in ("conf_low", "conf_high"))
        known = ~np.isnan(low) & (high > low)
        ax.hlines(at[known], low[known], high[known], color=INK, linewidth=1.4)
        for place in at[np.isnan(estimate)]:
            told = NOT_OBSERVED if np.isnan(high[place]) else f"at most {high[place]:,.0f}"
            ax.text(0, place, f" {told}", va="center", color=QUIET)
        ax.set_yticks(at, self.frame["stage"])
        ax.invert_yaxis()
        ax.set_xlabel("people")
        return tidy(ax, grid="x")


def market(
    census: Census,
    /,
    *,
    size: float | None = None,
    size_low: float | None = None,
    size_high: float | None = None,
    survey: Survey | tuple[int, int] | None = None,
    confidence: float = 0.95,
) -> Market:
    """Count the people of a market who are not aware of the company yet, beside those in stages.

    No log shows who never came. With the size of the market N and a survey in which a of n asked
    at random knew the company, N (1 - a / n) do not know it; the share has Jeffreys's interval,
    joined with that of N on the scale of logarithms as independent (MOVER). With the size alone
    those not aware are at most N less the customers seen. With a survey alone, or with neither, the
    number is "not observed".

    Parameters
    ----------
    census : Census
        ``follow(journeys, ladder).on(dates)``: its last date, without groups.
    size, size_low, size_high : float, optional
        People in the market, and an interval of that at the level `confidence`; without one the
        size is taken as known.
    survey : (n_asked, n_aware), optional
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When numbers do not fit together, or the census has groups.

    References
    ----------
    Brown, Cai, DasGupta (2001), Statistical Science 16, for Jeffreys's interval; Zou, Donner
    (2008), Statistics in Medicine 27, for MOVER.
    """
    import pandas as pd

    check_fraction("confidence", confidence)
    if len(census.groups) != 1:
        raise ArgumentError("`census` must have no groups; leave out `by` in `on`.")
    size_of = _size(size, size_low, size_high)
    asked = None if survey is None else _survey(survey)
    frame = census.frame
    there = frame[frame["event_time"] == frame["event_time"].max()]
    n = there["n"].to_numpy(dtype=float, na_value=np.nan)
    seen = float(np.nansum(n))
    stages = pd.DataFrame(
        {
            "stage": there["state"].to_numpy(),
            "estimate": n,
            "conf_low": n,
            "conf_high": n,
            "evidence": np.where(np.isnan(n), "too few to be shown", "customers seen"),
        }
    )
    rows = [_unaware(size_of, asked, seen, confidence), _aware(size_of, asked, seen, confidence)]
    head = pd.DataFrame(rows, columns=list(stages.columns))
    given = {"size": size, "size_low": size_low, "size_high": size_high, "survey": survey}
    return Market(
        frame=pd.concat([head, stages], ignore_index=True),
        provenance=Provenance(census.provenance.fingerprint, {**given, "confidence": confidence}),
        size=size,
    )


class _Number(NamedTuple):
    estimate: float
    low: float
    high: float


def _size(size: float | None, low: float | None, high: float | None) -> _Number | None:
    if size is None:
        if low is not None or high is not None:
            raise ArgumentError("`size_low` and `size_high` need `size`, which they are about.")
        return None
    check_positive("size", size)
    found = _Number(size, size if low is None else low, size if high is None else high)
    if not 0 < found.low <= found.estimate <= found.high:
        raise ArgumentError(
            "`size` must lie between `size_low`, above 0, and `size_high`; got "
            f"{found.low:g}, {size:g}, {found.high:g}."
        )
    return found


def _survey(survey: Survey | tuple[int, int]) -> Survey:
    asked = Survey(*survey)
    check_whole("n_asked", asked.n_asked, least=1)
    check_whole("n_aware", asked.n_aware, least=0, most=asked.n_asked)
    return asked


def _unaware(
    size: _Number | None, survey: Survey | None, seen: float, confidence: float
) -> tuple[object, ...]:
    if size is None:
        return NOT_AWARE, np.nan, np.nan, np.nan, NOT_OBSERVED
    if survey is None:
        most = max(size.high - seen, 0.0)
        return NOT_AWARE, np.nan, np.nan, most, "at most, size of the market less customers seen"
    share = _jeffreys(survey.n_asked - survey.n_aware, survey.n_asked, confidence)
    return NOT_AWARE, *_product(size, share), "size of the market and awareness survey"


def _aware(
    size: _Number | None, survey: Survey | None, seen: float, confidence: float
) -> tuple[object, ...]:
    called = "aware, no stage observed"
    if size is None or survey is None:
        return called, np.nan, np.nan, np.nan, NOT_OBSERVED
    aware = _product(size, _jeffreys(survey.n_aware, survey.n_asked, confidence))
    if aware.high < seen:
        return called, np.nan, np.nan, np.nan, "fewer aware than customers seen: they do not fit"
    rest = (max(number - seen, 0.0) for number in aware)
    return called, *rest, "aware by survey less customers seen"


def _jeffreys(n_event: int, n: int, confidence: float) -> _Number:
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = 0.0 if n_event == 0 else float(beta.ppf(tail, n_event + 0.5, n - n_event + 0.5))
    high = 1.0 if n_event == n else float(beta.isf(tail, n_event + 0.5, n - n_event + 0.5))
    return _Number(n_event / n, low, high)


def _product(size: _Number, share: _Number) -> _Number:
    """Multiply two independent estimates; their intervals join on the scale of logarithms."""
    if share.estimate == 0:
        return _Number(0.0, 0.0, size.high * share.high)
    value = size.estimate * share.estimate
    below = np.hypot(np.log(size.estimate / size.low), np.log(share.estimate / share.low))
    above = np.hypot(np.log(size.high / size.estimate), np.log(share.high / share.estimate))
    return _Number(value, float(value * np.exp(-below)), float(value * np.exp(above)))
