"""Gray's test: do groups come to one end at different rates, the other ends being what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_known, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.results import Provenance, Result
from journeykit.survival.competing.ends import Ends, ends_of
from journeykit.survival.lives import _grouped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

#: Share of the largest eigenvalue below which one is 0.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GrayTest(Result):
    """``group n n_event expected``: who came to the end, and expected with one incidence for all.

    Attributes
    ----------
    cause : str
    statistic : float
        Chi-squared.
    degrees_of_freedom : int
    p_value : float
    suppressed : tuple of str
        Groups of fewer than `small_cell` customers, which took no part.
    """

    cause: str
    statistic: float
    degrees_of_freedom: int
    p_value: float
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "groups"

    def summary(self) -> str:
        """Return the test in one sentence."""
        p = "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.4f}"
        left = f"; {len(self.suppressed)} too small to take part" if self.suppressed else ""
        return (
            f"Gray's test of coming to {self.cause!r} in {len(self.frame)} groups: chi-squared "
            f"{self.statistic:.2f} on {self.degrees_of_freedom} degrees of freedom, {p}{left}"
        )


class _Score(NamedTuple):
    """Events and those expected, shape (g,), and their weighted difference with its covariance."""

    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    difference: NDArray[np.float64]
    covariance: NDArray[np.float64]


def gray_test(
    lifetimes: Lifetimes,
    /,
    *,
    by: str,
    cause: str,
    rho: float = 0.0,
    strata: str | None = None,
    small_cell: int = 10,
) -> GrayTest:
    """Test whether groups have one cumulative incidence of an end, by Gray's test.

    A log-rank test of the end's own hazard asks another question: a group may come to an end less
    often only because another end takes its customers first. This one compares subdistribution
    hazards. Group g weighs R_g(t) = n_g (1 - F_g(t-)) / S_g(t-), with n_g under risk, F_g its
    incidence of the end and S_g its share that has come to none, and the score is the sum over
    times of (1 - F(t-))^rho (d_g - d R_g / sum R), with d events of the end. Its covariance is
    that of the martingales of both the end and the others, F_g and S_g estimated, with
    hypergeometric corrections at ties; scores and covariances of strata add up.

    Late entries are under risk from their entry on: n_g, F_g and S_g are those of the
    left-truncated data, for which the same martingales hold. Programs such as cmprsk do not take
    them.

    Parameters
    ----------
    lifetimes : Lifetimes
        With `cause`.
    by : str
        Column of the lifetimes that makes the groups.
    cause : str
        The end to compare; all others compete with it.
    rho : float
        Weight (1 - F)^rho of Harrington and Fleming's kind, F being the pooled incidence: 0 for
        Gray's test proper, more for early differences, less for late ones.
    strata : str, optional
        Column within whose values groups are compared; customers without one form a stratum.
    small_cell : int
        Groups of fewer customers take no part.

    Returns
    -------
    GrayTest

    Raises
    ------
    ArgumentError
        When the end is none of the lifetimes', fewer than two groups are left, or no customer
        comes to the end while two groups are under risk.
    DataError
        When a customer comes to an end more than once, or changes groups or strata.
    MappingError
        When there is no column `by` or `strata`.

    References
    ----------
    Gray (1988), A class of k-sample tests for comparing the cumulative incidence of a competing
    risk, Annals of Statistics 16. R: cmprsk::cuminc.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival.competing import gray_test
    >>> lives = pd.DataFrame({"time": range(1, 41), "plan": ["a", "b"] * 20, "status": 1})
    >>> lives["to"] = ["rival", "nobody", "nobody", "rival", "nobody"] * 8
    >>> lives = lifetimes_from_frame(lives, cause="to", groups=["plan"])
    >>> round(gray_test(lives, by="plan", cause="rival").p_value, 3)
    0.998
    """
    ends, shown = _compared(lifetimes, by, cause, rho, strata, small_cell)
    score = _scores(
        ends, shown, ends.names.index(cause) + 1, _grouped(lifetimes.frame, strata)[1], rho
    )
    statistic, degrees = _chi_squared(score, cause)
    frame = pd.DataFrame(
        {
            "group": [ends.groups[g] for g in shown],
            "n": ends.customers[shown],
            "n_event": score.observed.astype(np.int64),
            "expected": score.expected,
        }
    )
    few = (ends.customers > 0) & (ends.customers < small_cell)
    given = {"by": by, "cause": cause, "rho": rho, "strata": strata, "small_cell": small_cell}
    return GrayTest(
        frame=frame,
        provenance=Provenance(lifetimes.provenance.fingerprint, given),
        cause=cause,
        statistic=statistic,
        degrees_of_freedom=degrees,
        p_value=float(stats.chi2.sf(statistic, degrees)),
        suppressed=tuple(ends.groups[g] for g in np.flatnonzero(few)),
    )


def _compared(
    lifetimes: Lifetimes, by: str, cause: str, rho: float, strata: str | None, small_cell: int
) -> tuple[Ends, NDArray[np.intp]]:
    """Check what came; return the ends and which groups take part."""
    check_whole("small_cell", small_cell, least=1)
    if isinstance(rho, bool) or not isinstance(rho, int | float) or not np.isfinite(rho):
        raise ArgumentError(f"`rho` must be a finite number; got {rho!r}.")
    ends = ends_of(lifetimes, by=by)
    check_known("cause", [cause], ends.names, what="ends")
    for name in (by, strata):
        _check_settled(lifetimes, name)
    shown = np.flatnonzero(ends.customers >= small_cell)
    if len(shown) < 2:
        raise ArgumentError(
            f"`gray_test` needs at least two groups of {small_cell} customers or more; got "
            f"{len(shown)} (`by` = {by!r}). Name another `by` or lower `small_cell`."
        )
    return ends, shown


def _chi_squared(score: _Score, cause: str) -> tuple[float, int]:
    """Return the statistic and its degrees of freedom."""
    degrees = int(np.linalg.matrix_rank(score.covariance, rtol=_ROUNDING, hermitian=True))
    if degrees == 0:
        raise ArgumentError(
            f"The groups cannot be compared: nobody comes to {cause!r} while two of them are "
            "under risk."
        )
    inverse = np.linalg.pinv(score.covariance, rcond=_ROUNDING, hermitian=True)
    return float(score.difference @ inverse @ score.difference), degrees


def _check_settled(lifetimes: Lifetimes, name: str | None) -> None:
    """Refuse customers who change groups: an incidence is that of people who stay in one."""
    customer = lifetimes.frame["customer_id"]
    if name is None or customer.is_unique:
        return
    held = pd.DataFrame({"customer": customer, "value": _grouped(lifetimes.frame, name)[1]})
    n_customers = held["customer"].nunique()
    changing = int(held.drop_duplicates()["customer"].value_counts().gt(1).sum())
    if changing:
        raise DataError(
            f"Customers must keep one value of {name!r}; {changing:,} of {n_customers:,} change "
            "it. Give all rows of a customer their first value, or use `cox` with `cause`."
        )


def _scores(
    ends: Ends,
    shown: NDArray[np.intp],
    which: int,
    stratum: NDArray[np.integer],
    rho: float,
) -> _Score:
    """Add up the comparisons within strata."""
    kind = np.where(ends.kind == which, 1, np.where(ends.kind > 0, 2, 0))
    code = np.full(len(ends.groups), -1)
    code[shown] = np.arange(len(shown))
    group = code[ends.group]
    parts = []
    for one in np.unique(stratum[group >= 0]):
        rows = np.flatnonzero((stratum == one) & (group >= 0))
        parts.append(_score(ends, kind, group, rows, len(shown), rho))
    return _Score(*(np.sum(part, axis=0) for part in zip(*parts, strict=True)))


class _Tables(NamedTuple):
    """Events of the end and of the others, and who is under risk; shape (g, m), by group."""

    own: NDArray[np.float64]
    other: NDArray[np.float64]
    n: NDArray[np.float64]


def _tables(
    ends: Ends,
    kind: NDArray[np.integer],
    group: NDArray[np.integer],
    rows: NDArray[np.intp],
    n_groups: int,
) -> _Tables:
    """Count at the times at which anyone comes to any end."""
    exits, ended = ends.exit[rows], kind[rows]
    times = np.unique(exits[ended > 0])
    at = np.searchsorted(times, exits)
    cells = group[rows] * len(times) + np.minimum(at, len(times) - 1)
    own, other = (
        np.bincount(cells[ended == k], minlength=n_groups * len(times)).reshape(n_groups, -1)
        for k in (1, 2)
    )
    n = np.empty((n_groups, len(times)))
    for g in range(n_groups):
        mine = rows[group[rows] == g]
        n[g] = np.searchsorted(np.sort(ends.entry[mine]), times)
        n[g] -= np.searchsorted(np.sort(ends.exit[mine]), times)
    return _Tables(own.astype(np.float64), other.astype(np.float64), n)


def _score(
    ends: Ends,
    kind: NDArray[np.integer],
    group: NDArray[np.integer],
    rows: NDArray[np.intp],
    n_groups: int,
    rho: float,
) -> _Score:
    """Compare the groups of one stratum."""
    zero = np.zeros(n_groups)
    if not (kind[rows] > 0).any():
        return _Score(zero, zero, zero, np.zeros((n_groups, n_groups)))
    own, other, n = _tables(ends, kind, group, rows, n_groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.asarray(np.cumprod(np.where(n > 0, (n - own - other) / n, 1.0), axis=1), float)
        before = _shifted(left, 1.0)
        # A group of which all have left says nothing about those who enter later.
        there = (n > 0) & (before > 0)
        share = np.cumsum(np.where(there, before * own / n, 0.0), axis=1)
        height = np.where(there, n / before, 0.0)
    own = np.where(there, own, 0.0)
    weight_of = height * (1 - _shifted(share, 0.0))
    d, whole = own.sum(axis=0), height.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(whole > 0, d / whole, 0.0)
        part = np.where(weight_of.sum(axis=0) > 0, weight_of / weight_of.sum(axis=0), 0.0)
    pooled: NDArray[np.float64] = np.cumsum(step)
    remaining = 1 - np.concatenate([[0.0], pooled[:-1]])
    weight = np.where(remaining > 0, remaining, 1.0) ** rho
    difference = (weight * (own - d * part)).sum(axis=1)
    tables = _Tables(own, other, n)
    covariance = _covariance(tables, there, before, left, height, weight)
    return _Score(own.sum(axis=1), (d * part).sum(axis=1), difference, covariance)


def _covariance(
    tables: _Tables,
    there: NDArray[np.bool_],
    before: NDArray[np.float64],
    left: NDArray[np.float64],
    height: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the covariance of the score, shape (g, g).

    In units of the end's incidence, an event of it in group k at u moves the score of group i by
    A_ik(u) + (1 - (1 - F(u)) / S_k(u)) (C_ik - c_ik(u)), and one of another end by
    -(1 - F(u)) / S_k(u) (C_ik - c_ik(u)). Here A_ik = (1 - F(t-))^rho h_k ([i = k] - h_i / h) with
    h_k = n_k / S_k(t-), c_ik(u) is the sum over t <= u of A_ik dF(t) / (1 - F(t-)) and C_ik its
    last value: what an event changes in the estimates of S_k and F_k that later times rest on.
    """
    own, other, n = tables
    n_groups, d, whole = len(n), own.sum(axis=0), height.sum(axis=0)
    ratio = height / np.where(whole > 0, whole, 1.0)
    step = d / np.where(whole > 0, whole, 1.0)
    pooled: NDArray[np.float64] = np.cumsum(step)
    remaining = 1 - np.concatenate([[0.0], pooled[:-1]])
    rise = step / np.where(remaining > 0, remaining, 1.0)
    covariance = np.zeros((n_groups, n_groups))
    for k in range(n_groups):
        a = weight * height[k] * (np.eye(n_groups)[k][:, None] - ratio)
        c = np.cumsum(a * rise, axis=1)
        later = c[:, -1:] - c
        with np.errstate(divide="ignore", invalid="ignore"):
            back = np.where(left[k] > 0, (1 - pooled) / left[k], 0.0)
            noise = before[k] * step / n[k] * _tied(d, whole * before[k])
            aside = before[k] ** 2 * other[k] / n[k] ** 2 * _tied(other[k], n[k])
        moved, drawn = a + (1 - back) * later, back * later
        noise = np.where(there[k], noise, 0.0)
        aside = np.where(there[k] & (left[k] > 0), aside, 0.0)
        covariance += (moved * noise) @ moved.T + (drawn * aside) @ drawn.T
    return covariance


def _tied(d: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much ties make events vary less: (n - d) / (n - 1), hypergeometric."""
    return np.where(d > 1, 1 - (d - 1) / (n - 1), 1.0)


def _shifted(values: NDArray[np.float64], first: float) -> NDArray[np.float64]:
    """Return what holds just before each time."""
    return np.concatenate([np.full((len(values), 1), first), values[:, :-1]], axis=1)
