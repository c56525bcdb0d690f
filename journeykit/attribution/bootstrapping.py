"""Intervals for any model: refitted on samples of the customers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from journeykit.attribution.credit import Credits
from journeykit.attribution.redrawing import redrawer
from journeykit.attribution.refitting import ROW, Model, fitted, numbers, quick, refitted
from journeykit.attribution.resampling import check_bootstrap, percentile_interval
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.results import Provenance

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BootstrappedCredits(Credits):
    """Credits of a model with what refits on samples of the customers say of them.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows and columns of the model, `conf_low` and `conf_high` of `share` replaced, and

        - `std_error`: standard deviation of `share` over the samples
        - `conversions_std_error`, `conversions_low`, `conversions_high`, and the same three of
          `removal_effect` where the model has one
        - `n_replicates`: samples in which the model gave shares; the rest are left out

        Bounds are percentiles; they and the errors are missing where the samples do not vary.
    differences : pandas.DataFrame
        One row a model and pair of its channels, the one with the larger share first: `model`,
        `channel_a`, `channel_b`, `difference` of their shares, `std_error`, `conf_low`,
        `conf_high`. Shares of one sample hang together, so intervals of two channels that overlap
        do not make them equal: this one tells.
    draws : array of float64, shape (replicates, n_rows)
        Shares in each sample, in the order of `frame`; missing where the model gave none.
    n_failed : int
        Samples in which a model gave no shares, as one without a conversion.
    """

    differences: pd.DataFrame
    draws: NDArray[np.float64]
    n_failed: int
    rows: ClassVar[str] = "credits"

    def beside(self, *others: Credits) -> Self:
        """Return a result that holds the models of this one and of `others`, of the same samples.

        Raises
        ------
        ArgumentError
            As of other credits; and when one of `others` is not bootstrapped, or of other samples.
        """
        import pandas as pd

        results = [self, *others]
        drawn = [one for one in results if isinstance(one, BootstrappedCredits)]
        samples = {(one.provenance.seed, len(one.draws)) for one in drawn}
        if len(drawn) < len(results) or len(samples) > 1:
            raise ArgumentError(
                "Bootstrapped credits stand beside others of the same samples: bootstrap each "
                "with one `seed` and as many `replicates`, or take `compare`."
            )
        return replace(
            Credits.beside(self, *others),
            differences=pd.concat([one.differences for one in drawn], ignore_index=True),
            draws=np.concatenate([one.draws for one in drawn], axis=1),
            n_failed=sum(one.n_failed for one in drawn),
        )

    def summary(self) -> str:
        """Name the channels most credited, the number of refits and how many failed."""
        failed = f", {self.n_failed:,} of them failed and left out" if self.n_failed else ""
        # Slots make a class anew, and `super()` without arguments would look for the old one.
        told = Credits.summary(self)
        return f"{told} Intervals from {len(self.draws):,} refits on samples of customers{failed}."


def bootstrap(
    data: Journeys | PathCounts,
    model: Model,
    /,
    *,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> BootstrappedCredits:
    """Refit a model on bootstrap samples of the customers, whatever the model is.

    In each sample a customer occurs Poisson(1) times, with all journeys, each time as a customer of
    its own; the model is refitted whole, choices it makes from the data included. Customers, not
    journeys, are the unit, so several journeys of one do not count as independent. The draw is a
    function of `seed`, the number of the sample and the customer's id alone: it depends neither on
    order nor on partition, and is that of the models' own bootstraps.

    The number of customers varies with the samples as it would between two periods, so the error
    of `conversions` holds that of their number; `share` is free of it. A model that holds customers
    out to test itself may find copies of one on both sides and trust itself too much; its choice,
    such as the order of a chain, is better made beforehand.

    Parameters
    ----------
    data : Journeys or PathCounts
        What `model` takes, cut or whole. In path counts each journey is taken as a customer and
        the value of a path as proportional to its conversions.
    model : callable
        From such data to `Credits`, for example ``functools.partial(markov, order=2)``. A function
        of this package that takes `replicates` is asked for 2: its own interval is not read.
    replicates : int
        Samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    BootstrappedCredits
        One row a model and channel. A channel that does not occur in a sample has 0 there. Samples
        without an answer are counted, left out and warned of: intervals are then conditional on
        there being one. An interval on a share is not an interval on an effect.

    Raises
    ------
    ArgumentError
        When `data` or what `model` returns is of another kind.
    DataError
        When fewer than two samples give an answer; and what `model` raises on `data`.

    References
    ----------
    Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7.
    Davison, Hinkley (1997), Bootstrap Methods and their Application, chapters 2 and 3.

    Examples
    --------
    >>> import functools
    >>> import pandas as pd
    >>> from journeykit.attribution import rules
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [200, 100]})
    >>> counts = path_counts_from_frame(table, conversions="buys")
    >>> made = bootstrap(counts, functools.partial(rules, models=["linear"]))
    >>> made.frame[["channel", "share", "std_error", "conf_low", "conf_high"]].round(2)
      channel  share  std_error  conf_low  conf_high
    0    mail   0.33       0.01      0.31       0.36
    1     web   0.67       0.01      0.64       0.69
    """
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    draw = redrawer(data, seed=seed)
    made = fitted(model, data)
    columns = [name for name in ("share", "conversions", "removal_effect") if name in made.frame]
    rows = made.frame.set_index(ROW).index
    light = quick(model)
    refits = [refitted(light, draw(replicate)) for replicate in range(replicates)]
    drawn = np.stack([numbers(refit.frame, rows, columns) for refit in refits])
    shares = drawn[:, :, 0]
    known = np.isfinite(shares)
    n_failed = int(_unanswered(shares, made.frame).sum())
    _check_failures(n_failed, [refit.reason for refit in refits])
    return BootstrappedCredits(
        frame=_with_errors(made.frame, columns, drawn, confidence).assign(
            n_replicates=known.sum(axis=0)
        ),
        differences=_differences(made.frame, shares, confidence),
        draws=shares,
        n_failed=n_failed,
        population=made.population,
        provenance=Provenance(
            fingerprint=made.provenance.fingerprint,
            parameters={
                **made.provenance.parameters,
                "replicates": replicates,
                "confidence": confidence,
            },
            seed=seed,
        ),
    )


def _unanswered(shares: NDArray[np.float64], frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Mark the samples in which some model gave no share that it gives of the data as they are."""
    told = np.isfinite(frame["share"].to_numpy(dtype=np.float64))
    return np.asarray(~np.isfinite(shares[:, told]).all(axis=1))


