"""Judge predicted probabilities of staying by what became of the customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result
from journeykit.survival.validation.calibrating import Calibration, calibration_bins
from journeykit.survival.validation.crossing import CrossPredictions
from journeykit.survival.validation.forecasts import forecasts
from journeykit.survival.validation.measures import measures
from journeykit.survival.validation.watched import Watched, watched

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Validation(Result):
    """``measure time_days n n_event n_known estimate std_error conf_low conf_high``.

    A row a measure and day, then those over all days, whose `time_days` is the last. `n_event`
    left by the day, and of `n_known` it is known whether they had. Everything is empty at days
    after which nobody was in sight, and where the model predicts nothing.

    `brier` is the mean squared error of the predicted risk and `brier_null` that of one risk for
    all, the Kaplan-Meier one of the same customers; `scaled_brier` is 1 - brier / brier_null. `auc`
    is the probability that who leaves by the day had a higher risk than who stays.
    `observed_to_expected` is who left over who was predicted to; `calibration_intercept` (0 is
    right) and `calibration_slope` (1 is right; below, predictions are too extreme) are those of the
    logit of leaving on the logit of the risk, the first with slope 1, and are empty where a risk is
    0 or 1.

    Attributes
    ----------
    calibration : Calibration
    known_to_model : int or None
        Customers on whom the model was fitted; None where that was not told.
    confidence : float
    """

    calibration: Calibration
    known_to_model: int | None
    confidence: float
    rows: ClassVar[str] = "measures"

    def of(self, measure: str) -> pd.DataFrame:
        """Return the rows of one measure."""
        return self.frame[self.frame["measure"] == measure]

    def summary(self) -> str:
        """Return the gain over one risk for all, the concordance, and who was judged."""
        gain = self.of("scaled_brier").dropna(subset=["estimate"])
        told = []
        if len(gain):
            row = gain.iloc[-1]
            told.append(
                f"by day {row['time_days']:,.4g} squared errors are {row['estimate']:.1%} "
                f"({row['conf_low']:.1%} to {row['conf_high']:.1%}) less than of one risk for all"
            )
        order = self.of("concordance_harrell").iloc[0]
        told.append(f"concordance {order['estimate']:.3f}")
        return "; ".join([*told, self._judged_on(int(order["n"]))])

    def _judged_on(self, n: int) -> str:
        if self.known_to_model is None:
            return f"judged on {n:,} customers; whether the model was fitted on them was not told"
        if self.known_to_model:
            return (
                f"judged on {n:,} customers, on {self.known_to_model:,} of whom the model was "
                "fitted: better than it would be on others"
            )
        return f"judged on {n:,} customers the model did not know"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the Brier score by day, beside that of one risk for all."""
        from journeykit.survival.validation.pictures import draw_brier

        return draw_brier(self.frame, ax)

    def plot_auc(self, ax: Axes | None = None) -> Axes:
        """Draw the AUC by day."""
        from journeykit.survival.validation.pictures import draw_area

        return draw_area(self.frame, ax)


