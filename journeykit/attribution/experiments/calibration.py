"""Credits put right by experiments: tested and untested channels apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from journeykit.attribution.credit import NO_CHANNELS
from journeykit.attribution.experiments.combining import ENOUGH, predict, ratios, shrink
from journeykit.attribution.experiments.reading import credited
from journeykit.attribution.experiments.tables import experiment_numbers
from journeykit.checks import check_fraction, check_known
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.credit import Credits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CalibratedCredits(Result):
    """What channels add, by experiments and a model together.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a model and channel, in the order of the credits; rows that are no channel, as
        ``(no touch)`` and ``(baseline)``, are left out:

        - `model`, `channel`
        - `tested`: whether an experiment on the channel was given
        - `basis`: what `conversions` rests on: ``experiment``, ``experiment and model``, ``ratio``
          (the credit times the ratio of the tested channels) or ``model`` (the credit as it is)
        - `credit`, `credit_std_error`: what the model credits, and its sampling error, missing
          where the model has no interval
        - `increment`, `increment_std_error`: the experiment's; missing where untested
        - `conversions`: the calibrated increment
        - `std_error`: tested, the experiment's; ``ratio``, of the prediction; ``model``, missing
        - `conf_low`, `conf_high`: interval of `conversions` (not of a share): of the experiment, or
          of the prediction; missing for ``model``, where nothing is known of its bias
    ratios : pandas.DataFrame
        One row a model: `model`; `n_tested`; `ratio`, of increments to credits, `ratio_std_error`
        and `spread`, the standard deviation of the ratio among channels, all missing with too few
        tested; `model_weight`, what the corrected model weighs for the tested channels.
    """

    ratios: pd.DataFrame
    rows: ClassVar[str] = "channels"

    def summary(self) -> str:
        """Say how many channels were tested, and what the others rest on."""
        first = self.frame[self.frame["model"] == self.frame["model"].iloc[0]]
        tested = int(first["tested"].sum())
        text = f"{tested} of {len(first)} channels tested"
        if tested == len(first):
            return f"{text}; the intervals are the experiments'"
        if (self.frame["basis"] == "ratio").any():
            told = ", ".join(
                f"{row.ratio:.2f} ({row.model})" for row in self.ratios.itertuples(index=False)
            )
            return f"{text}; the others are their credit times {told}, as if drawn like the tested"
        return f"{text}; the others are the model's alone, and how far it is off is not known"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw calibrated increments with intervals, beside the credit (x); hollow if untested."""
        from journeykit.draw import PALETTE, QUIET, axes, tidy
        from journeykit.draw.charts import shortened

        frame = self.frame
        channels, models = frame["channel"].unique().tolist(), frame["model"].unique().tolist()
        ax = axes(ax, height=max(1.8, (0.14 * len(models) + 0.22) * len(channels) + 1.0))
        for number, model in enumerate(models):
            part = frame[frame["model"] == model].set_index("channel").reindex(channels)
            at = np.arange(len(channels)) + 0.16 * (number - (len(models) - 1) / 2)
            color = PALETTE[number % len(PALETTE)]
            tested = part["tested"].to_numpy(dtype=bool)
            ax.hlines(at, part["conf_low"], part["conf_high"], color=color, linewidth=1.6)
            label = "credit" if number == 0 else "_credit"
            ax.plot(part["credit"], at, "x", color=QUIET, markersize=5, label=label)
            for some, face, what in ((tested, color, "tested"), (~tested, "white", "untested")):
                ax.plot(
                    part["conversions"][some], at[some], "o", color=color, markersize=5,
                    markerfacecolor=face, label=f"{model}, {what}",
                )  # fmt: skip
        ax.axvline(0, color=QUIET, linewidth=0.8)
        ax.set_yticks(np.arange(len(channels)), [shortened(name) for name in channels])
        ax.invert_yaxis()
        ax.set_xlabel("conversions that would be lost without")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        return tidy(ax, grid="x")


class _Experiments(NamedTuple):
    channels: tuple[str, ...]
    increment: NDArray[np.float64]
    error: NDArray[np.float64]


