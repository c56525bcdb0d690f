"""Whether one channel brings about touches of another, from counts and within customers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from journeykit.attribution.supporting.answers import (
    Support,
    detectable,
    detectable_further,
    verdicts,
)
from journeykit.attribution.supporting.autoregression import (
    LEAST_PERIODS,
    autoregression,
    chosen_lags,
    estimated,
)
from journeykit.attribution.supporting.correcting import corrected
from journeykit.attribution.supporting.series import SEASONS, Season, Series, series
from journeykit.attribution.supporting.spillover import answer, spillovers
from journeykit.attribution.supporting.watching import Watched, watched
from journeykit.checks import check_choice, check_fraction, check_positive, check_whole
from journeykit.counts.calendar import periods
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Checked, Provenance
from journeykit.stats import benjamini_hochberg, holm

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.attribution.supporting.autoregression import Estimated
    from journeykit.journeys import Journeys

#: Most lags that are tried, and periods over which responses are added up.
_MOST_LAGS = {"day": 7, "week": 4}
_SEASON: dict[str, tuple[Season, ...]] = {"day": ("weekday", "week"), "week": ("year", "trend")}
_CORRECTING = 200
_STRETCH_BY_WINDOW = 3
#: From this root on, a push goes on for so long that its sum is unsure.
_SLOW = 0.95
#: Fewest periods in which both names of a pair must occur for an answer from counts.
_LEAST_BUSY = 30
_COUNTS = ("later", "later_low", "later_high", "together", "together_low", "together_high")
_COLUMNS = (
    "channel", "supported", "n_touches", "verdict", "found_in", "n_compared", "n_seen",
    "n_expected", "ratio", "ratio_low", "ratio_high", "further", "conf_low", "conf_high", "p_value",
    "p_adjusted", "detectable", "detectable_ratio", *_COUNTS, "later_p_value", "later_p_adjusted",
    "later_detectable",
)  # fmt: skip


def support(
    journeys: Journeys,
    /,
    *,
    channels: Sequence[str] | None = None,
    conversion: Sequence[str] = (),
    window_days: float = 2.0,
    stretch_days: int = 7,
    period: Literal["day", "week"] | None = "day",
    season: Sequence[Season] | None = None,
    regressors: pd.DataFrame | None = None,
    lags: int | None = None,
    horizon: int = 7,
    worthwhile: float = 0.1,
    correction: Literal["holm", "bh"] = "holm",
    confidence: float = 0.95,
    replicates: int = 500,
    seed: int = 0,
    time_zone: str = "UTC",
) -> Support:
    """Ask of every ordered pair whether touches of one bring about touches of the other.

    Two answers, each with its own assumptions.

    *Within customers* (`further`, `ratio`). In the `window_days` after a touch of `channel`, the
    customer's touches of `supported` are counted and compared with those that the same customer's
    rate in the same stretch of the calendar, away from touches, leads to expect (times the level of
    the weekday among all customers). Moments that another touch of `channel` follows within the
    window are compared with each other only: otherwise a touch that is brought about by what it is
    said to bring about would look like its cause. So what differs between customers, and between
    stretches, cancels; what moves both within a stretch, such as intent that comes and goes within
    days, does not. Estimand: events in the windows by those there would be at the customer's rate
    at other moments of the stretch. It holds where, without an effect, that rate is constant within
    a stretch but for weekdays; an effect that lasts beyond the window, into the time compared with,
    makes it smaller. Intervals and tests take customers as the independent units, or stretches of
    the calendar where these differ more: a mailing to all on five days is five observations.

    *From counts* (`later`, `together`). A vector autoregression of touches by watched customer and
    period on the season and the periods before, weighted by customers watched. `later` adds up what
    follows one touch over 1 to `horizon` periods; only it is tested (Granger), with errors robust
    to unequal variances. `together` adds what moves with the touch in its own period, where the
    order cannot be told: it is the effect only if all of that is the touch's doing. With a level
    for each week the estimates are corrected for the bias that such levels bring. Names that occur
    in fewer than 30 periods have no answer from counts.

    Parameters
    ----------
    journeys : Journeys
        Whole customers with times, one journey each. What lies outside their watching counts for
        nothing. `relabel` groups touchpoints into channels.
    channels : sequence of str, optional
        What may bring about and be brought about. Default: everything but `conversion`.
    conversion : sequence of str
        What may only be brought about.
    window_days : float
        Elapsed days; whole ones on a day clock, where they begin the day after the touch.
    stretch_days : int
        Days of a stretch, in whole calendar weeks, at least three windows.
    period : {"day", "week"}, optional
        Calendar period of the counts; None leaves them out.
    season : sequence of {"weekday", "year", "trend", "week"}, optional
        What moves all counts: a level for each day of the week, two waves a year, a straight line,
        a level for each calendar week. Default: ``["weekday", "week"]`` by day, ``["year",
        "trend"]`` by week.
    regressors : pandas.DataFrame, optional
        More of what moves them: numbers, with the first day of each period as index.
    lags : int, optional
        Periods to look back. Default: the least Bayesian information criterion, at most 7 days or 4
        weeks.
    horizon : int
        Periods.
    worthwhile : float
        Further ones a touch from which on it would matter.
    correction : {"holm", "bh"}
        Of the p-values of all pairs, of both answers together: at most one false finding with
        chance 1 - `confidence`, or that rate of false ones among the found.
    confidence : float
    replicates : int
        Draws for the standard errors of `later` and `together`.
    seed : int
    time_zone : str
        Which cuts days and weeks.

    Returns
    -------
    Support
        Verdict ``found``: an adjusted p-value is below 1 - `confidence`, and more follow;
        ``fewer``: the same, and fewer follow; ``not found, could have been seen``: `worthwhile`
        would have been found with a chance of at least 80 % by one of the answers; ``cannot tell``:
        it would not, or the answers contradict each other.

    Raises
    ------
    ArgumentError
        When journeys are cut, or an argument is outside its range.
    DataError
        When there are too few whole periods, or a channel has no touch.
    MappingError
        When a touchpoint does not occur, or `regressors` miss a period.
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.

    References
    ----------
    Farrington (1995), Relative incidence estimation from case series, Biometrics 51. Fieller
    (1954), JRSS B 16. Granger (1969), Econometrica 37. Pesaran, Shin (1998), Generalized impulse
    response analysis in linear multivariate models, Economics Letters 58. Kilian (1998), Review of
    Economics and Statistics 80.

    Examples
    --------
    >>> from journeykit.simulate.world import world
    >>> made = world(customers=500, seed=1, parts=["channels"], days=200).journeys()
    >>> told = support(made, channels=["sms_sent", "app_session", "catalog_mailed"])
    >>> told.frame[["channel", "supported", "verdict"]].head(2)
        channel       supported      verdict
    0  sms_sent     app_session        found
    1  sms_sent  catalog_mailed  cannot tell
    """
    given = {name: value for name, value in locals().items() if name not in ("journeys", "seed")}
    season = _season(period, season)
    _check(given)
    data = watched(journeys, channels=channels, conversion=conversion, time_zone=time_zone)
    window = _window(data, window_days, stretch_days)
    frame = _customers(data, window=window, stretch_days=stretch_days, confidence=confidence)
    model_lags, free, checks = 0, 1, tuple[Checked, ...]()
    if period is not None:
        calendar = periods(journeys, unit=period, time_zone=time_zone)
        counted = series(data, calendar, season=season, regressors=regressors)
        used = lags or _best_lags(counted, _MOST_LAGS[period])
        found, checks = _counts(counted, used, horizon, replicates, seed)
        busy = (counted.rate > 0).sum(axis=0)
        frame = _with_counts(frame, data, found, busy=busy, confidence=confidence)
        model_lags, free = used, 1 if found is None else found.free
    frame = _with_powers(frame, correction, alpha=1 - confidence, lags=model_lags, free=free)
    told = verdicts(frame, alpha=1 - confidence, worthwhile=worthwhile)
    return Support(
        frame=told[list(_COLUMNS)],
        provenance=Provenance(journeys.fingerprint, _plain(given, season), seed),
        lags=model_lags,
        checks=checks,
        period=period,
        worthwhile=worthwhile,
    )


def _plain(given: dict[str, object], season: tuple[Season, ...]) -> dict[str, object]:
    """Make arguments small enough to keep."""
    kept = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    regressors = given["regressors"]
    names = None if regressors is None else tuple(map(str, regressors.columns))  # type: ignore[attr-defined]
    return {**kept, "season": season, "regressors": names}


def _check(given: dict[str, object]) -> None:
    check_choice("correction", given["correction"], ("holm", "bh"))
    for name in ("window_days", "worthwhile"):
        check_positive(name, given[name])  # type: ignore[arg-type]
    check_fraction("confidence", given["confidence"])  # type: ignore[arg-type]
    check_whole("horizon", given["horizon"], least=1)  # type: ignore[arg-type]
    check_whole("replicates", given["replicates"], least=100)  # type: ignore[arg-type]
    check_whole("stretch_days", given["stretch_days"], least=7)  # type: ignore[arg-type]
    if given["lags"] is not None:
        check_whole("lags", given["lags"], least=1)  # type: ignore[arg-type]


def _season(period: str | None, season: Sequence[Season] | None) -> tuple[Season, ...]:
    if period is None:
        return ()
    check_choice("period", period, tuple(_SEASON))
    if season is None:
        return _SEASON[period]
    if isinstance(season, str):
        raise ArgumentError(
            f"`season` must be a list of terms; got {season!r}: write [{season!r}]."
        )
    for term in season:
        check_choice("season", term, SEASONS)
        if period == "week" and term in ("weekday", "week"):
            raise ArgumentError(
                f"`season` must not hold {term!r} where periods are weeks: nothing would be left "
                "to explain; take period='day'."
            )
    return tuple(dict.fromkeys(season))


def _window(data: Watched, window_days: float, stretch_days: int) -> int:
    if data.spell and window_days != round(window_days):
        raise ArgumentError(f"`window_days` must be whole on a day clock; got {window_days:g}.")
    if stretch_days % 7 or stretch_days < _STRETCH_BY_WINDOW * window_days:
        raise ArgumentError(
            f"`stretch_days` must be whole weeks of at least {_STRETCH_BY_WINDOW} windows; got "
            f"{stretch_days} with `window_days` {window_days:g}."
        )
    return round(window_days * DAY)


def _customers(data: Watched, *, window: int, stretch_days: int, confidence: float) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for a in range(data.n_channels):
        sums = spillovers(data, a, window=window, stretch_days=stretch_days)
        for b, one in enumerate(sums):
            if one is None:
                continue
            found = answer(one, confidence=confidence)
            rows.append(
                {
                    "channel": data.names[a],
                    "supported": data.names[b],
                    "n_touches": int(data.counts[a]),
                    "n_compared": found.n_touches,
                    "n_seen": found.n_seen,
                    "n_expected": found.expected,
                    "ratio": found.ratio.estimate,
                    "ratio_low": found.ratio.low,
                    "ratio_high": found.ratio.high,
                    "further": found.further.estimate,
                    "conf_low": found.further.low,
                    "conf_high": found.further.high,
                    "p_value": found.p_value,
                    "std_error": found.std_error,
                    "units": found.units,
                }
            )
    frame = pd.DataFrame(rows)
    return frame.assign(**dict.fromkeys((*_COUNTS, "later_p_value", "later_error"), np.nan))


def _best_lags(counted: Series, most: int) -> int:
    """Choose the lags among those that the periods suffice for."""
    t, k = counted.rate.shape
    room = (t - LEAST_PERIODS * counted.season.shape[1]) // (LEAST_PERIODS * k + 1)
    return chosen_lags(counted, max(1, min(most, room)))


def _counts(
    counted: Series, lags: int, horizon: int, replicates: int, seed: int
) -> tuple[Estimated | None, tuple[Checked, ...]]:
    """Fit and test the autoregression, unless what is pushed never dies away."""
    rng = np.random.default_rng(seed)
    fitted = autoregression(counted, lags=lags)
    root, name = fitted.largest_root, "Counts that die away after a push"
    if root >= 1:
        told = f"they do not (largest root {root:.3f}), so nothing is said from counts"
        return None, (Checked(name, "failed", told),)
    model = corrected(fitted, counted, replicates=_CORRECTING, rng=rng)
    root = model.largest_root
    slow = "" if root < _SLOW else f", {_SLOW:g} or more: the answers from counts are unsure"
    told = f"largest root {root:.3f} of {lags} lags in {len(fitted.residual):,} periods{slow}"
    found = estimated(model, horizon=horizon, replicates=replicates, rng=rng)
    return found, (Checked(name, "warned" if slow else "passed", told),)


def _with_counts(
    frame: pd.DataFrame,
    data: Watched,
    found: Estimated | None,
    *,
    busy: NDArray[np.int64],
    confidence: float,
) -> pd.DataFrame:
    """Add what the autoregression says; `busy` counts the periods in which a name occurs."""
    from scipy import stats

    if found is None:
        return frame
    a, b = np.array(data.pairs).T
    # Peaks in a few periods are as many observations, however many touches they hold.
    use = (busy[a] >= _LEAST_BUSY) & (busy[b] >= _LEAST_BUSY)
    z = stats.norm.ppf((1 + confidence) / 2)
    columns = {"later_p_value": found.p_value[a, b], "later_error": found.later_error[a, b]}
    for name, values, errors in (
        ("later", found.later, found.later_error),
        ("together", found.all, found.all_error),
    ):
        value, error = values[a, b], errors[a, b]
        columns |= {
            name: value,
            f"{name}_low": value - z * error,
            f"{name}_high": value + z * error,
        }
    return frame.assign(**{name: np.where(use, x, np.nan) for name, x in columns.items()})


def _with_powers(
    frame: pd.DataFrame, correction: str, *, alpha: float, lags: int, free: int
) -> pd.DataFrame:
    """Adjust the p-values of both answers together; say what could have been seen.

    Counts are tested for all `lags` at once, with `free` degrees of freedom left.
    """
    p = frame[["p_value", "later_p_value"]].to_numpy()
    adjust = holm if correction == "holm" else benjamini_hochberg
    adjusted = adjust(p.ravel()).reshape(p.shape)
    level = alpha / max(1, int(np.isfinite(p).sum()))
    compared = frame["n_compared"].where(frame["n_compared"] > 0).to_numpy(dtype=np.float64)
    # A spread of 0 is what a few customers have by chance: it says nothing of what could be seen.
    error = frame["std_error"].where(frame["std_error"] > 0).to_numpy()
    units = frame["units"].where(frame["units"] > 0).to_numpy(dtype=np.float64)
    least = detectable_further(error, compared, units, level=level)
    expected = frame["n_expected"].where(frame["n_expected"] > 0)
    return frame.assign(
        p_adjusted=adjusted[:, 0],
        later_p_adjusted=adjusted[:, 1],
        detectable=least,
        detectable_ratio=1 + least * compared / expected,
        later_detectable=detectable(
            frame["later_error"].to_numpy(), level=level, terms=max(1, lags), free=free
        ),
    )
