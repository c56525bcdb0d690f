"""Fine and Gray's regression: which covariates raise the share that comes to an end."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from journeykit.checks import check_choice, check_fraction, check_known, check_whole
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.results import Provenance
from journeykit.survival.competing.ends import Ends, ends_of
from journeykit.survival.competing.model import FineGray, Fitted
from journeykit.survival.competing.weighing import (
    Maximum,
    Ties,
    maximise,
    moments,
    score_influence,
    weighed,
)
from journeykit.survival.regression.coefficients import Errors, Who, ratio_table
from journeykit.survival.regression.newton import unidentified
from journeykit.survival.rows import Encoding, encoding

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

#: How ties are treated.
Way = Literal["efron", "breslow", "cmprsk"]


def fine_gray(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    cause: str,
    ties: Way = "efron",
    confidence: float = 0.95,
    small_cell: int = 10,
) -> FineGray:
    """Estimate how much covariates multiply the subdistribution hazard of an end.

    1 - F(t | x) = (1 - F_0(t))^exp(x' b), F being the share that has come to the end: a ratio
    above 1 means that more of those customers come to it, by whatever way, also because other
    ends take fewer of them. For the rate among those who are still there use `cox` with `cause`.

    Who came to another end stays in the risk sets with weight G(t-) / G(T_i-), with G the
    Kaplan-Meier share that is not censored yet; censoring must not depend on the covariates. Ends
    come before censorings at the same time, so S(t) G(t) is the share still there.

    `std_error` is Fine and Gray's sandwich, the estimate of G included. Weighted Cox programs,
    such as R's coxph on the rows of finegray, leave G's part out.

    Parameters
    ----------
    lifetimes : Lifetimes
        With `cause`; one row a customer, all of them under risk from the very beginning: with late
        entries the weights would need the distribution of the entries too.
    covariates : sequence of str
        Columns: a number or boolean is one coefficient; a text or category one for each level but
        the first.
    cause : str
        The end; all others compete with it.
    ties : {"efron", "breslow", "cmprsk"}
        For ends at one time. "cmprsk" gives the values of that R package: Breslow's ties, those
        who end at t among those that could be censored at t, and the variance without ties.
    confidence : float in (0, 1)
    small_cell : int
        Coefficients about fewer customers, such as those of a rare level, are not shown.

    Returns
    -------
    FineGray

    Raises
    ------
    ArgumentError
        When covariates determine each other, or do not vary among those under risk.
    DataError
        When customers enter late or have several rows, nobody comes to the end, or values are
        missing.
    MappingError
        When a covariate is no column, or the end none of the lifetimes'.

    Warns
    -----
    JourneyKitWarning
        When no finite ratio fits, as when nobody with a level came to the end.

    References
    ----------
    Fine, Gray (1999), A proportional hazards model for the subdistribution of a competing risk,
    JASA 94. R: cmprsk::crr, survival::finegray.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival.competing import fine_gray
    >>> lives = pd.DataFrame({"time": range(1, 41), "paid": [0, 1] * 20, "status": 1})
    >>> lives["to"] = ["rival", "nobody", "nobody", "rival", "nobody"] * 8
    >>> lives = lifetimes_from_frame(lives, cause="to", covariates=["paid"])
    >>> fine_gray(lives, covariates=["paid"], cause="rival").frame["hazard_ratio"].round(2).tolist()
    [1.0]
    """
    check_choice("ties", ties, ("efron", "breslow", "cmprsk"))
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    ends = ends_of(lifetimes)
    check_known("cause", [cause], ends.names, what="ends")
    _check_rows(ends.entry, lifetimes.frame)
    kind = _kinds(ends, cause)
    coded = encoding(lifetimes.frame, covariates)
    x = coded.matrix(lifetimes.frame)
    fitted, model_error = _fitted(coded, x, ends.exit, kind, ties)
    frame, hidden = _table(fitted, x, kind == 1, model_error, confidence, small_cell)
    given: dict[str, object] = {"covariates": tuple(covariates), "cause": cause, "ties": ties}
    given |= {"confidence": confidence, "small_cell": small_cell}
    top = fitted.top
    return FineGray(
        frame=frame,
        provenance=Provenance(lifetimes.provenance.fingerprint, given),
        cause=cause,
        n=len(kind),
        n_event=int((kind == 1).sum()),
        log_likelihood=top.at.log_likelihood,
        log_likelihood_null=top.null.log_likelihood,
        converged=top.converged,
        confidence=confidence,
        small_cell=small_cell,
        suppressed=hidden,
        fitted=fitted,
    )


def _kinds(ends: Ends, cause: str) -> NDArray[np.int64]:
    """Return 0 for the censored, 1 for those who came to the end, 2 for those to another."""
    which = ends.names.index(cause) + 1
    kind = np.where(ends.kind == which, 1, np.where(ends.kind > 0, 2, 0))
    if not (kind == 1).any():
        raise DataError(f"Nobody comes to {cause!r}, so nothing can be learned about it.")
    return kind


def _fitted(
    coded: Encoding,
    x: NDArray[np.float64],
    time: NDArray[np.int64],
    kind: NDArray[np.integer],
    ties: Way,
) -> tuple[Fitted, NDArray[np.float64]]:
    """Fit on standardised covariates; return the model's own errors of the coefficients, too."""
    center, scale = x.mean(axis=0), x.std(axis=0)
    standard = (x - center) / scale
    sets = weighed(time, kind, ends_first=ties != "cmprsk")
    way: Ties = "efron" if ties == "efron" else "breslow"
    null = moments(sets, standard, np.zeros(x.shape[1]), way)
    _check_identified(coded.names, null.information, int((kind == 1).sum()))
    top = maximise(sets, standard, way)
    _warn(top, coded.names)
    finite = np.flatnonzero(~top.infinite)
    inverse = np.zeros((x.shape[1], x.shape[1]))
    block = np.ix_(finite, finite)
    inverse[block] = np.linalg.pinv(top.at.information[block], hermitian=True)
    moved = score_influence(sets, standard, top.at).both @ inverse
    fitted = Fitted(
        encoding=coded,
        center=center,
        scale=scale,
        x=standard,
        sets=sets,
        top=top,
        covariance=moved.T @ moved,
        moved=moved,
        times=np.unique(time[kind == 1]),
        last=int(time.max()),
    )
    return fitted, np.sqrt(np.diag(inverse)) / scale


def _check_rows(entry: NDArray[np.int64], frame: pd.DataFrame) -> None:
    if late := int((entry >= 0).sum()):
        raise DataError(
            "`fine_gray` needs everyone to be under risk from the very beginning; "
            f"{late:,} of {len(entry):,} rows enter late. Use `cox` with `cause`, which takes "
            "them, or `cumulative_incidence` by group."
        )
    if several := int(frame["customer_id"].duplicated().sum()):
        raise DataError(
            "`fine_gray` needs one row a customer, as covariates cannot change after another end; "
            f"{several:,} of {len(entry):,} rows are a customer's second or later. Keep what was "
            "known at the start, or use `cox` with `cause`."
        )


def _check_identified(
    names: tuple[str, ...], information: NDArray[np.float64], n_event: int
) -> None:
    alone, together = unidentified(information, n_event)
    if alone:
        raise ArgumentError(
            "Covariates must differ among customers under risk together when someone comes to the "
            f"end; {', '.join(repr(names[at]) for at in alone)} never does. Leave it out, or group "
            "more coarsely."
        )
    if together:
        raise ArgumentError(
            "Covariates must not determine each other; these do: "
            f"{', '.join(repr(names[at]) for at in together)}. Leave one of them out."
        )


def _warn(top: Maximum, names: tuple[str, ...]) -> None:
    if top.infinite.any():
        endless = ", ".join(repr(names[at]) for at in np.flatnonzero(top.infinite))
        warnings.warn(
            f"No finite ratio fits {endless}: the covariate separates those who come to the end "
            "from those who do not, as when nobody with a level does. Leave it out, or merge the "
            "level with another.",
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


def _who(x: NDArray[np.float64], event: NDArray[np.bool_]) -> Who:
    """Count customers and events: of the larger of two values, or all of a number."""
    n, n_event, n_other = [], [], []
    for values in x.T:
        low, high = values.min(), values.max()
        two = bool(((values == low) | (values == high)).all())
        had = values == high if two else np.ones(len(values), dtype=bool)
        n.append(had.sum())
        n_event.append((had & event).sum())
        n_other.append((~had).sum() if two else len(values))
    return Who(np.array(n), np.array(n_event), np.array(n_other))


def _table(
    fitted: Fitted,
    x: NDArray[np.float64],
    event: NDArray[np.bool_],
    model_error: NDArray[np.float64],
    confidence: float,
    small_cell: int,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    infinite = fitted.top.infinite
    errors = Errors(
        fitted.estimate,
        np.where(infinite, np.nan, np.sqrt(np.diag(fitted.covariance)) / fitted.scale),
        np.where(infinite, np.nan, model_error),
    )
    return ratio_table(
        fitted.encoding, _who(x, event), errors, confidence=confidence, small_cell=small_cell
    )