def calibrate(
    credits: Credits,  # noqa: A002 (what they are)
    experiments: pd.DataFrame,
    /,
    *,
    confidence: float = 0.95,
) -> CalibratedCredits:
    """Put the credits of attribution models right by randomised experiments.

    Wanted is each channel's increment: the conversions lost without it, among the customers and in
    the period of the credits. An experiment is unbiased with a known error; a model may be biased
    by any amount, and its credit has a sampling error too. Each model is calibrated apart.

    **Tested channels.** With fewer than 4 tested, the estimate is the experiment's: no combination
    is at least as good whatever the model's bias. From 4 on (k tested with a credit) it is moved
    towards the credits times one common ratio, fitted to the experiments by weighted least squares:
    with r the rest of the experiments, in units of their errors, from that fit, the estimate is the
    experiment less min(1, c / sum r^2) r errors. c is tr A / max A - 2, at least 0 and at most
    1.96^2, A being the variance of the rest in conversions: k - 3 with equal errors, less with
    unequal ones. This is James and Stein's positive part with Bock's bound. The squared errors,
    added up over the tested channels, are in expectation at most those of the experiments alone
    **whatever the bias**, also when each is counted in units of its experiment's error, provided
    that experiments are normal and independent of each other and of the credits. The sampling
    error of the credits needs no term: it widens r, and the model weighs less. The bound is on the
    sum: one channel whose credit is far off in another way than the others' may lose what they
    gain, but no estimate leaves the experiment's 95 % interval (it may leave that of a lower
    `confidence`). The interval is the experiment's: for a channel by itself, one that is shorter
    and covers as often whatever the bias does not exist.

    **Untested channels**, when 4 were tested: the increment is a ratio times the expected credit.
    Ratios differ from channel to channel, normally about a mean with a standard deviation t; an
    experiment shows its channel's ratio with the experiment's error and the credit's. The mean has
    a flat prior and t Jeffreys', which is averaged over; the interval is that of the prediction for
    one more channel, and holds the spread t, what is not known of both, and the credit's sampling
    error (taken as 0 where the credit has no interval). It rests on untested channels being off
    as tested ones are, which holds if chance chose what to test. With fewer tested, or without a
    credit, the number is the model's and its interval is not known: missing.

    Parameters
    ----------
    credits : Credits or HazardCredits
        Of one or several models, shares being of conversions.
    experiments : pandas.DataFrame
        `channel`, `increment`, `std_error`: one row a channel, of the conversions, customers and
        period that are credited (`hazard` credits first conversions only); see
        `holdout_increments`.
    confidence : float in (0, 1)

    Returns
    -------
    CalibratedCredits

    Raises
    ------
    ArgumentError
        When `credits` are no credits, or their shares are of values.
    DataError
        When a channel has two experiments, or a number is not finite, or an error not above 0.
    MappingError
        When a tested channel has no row in the credits, or a column is missing.

    References
    ----------
    James, Stein (1961), Estimation with quadratic loss, 4th Berkeley Symposium.
    Bock (1975), Minimax estimators of the mean of a multivariate normal distribution, Annals of
    Statistics 3.
    Green, Strawderman (1991), A James-Stein type estimator for combining unbiased and possibly
    biased estimators, JASA 86.
    Rosenman, Basse, Owen, Baiocchi (2023), Combining observational and experimental datasets using
    shrinkage estimators, Biometrics 79.
    Low (1997), On nonparametric confidence intervals, Annals of Statistics 25.
    Higgins, Thompson, Spiegelhalter (2009), A re-evaluation of random-effects meta-analysis, JRSS
    A 172.
    Bodnar, Link, Arendacka, Possolo, Elster (2017), Bayesian estimation in random effects
    meta-analysis using a non-informative prior, Statistics in Medicine 36.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.attribution import rules
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [20, 10], "none": [30, 90]})
    >>> credits = rules(
    ...     path_counts_from_frame(table, conversions="buys", nulls="none"), models=["linear"]
    ... )
    >>> tests = pd.DataFrame({"channel": ["mail"], "increment": [4.0], "std_error": [2.0]})
    >>> calibrate(credits, tests).frame[["channel", "basis", "credit", "conversions", "conf_low"]]
      channel       basis  credit  conversions  conf_low
    0    mail  experiment    10.0          4.0  0.080072
    1     web       model    20.0         20.0       NaN
    """
    import pandas as pd

    check_fraction("confidence", confidence)
    table = credited(credits)
    if (table["of"] == "value").any():
        raise ArgumentError(
            "Experiments calibrate conversions, and the shares of these credits are of values; "
            'credit with share_of="conversions".'
        )
    table = table[~table["channel"].isin(NO_CHANNELS)]
    tests = _Experiments(*experiment_numbers(experiments))
    check_known("experiments", tests.channels, list(table["channel"].unique()), what="channels")
    parts = [
        _calibrated(part.reset_index(drop=True), tests, confidence)
        for _, part in table.groupby("model", sort=False)
    ]
    return CalibratedCredits(
        frame=pd.concat([frame for frame, _ in parts], ignore_index=True),
        ratios=pd.DataFrame([row for _, row in parts]),
        provenance=Provenance(
            fingerprint=credits.provenance.fingerprint,
            parameters={
                **credits.provenance.parameters,
                "tested": tests.channels,
                "confidence": confidence,
            },
            seed=credits.provenance.seed,
        ),
    )


