"""How many groups there are, if any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.paths.kinds import mixtures
from journeykit.paths.kinds.medoids import Partition, partition, silhouette_width
from journeykit.paths.kinds.nulls import one_chain, simulated
from journeykit.paths.kinds.sequences import Distinct, distinct
from journeykit.paths.kinds.stability import LEAST, stability

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from journeykit.paths.kinds.measures import Measure
    from journeykit.paths.kinds.mixtures import Mixture
    from journeykit.paths.kinds.sequences import Observed

#: Worlds of one kind drawn to see what groups chance makes; p is at least 1 / (this + 1).
NULL_RUNS = 39
LEVEL = 0.05
_STARTS = 8
_STARTS_AGAIN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """How many groups, and what speaks for it.

    Attributes
    ----------
    groups : int
        1 where there are no groups.
    stability : array of float64, shape (groups,)
        Mean Jaccard of each, in the order of the fit; empty for one group.
    p_value : float
        Of one kind of customers; NaN where it was not tested.
    order : int
        Of the Markov chain that stood for one kind; 0 where it was not tested.
    frame : pandas.DataFrame
        One row a number of groups tried.
    """

    groups: int
    stability: NDArray[np.float64]
    p_value: float
    order: int
    frame: pd.DataFrame

    def with_stability(self, likeness: NDArray[np.float64]) -> Choice:
        """Return a copy with another stability of its groups."""
        frame = self.frame.copy()
        if len(likeness):
            frame.loc[frame["groups"] == self.groups, "stability"] = likeness.min()
        return replace(self, stability=likeness, frame=frame)


@dataclass(frozen=True, slots=True, eq=False)
class MixtureChoice:
    """A choice and the mixture on the sample it was made on."""

    choice: Choice
    mixture: Mixture


@dataclass(frozen=True, slots=True, eq=False)
class MedoidChoice:
    """A choice and the partition of the sample's distinct journeys it was made on.

    Attributes
    ----------
    choice : Choice
    partition : Partition
    distinct : Distinct
    distance : array of float64, shape (n_distinct, n_distinct)
    """

    choice: Choice
    partition: Partition
    distinct: Distinct
    distance: NDArray[np.float64]


def choose_mixture(
    observed: Observed, *, groups: int | None, most: int, seed: int
) -> MixtureChoice:
    """Choose by BIC, by a test against one chain, and by stability, in this order.

    Groups are real only if two chains gain more likelihood over one than they do in nearly all of
    the sets of journeys drawn from a single chain; and only as many as are all stable.
    """
    table = mixtures.step_table(observed)
    weight = np.ones(len(table))
    numbers = range(1, most + 1) if groups is None else sorted({1, 2, groups})
    fits = {
        number: mixtures.fit(table, weight, number, seed=seed, starts=_STARTS) for number in numbers
    }
    frame = _mixture_frame(table, fits)
    bic = frame["bic"].to_numpy()
    wanted = int(frame["groups"].to_numpy()[np.argmin(bic)]) if groups is None else groups

    def stable(number: int) -> NDArray[np.float64]:
        def again(drawn: NDArray[np.float64], replicate: int) -> NDArray[np.int64]:
            fitted = mixtures.fit(
                table, drawn, number, seed=seed + 1 + replicate, starts=_STARTS_AGAIN
            )
            label: NDArray[np.int64] = fitted.probability.argmax(axis=1)
            return label

        label = fits[number].probability.argmax(axis=1)
        return stability(label, observed.hash, again, groups=number, seed=seed)

    p_value, order = (np.nan, 0) if wanted == 1 else _likelihood_ratio_test(observed, fits, seed)
    candidates = list(range(wanted, 1, -1)) if groups is None else [groups]
    if groups is None and not p_value <= LEVEL:
        candidates = []
    choice = _first_stable(candidates, stable, frame, p_value, order, given=groups is not None)
    return MixtureChoice(choice, fits[choice.groups])


def _mixture_frame(table: mixtures.StepTable, fits: dict[int, Mixture]) -> pd.DataFrame:
    number = np.array(list(fits))
    likelihood = np.array([fitted.log_likelihood for fitted in fits.values()])
    penalty = np.array([table.parameters(k) for k in fits]) * np.log(len(table))
    entropy = np.array([fitted.entropy for fitted in fits.values()])
    bic = -2 * likelihood + penalty
    return pd.DataFrame(
        {
            "groups": number,
            "log_likelihood": likelihood,
            "bic": bic,
            "icl": bic + 2 * entropy,
            "stability": np.nan,
        }
    )


def _likelihood_ratio_test(
    observed: Observed, fits: dict[int, Mixture], seed: int
) -> tuple[float, int]:
    """Return p of the gain of two chains over one, and the order of the chain of the null.

    Two chains are fitted anew, from as many starts as to what is drawn: the better of more starts
    would gain more where there is nothing.
    """
    table = mixtures.step_table(observed)
    two = mixtures.fit(table, np.ones(len(table)), 2, seed=seed, starts=_STARTS_AGAIN)
    gain = two.log_likelihood - fits[1].log_likelihood
    chain = one_chain(observed)
    as_large = 0
    for run, drawn in enumerate(simulated(observed, chain, runs=NULL_RUNS, seed=seed)):
        table = mixtures.step_table(drawn)
        weight = np.ones(len(table))
        one = mixtures.fit(table, weight, 1, seed=seed, starts=1)
        two = mixtures.fit(table, weight, 2, seed=seed + run, starts=_STARTS_AGAIN)
        as_large += two.log_likelihood - one.log_likelihood >= gain
    return (1 + as_large) / (NULL_RUNS + 1), chain.order


def choose_medoids(
    observed: Observed, measure: Measure, *, groups: int | None, most: int, seed: int
) -> MedoidChoice:
    """Choose by the silhouette against that of journeys of one chain, then by stability.

    Of each number of groups the mean silhouette width is compared with its mean among sets of
    journeys drawn from a single chain; the number that gains most over it is taken, if it gains
    more than the best number does in nearly all of those sets.

    References
    ----------
    Hennig, Lin (2015), Flexible parametric bootstrap for testing homogeneity against clustering
    and assessing the number of clusters, Statistics and Computing 25.
    """
    items = distinct(observed.sequences)
    distance = measure.within(items.sequences)
    tried = range(2, min(most if groups is None else groups, len(items.weight) - 1) + 1)
    found = {number: partition(distance, items.weight, number) for number in tried}
    found[1] = partition(distance, items.weight, 1)
    frame, p_value, order = _silhouette_test(observed, measure, distance, items, found, tried, seed)

    def stable(number: int) -> NDArray[np.float64]:
        label = found[number].label
        return medoid_stability(observed, items, distance, label, number, seed=seed)

    candidates: list[int] = []
    if groups is not None:
        candidates = [min(groups, max(found))]
    elif p_value <= LEVEL:
        wanted = int(frame["groups"].to_numpy()[np.argmax(frame["gain"].to_numpy())])
        candidates = list(range(wanted, 1, -1))
    choice = _first_stable(candidates, stable, frame, p_value, order, given=groups is not None)
    return MedoidChoice(choice, found[choice.groups], items, distance)


def medoid_stability(
    observed: Observed,
    items: Distinct,
    distance: NDArray[np.float64],
    label: NDArray[np.int64],
    groups: int,
    *,
    seed: int,
) -> NDArray[np.float64]:
    """Return the stability of groups of distinct journeys, customers being drawn again."""

    def again(drawn: NDArray[np.float64], replicate: int) -> NDArray[np.int64]:  # noqa: ARG001
        weight = np.bincount(items.number, weights=drawn, minlength=len(items.weight))
        return partition(distance, weight.astype(np.float64), groups).label[items.number]

    return stability(label[items.number], observed.hash, again, groups=groups, seed=seed)


def _silhouette_test(
    observed: Observed,
    measure: Measure,
    distance: NDArray[np.float64],
    items: Distinct,
    found: dict[int, Partition],
    tried: range,
    seed: int,
) -> tuple[pd.DataFrame, float, int]:
    """Return silhouettes beside those of one chain, p of the largest gain, and the order."""
    if len(tried) == 0:
        columns = ["groups", "silhouette", "silhouette_null", "gain", "stability"]
        return pd.DataFrame(columns=columns, dtype=np.float64), np.nan, 0
    seen = np.array([silhouette_width(distance, items.weight, found[k]) for k in tried])
    chain = one_chain(observed)
    null = np.zeros((NULL_RUNS, len(tried)))
    for run, like in enumerate(simulated(observed, chain, runs=NULL_RUNS, seed=seed)):
        drawn = distinct(like.sequences)
        far = measure.within(drawn.sequences)
        for place, number in enumerate(tried):
            if number < len(drawn.weight):
                groups = partition(far, drawn.weight, number)
                null[run, place] = silhouette_width(far, drawn.weight, groups)
    mean = null.mean(axis=0)
    gain, gain_null = seen - mean, (null - mean).max(axis=1)
    frame = pd.DataFrame(
        {
            "groups": list(tried),
            "silhouette": seen,
            "silhouette_null": mean,
            "gain": gain,
            "stability": np.nan,
        }
    )
    return frame, (1 + int((gain_null >= gain.max()).sum())) / (NULL_RUNS + 1), chain.order


def _first_stable(
    candidates: list[int],
    stable: Callable[[int], NDArray[np.float64]],
    frame: pd.DataFrame,
    p_value: float,
    order: int,
    *,
    given: bool,
) -> Choice:
    """Take the first number of groups that are all stable; a number that was given anyhow."""
    frame = frame.copy()
    for number in candidates:
        likeness = stable(number) if number > 1 else np.zeros(0)
        frame.loc[frame["groups"] == number, "stability"] = likeness.min(initial=np.inf)
        if given or likeness.min() >= LEAST:
            return Choice(number, likeness, p_value, order, frame)
    return Choice(1, np.zeros(0), p_value, order, frame)
