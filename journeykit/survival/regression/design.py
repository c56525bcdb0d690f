"""Lifetimes made ready for Cox's likelihood: risk sets, covariates, strata, clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.stats.risk_sets import joint_strata
from journeykit.survival.regression.riskset import (
    RiskSets,
    Singles,
    Units,
    counted,
    risk_sets,
    worth_counting,
)
from journeykit.survival.rows import Encoding, causes, encoding, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes
    from journeykit.survival.rows import Spans

#: The stratum of a model without strata.
EVERYONE = "all"
#: A covariate of more values than this in the first rows is taken for continuous.
_MOST_VALUES, _FIRST_ROWS = 200, 2_000
#: Patterns to expect at most.
_MOST_PATTERNS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What a model is fitted on.

    Attributes
    ----------
    sets : RiskSets
    units : Units
        Their covariates are centred and scaled to a standard deviation of 1.
    center, scale, reference : arrays, shape (p,)
        Of the covariates as given; `reference` is 0 where a covariate has no values but -1, 0 and
        1, else the mean.
    spread : array, shape (2, p)
        Smallest and largest value.
    encoding : Encoding
    strata : tuple of str
        Columns that make the strata.
    stratum_names : tuple of str
    stratum : array of int, shape (n_rows,), or None
    seen_until : array of int64, shape (n_strata,)
        Microseconds at which anyone of the stratum was last seen.
    spans : Spans
        With the event that the model is about.
    cluster : array of int64, shape (n_rows,), or None
        Rows of one cluster may depend on each other; None where the model's own errors are used.
    """

    sets: RiskSets
    units: Units
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    reference: NDArray[np.float64]
    spread: NDArray[np.float64]
    encoding: Encoding
    strata: tuple[str, ...]
    stratum_names: tuple[str, ...]
    stratum: NDArray[np.integer] | None
    seen_until: NDArray[np.int64]
    spans: Spans
    cluster: NDArray[np.int64] | None

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return int(self.spans.customer.max()) + 1

    def standardised(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the covariates of other customers on the scale of `units`, shape (n_rows, p)."""
        return (self.encoding.matrix(frame) - self.center) / self.scale


def design(
    lifetimes: Lifetimes,
    covariates: Sequence[str],
    *,
    strata: Sequence[str],
    cause: str | None,
    clusters: str | None,
    weights: str | None,
) -> Design:
    """Read lifetimes."""
    frame, each = lifetimes.frame, spans(lifetimes)
    if cause is not None:
        each = each._replace(event=of_cause(lifetimes, cause))
    if not each.event.any():
        raise DataError(
            f"Nobody left{'' if cause is None else f' by {cause!r}'} among the "
            f"{len(frame):,} rows, so nothing can be learned about leaving."
        )
    names, stratum = strata_of(frame, strata) if strata else ((EVERYONE,), None)
    sets = risk_sets(each, stratum, None if weights is None else _weights(frame, weights))
    coded, units = _units(frame, covariates, sets)
    return Design(
        sets=sets,
        units=units,
        **_standardise(units)._asdict(),
        encoding=coded,
        strata=tuple(strata),
        stratum_names=names,
        stratum=stratum,
        seen_until=_last_exits(each.exit, stratum, len(names)),
        spans=each,
        cluster=_clusters(frame, each.customer, clusters, weighted=weights is not None),
    )


class _Scale(NamedTuple):
    """As in `Design`."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    reference: NDArray[np.float64]
    spread: NDArray[np.float64]


def _standardise(units: Units) -> _Scale:
    """Centre and scale covariates in place: those of millions of rows are not held twice."""
    share = np.bincount(units.unit, minlength=len(units.x)) / len(units.unit)
    spread = np.array([units.x.min(axis=0), units.x.max(axis=0)])
    center, scale = share @ units.x, np.ones(units.x.shape[1])
    flags = np.array([_only_signs(column) for column in units.x.T])
    for column in range(units.x.shape[1]):
        x = units.x[:, column]
        x -= center[column]
        scale[column] = np.sqrt(share @ x**2) or 1.0
        x /= scale[column]
    return _Scale(center, scale, np.where(flags, 0.0, center), spread)


def _last_exits(
    exits: NDArray[np.int64], stratum: NDArray[np.integer] | None, n: int
) -> NDArray[np.int64]:
    if stratum is None:
        return np.array([exits.max()], dtype=np.int64)
    last = np.full(n, -1, dtype=np.int64)
    np.maximum.at(last, stratum, exits)
    return last


def _only_signs(x: NDArray[np.float64]) -> bool:
    """Tell whether a covariate has no values but -1, 0 and 1; most others show it early."""
    known = [-1, 0, 1]
    return bool(np.isin(x[:_FIRST_ROWS], known).all()) and bool(np.isin(x, known).all())


def of_cause(lifetimes: Lifetimes, cause: str) -> NDArray[np.bool_]:
    """Tell which rows end by that cause."""
    names, code = causes(lifetimes)
    check_known("cause", [cause], names, what="ends")
    return np.asarray(code == names.index(cause) + 1)


def _units(
    frame: pd.DataFrame, covariates: Sequence[str], sets: RiskSets
) -> tuple[Encoding, Units]:
    """Count patterns of covariates where there are few, else take each row for itself."""
    found = _patterns(frame, covariates)
    if found is not None and worth_counting(sets, len(found[1])):
        unit, example = found
        few = frame.iloc[example]
        coded = encoding(few, covariates)
        return coded, counted(sets, coded.matrix(few), unit)
    coded = encoding(frame, covariates)
    return coded, Singles(sets, coded.matrix(frame), np.arange(len(frame), dtype=np.int32))


def _patterns(
    frame: pd.DataFrame, covariates: Sequence[str]
) -> tuple[NDArray[np.int32], NDArray[np.int64]] | None:
    """Give a number and a row to each combination of values; None where they are many.

    What is wrong with a covariate is left to `encoding` to say.
    """
    if not set(covariates) <= set(frame.columns):
        return None
    codes, n = [], 1
    for name in dict.fromkeys(covariates):
        if frame[name].iloc[:_FIRST_ROWS].nunique() > _MOST_VALUES:
            return None
        code, values = pd.factorize(frame[name])
        n *= len(values)
        known = pd.api.types.is_numeric_dtype(values.dtype)
        endless = known and not np.isfinite(np.asarray(values, dtype=np.float64)).all()
        if endless or len(values) < 2 or n > _MOST_PATTERNS or (code < 0).any():
            return None
        codes.append(code)
    if not codes:
        return None
    unit, n = joint_strata(*codes)
    example = np.empty(n, dtype=np.int64)
    example[unit] = np.arange(len(unit))
    return unit.astype(np.int32), example


def strata_of(
    frame: pd.DataFrame, strata: Sequence[str], /
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of the combinations of values that occur, and each row's."""
    check_known("strata", strata, list(map(str, frame.columns)), what="columns")
    codes, texts = [], []
    for name in strata:
        code, values = pd.factorize(frame[name], sort=True)
        _refuse_empty(name, code < 0)
        codes.append(code)
        texts.append([f"{name}={_written(value)}" for value in values])
    stratum, n = joint_strata(*codes)
    example = np.empty(n, dtype=np.int64)
    example[stratum] = np.arange(len(stratum))
    names = [
        ", ".join(text[code[row]] for text, code in zip(texts, codes, strict=True))
        for row in example
    ]
    return tuple(names), stratum


def _written(value: object) -> str:
    """Write a value; whole numbers that missing ones turned into floats stay whole."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _refuse_empty(name: str, empty: NDArray[np.bool_]) -> None:
    if empty.any():
        raise DataError(
            f"Column {name!r} must say to which group a row belongs; {int(empty.sum()):,} of "
            f"{len(empty):,} rows are empty. Leave these rows out or make the missing a group."
        )


def _weights(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    check_known("weights", [name], list(map(str, frame.columns)), what="columns")
    try:
        weight: NDArray[np.float64] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"Weights {name!r} must be numbers; got {frame[name].dtype}.") from None
    wrong = ~(np.isfinite(weight) & (weight > 0))
    if wrong.any():
        raise DataError(
            f"Weights {name!r} must be greater than 0; {int(wrong.sum()):,} of {len(wrong):,} rows "
            f"are not, such as {float(weight[wrong][0])!r}. Leave these rows out."
        )
    return weight


def _clusters(
    frame: pd.DataFrame, customer: NDArray[np.int64], clusters: str | None, *, weighted: bool
) -> NDArray[np.int64] | None:
    if clusters is None:
        several = int(customer.max()) + 1 < len(customer)
        return customer if several or weighted else None
    if clusters == "customer_id":
        return customer
    check_known("clusters", [clusters], list(map(str, frame.columns)), what="columns")
    code = pd.factorize(frame[clusters])[0]
    _refuse_empty(clusters, code < 0)
    return np.asarray(code, dtype=np.int64)