def _calibrated(
    part: pd.DataFrame, tests: _Experiments, confidence: float
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Calibrate one model: its rows, and what was learnt of its ratio."""
    import pandas as pd
    from scipy.special import ndtri

    given = pd.DataFrame({"increment": tests.increment, "error": tests.error}, tests.channels)
    given = given.reindex(part["channel"])
    increment, error = given["increment"].to_numpy(), given["error"].to_numpy()
    credit = part["conversions"].to_numpy(dtype=np.float64)
    tested = np.isfinite(increment)
    half = -ndtri((1 - confidence) / 2) * error
    frame = pd.DataFrame(
        {
            "model": part["model"],
            "channel": part["channel"],
            "tested": tested,
            "basis": np.where(tested, "experiment", "model"),
            "credit": credit,
            "credit_std_error": part["std_error"],
            "increment": increment,
            "increment_std_error": error,
            "conversions": np.where(tested, increment, credit),
            "std_error": error,
            "conf_low": increment - half,
            "conf_high": increment + half,
        }
    )
    learnt: dict[str, object] = {
        "model": part["model"].iloc[0],
        "n_tested": int(tested.sum()),
        "ratio": np.nan,
        "ratio_std_error": np.nan,
        "spread": np.nan,
        "model_weight": 0.0,
    }
    if (tested & (credit != 0)).sum() >= ENOUGH:
        learnt |= _combine(frame, confidence)
    return frame, learnt


def _combine(frame: pd.DataFrame, confidence: float) -> dict[str, object]:
    """Write into `frame` what experiments and model say together; return what was learnt."""
    credit = frame["credit"].to_numpy()
    sampled = np.nan_to_num(frame["credit_std_error"].to_numpy(dtype=np.float64))
    tested = frame["tested"].to_numpy() & (credit != 0)
    other = ~frame["tested"].to_numpy() & (credit != 0)
    increment = frame["increment"].to_numpy()[tested]
    error = frame["increment_std_error"].to_numpy()[tested]
    shrunk = shrink(increment, error, credit[tested])
    if shrunk.weight > 0:
        frame.loc[tested, "conversions"] = shrunk.estimate
        frame.loc[tested, "basis"] = "experiment and model"
    known = ratios(increment, error, credit[tested], sampled[tested])
    told = predict(known, credit[other], sampled[other], confidence=confidence)
    columns = ("conversions", "std_error", "conf_low", "conf_high")
    for name, values in zip(columns, told, strict=True):
        frame.loc[other, name] = values
    frame.loc[other, "basis"] = "ratio"
    return {
        "ratio": float(known.ratio),
        "ratio_std_error": float(known.ratio_std_error),
        "spread": float(known.typical_spread),
        "model_weight": float(shrunk.weight),
    }