def _check_failures(n_failed: int, reasons: list[str]) -> None:
    """Refuse or warn where samples gave no answer; `reasons` has one text a sample."""
    replicates = len(reasons)
    said = next((f" The first said: {reason}" for reason in reasons if reason), "")
    if replicates - n_failed < 2:
        raise DataError(
            f"Of {replicates:,} samples of customers at least two must give shares; {n_failed:,} "
            f"give none. There are too few conversions for intervals.{said}"
        )
    if n_failed:
        warnings.warn(
            f"{n_failed:,} of {replicates:,} samples of customers gave no shares and are left out: "
            f"intervals are conditional on there being some.{said}",
            JourneyKitWarning,
            stacklevel=3,
        )


def _with_errors(
    frame: pd.DataFrame, columns: list[str], drawn: NDArray[np.float64], confidence: float
) -> pd.DataFrame:
    """Add errors and bounds of every column; `share` has the plain names."""
    made = frame.copy()
    for at, name in enumerate(columns):
        error, low, high = _spread(drawn[:, :, at], confidence)
        prefix = "" if name == "share" else f"{name}_"
        bound = "conf_" if name == "share" else prefix
        made[f"{prefix}std_error"] = error
        made[f"{bound}low"], made[f"{bound}high"] = low, high
    return made


def _differences(
    frame: pd.DataFrame, shares: NDArray[np.float64], confidence: float
) -> pd.DataFrame:
    """Compare all pairs of channels of each model, the larger share first, equal ones by name."""
    import pandas as pd

    parts = []
    for model, part in frame.reset_index(drop=True).groupby("model", sort=False):
        ordered = part.sort_values(["share", "channel"], ascending=[False, True])
        at, now = ordered.index.to_numpy(), ordered["share"].to_numpy(dtype=np.float64)
        name = ordered["channel"].to_numpy()
        for k in range(len(at) - 1):
            error, low, high = _spread(shares[:, at[k], None] - shares[:, at[k + 1 :]], confidence)
            parts.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "channel_a": name[k],
                        "channel_b": name[k + 1 :],
                        "difference": now[k] - now[k + 1 :],
                        "std_error": error,
                        "conf_low": low,
                        "conf_high": high,
                    }
                )
            )
    columns = [*("model", "channel_a", "channel_b"), "difference", "std_error"]
    empty = pd.DataFrame(columns=[*columns, "conf_low", "conf_high"])
    return pd.concat(parts, ignore_index=True) if parts else empty


def _spread(
    draws: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return standard deviation and percentiles of each column, missing draws left out."""
    n = np.isfinite(draws).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(draws, axis=0) / n
        error = np.sqrt(np.nansum((draws - mean) ** 2, axis=0) / np.where(n > 1, n - 1, np.nan))
    # Bounds of counts, too, are told apart from rounding on the scale of shares.
    scale = np.fmax(np.abs(mean), 1.0)
    low, high = percentile_interval(draws / scale, confidence=confidence)
    return np.where(error > 1e-12 * scale, error, np.nan), low * scale, high * scale
