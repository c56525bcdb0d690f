"""How far customers' journeys are from each other, all pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_whole
from journeykit.draw import PALETTE, axes, tidy
from journeykit.errors import DataError
from journeykit.paths.kinds.measures import Distance, Scale, Substitution, make_measure
from journeykit.paths.kinds.sequences import distinct, first_comparable, observe
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Distances(Result):
    """``path n_steps n share mean_distance``, one row a distinct journey, the most frequent first.

    Attributes
    ----------
    matrix : array of float64, shape (n_distinct, n_distinct)
        Distances between the rows of the frame; symmetric, 0 on the diagonal.
    n_customers, n_left_out : int
        Customers whose journeys are compared, and those without anything to compare.
    """

    matrix: NDArray[np.float64]
    n_customers: int
    n_left_out: int
    rows: ClassVar[str] = "distinct journeys"

    def summary(self) -> str:
        """Say how far apart journeys are, and which is in their middle."""
        middle = self.frame.loc[self.frame["mean_distance"].idxmin()]
        mean = float((self.frame["share"] * self.frame["mean_distance"]).sum())
        return (
            f"{len(self.frame):,} distinct journeys of {self.n_customers:,} customers, on average "
            f"{mean:.3g} apart; nearest to all others is {middle['path']}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how distances between the journeys of two customers are spread."""
        ax = axes(ax)
        weight = self.frame["n"].to_numpy(dtype=float)
        pairs = np.outer(weight, weight)
        np.fill_diagonal(pairs, weight * (weight - 1))
        total = max(float(pairs.sum()), 1.0)
        ax.hist(self.matrix.ravel(), bins=30, weights=pairs.ravel() / total, color=PALETTE[0])
        ax.set_xlabel("distance between the journeys of two customers")
        ax.set_ylabel("share of pairs")
        return tidy(ax, grid="y")


def distances(
    journeys: Journeys,
    /,
    *,
    distance: Distance = "optimal_matching",
    substitution: Substitution = "constant",
    substitution_cost: float = 2.0,
    indel_cost: float = 1.0,
    scale: Scale = "none",
    ngram: int = 2,
    within_days: float | None = None,
    longest: int = 500,
    most_distinct: int = 5_000,
) -> Distances:
    """Compare the distinct journeys of customers, each with each.

    Of cut journeys each customer's first counts whose beginning and end were seen; whole ones
    count as they are. The path of an outcome journey ends before its conversion.

    Parameters
    ----------
    journeys : Journeys
    distance : {"optimal_matching", "common_subsequence", "hamming", "ngram_cosine"}
        The least cost of edits that turn one journey into the other; n + m - 2 L for the longest
        common subsequence L; the number of positions that differ, those beyond the end of the
        shorter included; 1 - cosine of the counts of n-grams, the journey's two edges counting as
        touchpoints (not for n = 1).
    substitution : {"constant", "transition_rate"}
        What optimal matching lets a substitution of a by b cost: `substitution_cost`; or
        2 - P(b | a) - P(a | b) among the journeys compared, an indel then costs half the dearest
        (at least 0.5), and the triangle inequality may fail.
    substitution_cost, indel_cost : float
        At constant costs; with a substitution of at least two indels, optimal matching is the
        longest common subsequence.
    scale : {"none", "longest", "geometric_mean"}
        As they are; divided by the longer length times the dearest indel; or 1 less what two
        journeys have in common over the geometric mean of their lengths n and m:
        1 - (D - d) / (s sqrt(n m)), s being the dearest substitution (at most two indels) and D
        the largest distance of journeys so long. With subsequences that is 1 - L / sqrt(n m).
        N-gram cosines are in [0, 1] already.
    ngram : int
    within_days : float, optional
        See `typology`.
    longest : int
        Most steps of a journey: time grows with the square.
    most_distinct : int
        Most distinct journeys: memory is 8 bytes a pair.

    Raises
    ------
    DataError
        Nothing to compare, a journey that is too long, or too many distinct ones.

    Warns
    -----
    JourneyKitWarning
        Whole journeys that were watched for different spans, and no `within_days`.

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> made = Journeys(
    ...     names=("mail", "shop", "web"),
    ...     touchpoint=np.array([2, 1, 2, 0, 1, 2, 1], dtype=np.uint8),
    ...     start=np.array([0, 2, 5, 7]),
    ... )
    >>> found = distances(made, distance="common_subsequence")
    >>> found.frame[["path", "n", "mean_distance"]].round(2)
                    path  n  mean_distance
    0         web > shop  2           0.33
    1  web > mail > shop  1           0.67

    References
    ----------
    Gabadinho, Ritschard, Müller, Studer (2011), Analyzing and visualizing state sequences in R
    with TraMineR, Journal of Statistical Software 40. Studer, Ritschard (2016), What matters in
    differences between life trajectories, JRSS A 179.
    """
    check_whole("most_distinct", most_distinct, least=1)
    observed = first_comparable(observe(journeys, within_days=within_days))
    measure = make_measure(
        observed.sequences,
        distance=distance,
        substitution=substitution,
        scale=scale,
        ngram=ngram,
        longest=longest,
        substitution_cost=substitution_cost,
        indel_cost=indel_cost,
    )
    items = distinct(observed.sequences)
    if len(items.weight) > most_distinct:
        raise DataError(
            f"There are {len(items.weight):,} distinct journeys, more than `most_distinct`="
            f"{most_distinct:,}; take some customers with `journeys.sample`, or raise it."
        )
    order = np.argsort(-items.weight, kind="stable")
    sequences = items.sequences.take(order)
    matrix = measure.within(sequences)
    n = items.weight[order]
    frame = pd.DataFrame(
        {
            "path": [sequences.text(number) for number in range(len(sequences))],
            "n_steps": sequences.length,
            "n": n.astype(np.int64),
            "share": n / n.sum(),
            "mean_distance": (matrix * n).sum(axis=1) / n.sum(),
        }
    )
    parameters = {
        "distance": distance,
        "substitution": substitution,
        "substitution_cost": substitution_cost,
        "indel_cost": indel_cost,
        "scale": scale,
        "ngram": ngram,
        "within_days": within_days,
        "longest": longest,
    }
    return Distances(
        frame=frame,
        provenance=Provenance(fingerprint=journeys.fingerprint, parameters=parameters),
        matrix=matrix,
        n_customers=len(observed.hash),
        n_left_out=journeys.n_customers - len(observed.hash),
    )