def validate(
    lifetimes: Lifetimes,
    /,
    *,
    survival: Result | pd.DataFrame | NDArray[np.float64],
    at_days: float | Sequence[float] | None = None,
    fitted_on: Lifetimes | None = None,
    bins: int = 10,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> Validation:
    """Judge predicted probabilities of staying by lifetimes, whatever model they come from.

    At a day t a customer counts with weight 1 / G(T-) who left at T <= t, 1 / G(t) who was in sight
    after t, and 0 who was lost before, G being the Kaplan-Meier estimate of not being lost (events
    before losses at equal times). So those whose end is known stand for those who were lost,
    provided that losses are independent of leaving and of the predictions. With r the predicted
    risk, the Brier score is the mean of weight (1{T <= t} - r)^2; the AUC is the weighted share of
    pairs (left by t, stayed) in which the leaver has the higher risk; the integrated Brier score is
    the mean over days by the trapezoidal rule, from the first day to the last. Concordance is
    `concordance` by the risk at the last day, within that day.

    Standard errors are the infinitesimal jackknife over customers, which holds the part of the
    estimated G, on predictions taken as given: they do not know how uncertain the model is.
    Intervals are on the log scale for scores, the logit for AUC and concordance, with Student's
    quantiles where few customers decide. In 1,000 worlds of 1,000 customers of whom 41 % were lost,
    intervals of 95 % held the truth in 93.6 to 96.0 %, of 200 customers in 93.0 to 97.1 %, over
    seven measures at three days and Uno's concordance.

    Parameters
    ----------
    lifetimes : Lifetimes
        Customers watched from the beginning; best others than the model was fitted on.
    survival : Result, DataFrame or array
        Predicted probability of staying beyond each day: a result whose frame has `customer_id`,
        `time_days` and `estimate`; a frame with a row a customer (its index) and a column a day; or
        an array, shape (n_customers, n_days), customers in the order in which they first appear.
    at_days : float or sequence of float, optional
        Days of the columns, where `survival` does not say.
    fitted_on : Lifetimes, optional
        What the model was fitted on; the result then says how many customers it knew.
    bins : int
        Bins of the calibration, at most.
    confidence : float in (0, 1)
    small_cell : int
        No bin has fewer customers.

    Returns
    -------
    Validation

    Raises
    ------
    ArgumentError
        When anyone entered late: how many left before they could be seen is not known, so that
        nothing weighs up for them (`concordance` can tell). Or predictions are no probabilities, or
        not of these customers; or customers are fewer than `small_cell`.
    DataError
        When intervals of a customer leave a gap.

    References
    ----------
    Graf et al. (1999), Statistics in Medicine 18; Gerds, Schumacher (2006), Biometrical Journal 48;
    Blanche, Dartigues, Jacqmin-Gadda (2013), Statistics in Medicine 32; Kattan, Gerds (2018),
    Diagnostic and Prognostic Research 2, for the scaled score. R: riskRegression::Score.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival import validate
    >>> lives = lifetimes_from_frame(pd.DataFrame({"time": [1, 2, 3, 4], "status": 1}))
    >>> good = validate(lives, survival=np.array([0.1, 0.1, 0.9, 0.9]), at_days=2, small_cell=1)
    >>> good.of("brier")["estimate"].round(4).tolist()
    [0.01]
    """
    check_fraction("confidence", confidence)
    check_whole("bins", bins, least=1)
    check_whole("small_cell", small_cell, least=1)
    people = watched(lifetimes)
    _check_people(people, small_cell)
    said = forecasts(survival, at_days, people)
    given = {
        "at_days": tuple(said.days.tolist()),
        "bins": bins,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    provenance = Provenance(lifetimes.provenance.fingerprint, given)
    told = ~np.isnan(said.survival).any(axis=0)
    binned = [
        calibration_bins(
            people,
            1 - said.survival[:, place],
            float(said.days[place]),
            bins=bins,
            small_cell=small_cell,
            confidence=confidence,
        )
        for place in np.flatnonzero(told)
    ]
    return Validation(
        frame=measures(people, said, confidence=confidence),
        provenance=provenance,
        calibration=Calibration(frame=pd.concat(binned, ignore_index=True), provenance=provenance),
        known_to_model=_known(lifetimes, survival, fitted_on),
        confidence=confidence,
    )


def _check_people(people: Watched, small_cell: int) -> None:
    late = int((people.entry >= 0).sum())
    if late:
        raise ArgumentError(
            f"`validate` needs customers who are watched from the beginning; {late:,} of "
            f"{len(people.exit):,} entered late, and of whom they are the ones that remain is not "
            "known. Leave them out, or look at `concordance`, which compares within risk sets."
        )
    if len(people.exit) < small_cell:
        raise ArgumentError(
            f"`validate` needs {small_cell} customers or more (`small_cell`); got "
            f"{len(people.exit):,}."
        )


def _known(lifetimes: Lifetimes, survival: object, fitted_on: Lifetimes | None) -> int | None:
    """Count customers whom the model knew: none, where others' models predicted each."""
    if fitted_on is not None:
        return _in_both(lifetimes, fitted_on)
    return 0 if isinstance(survival, CrossPredictions) else None


def _in_both(judged: Lifetimes, fitted_on: Lifetimes) -> int | None:
    """Count customers of both; None where numbers of rows are all that tells customers apart."""
    one, other = judged.provenance, fitted_on.provenance
    numbered = any(part.parameters.get("customer_id", "") is None for part in (one, other))
    if numbered and one.fingerprint != other.fingerprint:
        return None
    mine = judged.frame["customer_id"].drop_duplicates()
    return int(mine.isin(fitted_on.frame["customer_id"]).sum())
