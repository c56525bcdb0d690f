"""Cox regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_choice, check_fraction, check_whole
from journeykit.errors import ArgumentError, JourneyKitWarning
from journeykit.results import Provenance
from journeykit.survival.lives import Lifetimes
from journeykit.survival.regression.coefficients import coefficient_table
from journeykit.survival.regression.design import Design, design
from journeykit.survival.regression.likelihood import (
    Moments,
    Ties,
    clustered_scores,
    information,
    moments,
)
from journeykit.survival.regression.model import ChiSquared, CoxModel, Fit, chi_squared
from journeykit.survival.regression.newton import Maximum, maximise, unidentified

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Share of the largest eigenvalue below which one is 0.
_ROUNDING = 1e-13


def cox(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
    ties: Ties = "efron",
    cause: str | None = None,
    clusters: str | None = None,
    weights: str | None = None,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> CoxModel:
    """Estimate how much covariates multiply the hazard of leaving.

    The hazard of a customer with covariates x in stratum s is h_s(t) exp(x' b), h_s being any
    function of time; b maximises the partial likelihood: at each event, that it was this customer
    who left among all of the stratum under risk, those with entry < t <= exit. Late entries and
    covariates that change from interval to interval therefore come in right. Tied events are
    treated as Efron proposed, or Breslow; the exact treatment is not offered.

    Errors are those of the model (inverse information) where each customer is one row. Where some
    have several, or rows are weighted, they are robust: summed score residuals of each cluster
    (Lin and Wei's sandwich, without a correction for few clusters: with fewer than about 50 they
    are too small).

    Parameters
    ----------
    lifetimes : Lifetimes
    covariates : sequence of str
        Columns: a number or boolean is one coefficient; a text or category one for each level but
        the first, in order of the categories or the alphabet.
    strata : sequence of str
        Columns whose combinations have hazards of their own.
    ties : {"efron", "breslow"}
    cause : str, optional
        Count only this end as the event, and censor at all others: its cause-specific hazard. It
        says at what rate those still there leave by it, not what share ever will.
    clusters : str, optional
        Column of rows that may depend on each other; "customer_id" for robust errors where each
        customer is one row.
    weights : str, optional
        Column of weights above 0. With Breslow's ties, weights of 2 are the same as every row
        twice; with Efron's they are not, as in R.
    confidence : float in (0, 1)
    small_cell : int
        Coefficients about fewer customers, such as those of a rare level, are not shown.

    Returns
    -------
    CoxModel

    Raises
    ------
    ArgumentError
        When covariates determine each other, or do not vary among those under risk.
    DataError
        When nobody left, or values are missing.
    MappingError
        When a column or the cause does not exist.

    Warns
    -----
    JourneyKitWarning
        When the likelihood grows for ever in a coefficient, as when nobody with a level left.

    References
    ----------
    Cox (1972), JRSS B 34; Efron (1977), JASA 72; Breslow (1974), Biometrics 30; Andersen, Gill
    (1982), Annals of Statistics 10; Lin, Wei (1989), JASA 84. R: survival::coxph.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival import cox
    >>> contracts = pd.DataFrame(
    ...     {"time": [1, 2, 3, 4, 5, 6], "status": [1, 1, 1, 1, 0, 0], "paid": [0, 1, 0, 1, 0, 1]}
    ... )
    >>> lives = lifetimes_from_frame(contracts, covariates=["paid"])
    >>> cox(lives, covariates=["paid"], small_cell=1).frame["hazard_ratio"].round(3).tolist()
    [0.76]
    """
    check_choice("ties", ties, ("efron", "breslow"))
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    ready = design(
        lifetimes,
        list(covariates),
        strata=list(strata),
        cause=cause,
        clusters=clusters,
        weights=weights,
    )
    given = {
        "covariates": tuple(covariates),
        "strata": tuple(strata),
        "ties": ties,
        "cause": cause,
        "clusters": clusters,
        "weights": weights,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    provenance = Provenance(lifetimes.provenance.fingerprint, given)
    return _fitted(ready, ties, provenance, confidence=confidence, small_cell=small_cell)


def cox_time_varying(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
    ties: Ties = "efron",
    cause: str | None = None,
    clusters: str = "customer_id",
    weights: str | None = None,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> CoxModel:
    """Estimate how much covariates that change over time multiply the hazard of leaving.

    Each row is an interval (entry, exit] in which the covariates of a customer stay what they are,
    as `counting_process` or `lifetimes_from_frame(..., customer_id=, start=)` give. It is `cox`
    with errors by customer.

    A covariate must not know the future: a customer who has met a touchpoint is compared, at each
    event, with those who have not met it yet. "Ever met" as a fixed covariate gives who stayed long
    enough to meet it the credit for having stayed (immortal time).

    Parameters, results, errors and warnings are those of `cox`.

    References
    ----------
    Andersen, Gill (1982), Annals of Statistics 10; Suissa (2008), American Journal of Epidemiology
    167, on immortal time.
    """
    return cox(
        lifetimes,
        covariates=covariates,
        strata=strata,
        ties=ties,
        cause=cause,
        clusters=clusters,
        weights=weights,
        confidence=confidence,
        small_cell=small_cell,
    )


def _fitted(
    ready: Design, ties: Ties, provenance: Provenance, *, confidence: float, small_cell: int
) -> CoxModel:
    sets, units = ready.sets, ready.units
    null = moments(sets, units, np.zeros(len(ready.scale)), ties)
    null_information = information(units, null)
    _check_identified(ready, null_information)
    robust_score = _robust_score(ready, null)
    top = maximise(sets, units, ties, null, null_information)
    _warn(ready, top)
    fit = _with_errors(ready, top, ties)
    frame, hidden = coefficient_table(
        fit, infinite=top.infinite, confidence=confidence, small_cell=small_cell
    )
    p = len(top.beta)
    endless = bool(top.infinite.any())
    gain = top.at.log_likelihood - null.log_likelihood
    wald = np.nan if endless else _squared(top.beta, fit.covariance)
    names = np.array(ready.encoding.names, dtype=object)
    return CoxModel(
        frame=frame,
        provenance=provenance,
        n=ready.n_customers,
        n_rows=len(sets.first),
        n_event=int(sets.event.sum()),
        log_likelihood=top.at.log_likelihood,
        log_likelihood_null=null.log_likelihood,
        likelihood_ratio=chi_squared(2 * gain, p),
        wald=chi_squared(wald, p),
        score=chi_squared(_squared(top.null_score, null_information), p),
        robust_score=robust_score,
        robust=ready.cluster is not None,
        converged=top.converged,
        confidence=confidence,
        small_cell=small_cell,
        suppressed=hidden,
        infinite=tuple(names[top.infinite]),
        fit=fit,
    )


def _with_errors(ready: Design, top: Maximum, ties: Ties) -> Fit:
    """Invert the information, in which a coefficient without a maximum is taken as known."""
    finite = np.flatnonzero(~top.infinite)
    by_model = np.zeros_like(top.information)
    if len(finite):
        by_model[np.ix_(finite, finite)] = _inverse(top.information[np.ix_(finite, finite)])
    covariance = by_model
    if ready.cluster is not None:
        n = int(ready.cluster.max()) + 1
        moved = clustered_scores(ready.sets, ready.units, top.at, ready.cluster, n) @ by_model
        covariance = moved.T @ moved
    return Fit(ready, top.at, top.beta, covariance, by_model, ties)


def _robust_score(ready: Design, null: Moments) -> ChiSquared | None:
    if ready.cluster is None:
        return None
    n, p = int(ready.cluster.max()) + 1, len(ready.scale)
    if n <= p:
        raise ArgumentError(
            "Robust errors need more clusters, by far, than coefficients; got "
            f"{n:,} clusters for {p:,}. Name finer `clusters` or fewer `covariates`."
        )
    scores = clustered_scores(ready.sets, ready.units, null, ready.cluster, n)
    return chi_squared(_squared(scores.sum(axis=0), scores.T @ scores), p)


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert a covariance or an information; directions without any get none."""
    return np.asarray(np.linalg.pinv(matrix, rcond=_ROUNDING, hermitian=True), dtype=np.float64)


def _squared(vector: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """Return the squared length of a vector in units of its covariance."""
    return float(vector @ _inverse(covariance) @ vector)


def _check_identified(ready: Design, null_information: NDArray[np.float64]) -> None:
    names = ready.encoding.names
    alone, together = unidentified(null_information, int(ready.sets.event.sum()))
    if alone:
        raise ArgumentError(
            "Covariates must differ among customers under risk together when someone leaves; "
            f"{', '.join(repr(names[at]) for at in alone)} never does. Leave it out, or group more "
            "coarsely."
        )
    if together:
        raise ArgumentError(
            "Covariates must not determine each other; these do: "
            f"{', '.join(repr(names[at]) for at in together)}. Leave one of them out."
        )


def _warn(ready: Design, top: Maximum) -> None:
    names = np.array(ready.encoding.names, dtype=object)
    if top.infinite.any():
        endless = ", ".join(map(repr, names[top.infinite]))
        warnings.warn(
            f"No finite hazard ratio fits {endless}: at every event those under risk are separated "
            "by it, as when nobody with a level left. The other estimates hold; leave it out, or "
            "merge it with another level.",
            JourneyKitWarning,
            stacklevel=4,
        )
    elif not top.converged:
        warnings.warn(
            "The likelihood was still growing when the search for its maximum ended; do not use "
            "these estimates. Leave out covariates, or rescale them.",
            JourneyKitWarning,
            stacklevel=4,
        )
