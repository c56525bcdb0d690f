"""How far two journeys are from each other."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from journeykit.checks import check_choice, check_positive, check_whole
from journeykit.counts.kernels import gram_codes
from journeykit.errors import DataError
from journeykit.paths.kinds.kernels import LANES, align_block, hamming_rows
from journeykit.paths.kinds.sequences import Sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

Distance = Literal["optimal_matching", "common_subsequence", "hamming", "ngram_cosine"]
DISTANCES = ("optimal_matching", "common_subsequence", "hamming", "ngram_cosine")
Substitution = Literal["constant", "transition_rate"]
SUBSTITUTIONS = ("constant", "transition_rate")
Scale = Literal["none", "longest", "geometric_mean"]
SCALES = ("none", "longest", "geometric_mean")


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What edits cost.

    Attributes
    ----------
    substitution : array of float64, shape (n_names, n_names)
    indel : array of float64, shape (n_names,)
        Of putting a touchpoint in or leaving it out.
    """

    substitution: NDArray[np.float64]
    indel: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A distance with all that defines it; see `distances`."""

    distance: Distance
    costs: Costs
    scale: Scale
    ngram: int
    longest: int

    def within(self, sequences: Sequences) -> NDArray[np.float64]:
        """Return the distances among sequences, shape (n, n)."""
        return self._scaled(sequences, sequences, symmetric=True)

    def between(self, left: Sequences, right: Sequences) -> NDArray[np.float64]:
        """Return the distances from each left to each right one, shape (n_left, n_right)."""
        return self._scaled(left, right, symmetric=False)

    @property
    def largest(self) -> float:
        """What no scaled distance exceeds; infinite for distances that are not scaled."""
        if self.distance == "ngram_cosine":
            return 1.0
        if self.scale == "none":
            return np.inf
        if self.scale == "geometric_mean" or self.distance == "hamming":
            return 1.0
        return max(self._dearest / float(self.costs.indel.max()), 1.0)

    @property
    def _dearest(self) -> float:
        """What it costs at most to have one touchpoint in the place of another."""
        if self.distance == "hamming":
            return 1.0
        indel = float(self.costs.indel.max())
        return min(float(self.costs.substitution.max(initial=0)), 2 * indel) or indel

    def _scaled(self, left: Sequences, right: Sequences, *, symmetric: bool) -> NDArray[np.float64]:
        self._refuse_long(left if symmetric else right)
        self._refuse_long(left)
        if self.distance == "ngram_cosine":
            return _ngram_cosine(left, right, self.ngram)
        if self.distance == "hamming":
            raw, indel = _hamming(left, right), 1.0
        else:
            raw = _aligned(left, right, self.costs, symmetric=symmetric)
            indel = float(self.costs.indel.max())
        if self.scale == "none":
            return raw
        n, m = left.length[:, None].astype(np.float64), right.length[None, :].astype(np.float64)
        if self.scale == "longest":
            scaled: NDArray[np.float64] = raw / (np.maximum(n, m) * indel)
            return scaled
        farthest = np.abs(n - m) * indel + self._dearest * np.minimum(n, m)
        return np.where(raw == 0, 0.0, 1 - (farthest - raw) / (self._dearest * np.sqrt(n * m)))

    def _refuse_long(self, sequences: Sequences) -> None:
        length = sequences.length
        long = length > self.longest
        if long.any():
            raise DataError(
                f"{int(long.sum()):,} journeys have more than `longest`={self.longest:,} steps, "
                f"the longest {int(length.max()):,}, and comparing takes time with the square of "
                "that. Cut them (`sessions`, `cases`, `between`), merge repeats "
                "(`collapse_repeats`), or raise `longest`."
            )


def make_measure(
    sequences: Sequences,
    *,
    distance: Distance,
    substitution: Substitution,
    scale: Scale,
    ngram: int,
    longest: int,
    substitution_cost: float = 2.0,
    indel_cost: float = 1.0,
) -> Measure:
    """Check the options and estimate what has to be estimated on all sequences."""
    check_choice("distance", distance, DISTANCES)
    check_choice("substitution", substitution, SUBSTITUTIONS)
    check_choice("scale", scale, SCALES)
    check_whole("ngram", ngram, least=1)
    check_whole("longest", longest, least=1)
    check_positive("substitution_cost", substitution_cost)
    check_positive("indel_cost", indel_cost)
    if distance == "optimal_matching" and substitution == "transition_rate":
        costs = transition_rate_costs(sequences)
    elif distance == "optimal_matching":
        costs = constant_costs(len(sequences.names), substitution_cost, indel_cost)
    else:
        costs = constant_costs(len(sequences.names), 2.0, 1.0)
    return Measure(distance, costs, scale, ngram, longest)


def constant_costs(names: int, substitution: float, indel: float) -> Costs:
    """Let every substitution cost the same."""
    table = np.full((names, names), float(substitution))
    np.fill_diagonal(table, 0.0)
    return Costs(table, np.full(names, float(indel)))


def transition_rate_costs(sequences: Sequences) -> Costs:
    """Let a substitution cost 2 - P(b | a) - P(a | b), and an indel half the dearest of them."""
    m = len(sequences.names)
    source, target = sequences.touchpoint[:-1], sequences.touchpoint[1:]
    inner = np.ones(max(len(sequences.touchpoint) - 1, 0), dtype=bool)
    edges = sequences.start[1:-1]
    inner[edges[(edges > 0) & (edges < len(sequences.touchpoint))] - 1] = False
    code = source[inner].astype(np.int64) * m + target[inner]
    n = np.bincount(code, minlength=m * m).reshape(m, m)
    rate = n / np.maximum(n.sum(axis=1, keepdims=True), 1)
    table = 2 - rate - rate.T
    np.fill_diagonal(table, 0.0)
    return Costs(table, np.full(m, max(float(table.max(initial=0)) / 2, 0.5)))


def _aligned(
    left: Sequences, right: Sequences, costs: Costs, *, symmetric: bool
) -> NDArray[np.float64]:
    """Find the least cost of turning each left into each right one, in threads."""
    by_length = np.argsort(right.length, kind="stable")
    sorted_right = right.take(by_length)
    sorted_left = sorted_right if symmetric else left
    n, m = len(left), len(right)
    out = np.zeros((n, m))

    def block(first: int) -> None:
        width = min(LANES, m - first)
        rows = min(first + LANES, n) if symmetric else n
        part = np.zeros((rows, LANES))
        align_block(
            sorted_left.touchpoint,
            sorted_left.start,
            rows,
            sorted_right.touchpoint,
            sorted_right.start,
            first,
            costs.substitution,
            costs.indel,
            part,
        )
        columns = by_length[first : first + width]
        if symmetric:
            # One half of the square where a block meets itself, so that rounding is mirrored too.
            part[first:, :width] = np.triu(part[first:, :width])
            part[first:, :width] += np.triu(part[first:, :width], 1).T
            out[np.ix_(columns, by_length[:rows])] = part[:, :width].T
            out[np.ix_(by_length[:rows], columns)] = part[:, :width]
        else:
            out[:, columns] = part[:, :width]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(block, range(0, m, LANES)))
    return out


def _hamming(left: Sequences, right: Sequences) -> NDArray[np.float64]:
    """Count positions that differ; those beyond the end of the shorter do."""
    width = int(max(left.length.max(initial=0), right.length.max(initial=0)))
    rows, columns = _padded(left, width), np.ascontiguousarray(_padded(right, width).T)
    out = np.empty((len(left), len(right)))
    step = max(1, len(left) // 16)

    def block(begin: int) -> None:
        hamming_rows(rows, columns, begin, min(begin + step, len(left)), out)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(block, range(0, len(left), step)))
    return out


def _padded(sequences: Sequences, width: int) -> NDArray[np.int32]:
    table = np.full((len(sequences), width), -1, dtype=np.int32)
    row = np.repeat(np.arange(len(sequences)), sequences.length)
    column = np.arange(len(sequences.touchpoint)) - np.repeat(
        sequences.start[:-1], sequences.length
    )
    table[row, column] = sequences.touchpoint
    return table


def _ngram_cosine(left: Sequences, right: Sequences, ngram: int) -> NDArray[np.float64]:
    """Return 1 - cosine of the n-gram counts; the edges of a journey are in its n-grams."""
    from scipy import sparse

    codes = [_grams(sequences, ngram) for sequences in (left, right)]
    values, inverse = np.unique(np.concatenate([code for code, _ in codes]), return_inverse=True)
    unit = []
    for (code, first), part in zip(codes, np.split(inverse, [len(codes[0][0])]), strict=True):
        shape = (len(first) - 1, len(values))
        table = sparse.csr_matrix((np.ones(len(code)), part, first), shape=shape)
        table.sum_duplicates()
        size = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
        unit.append(sparse.diags(1 / size) @ table)
    similar = (unit[0] @ unit[1].T).toarray()
    far: NDArray[np.float64] = 1 - similar
    # Equal counts are at 0, whatever rounding says.
    far[far < 1e-12] = 0.0
    return far


def _grams(sequences: Sequences, ngram: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    edge = np.full(len(sequences), len(sequences.names), dtype=np.int64)
    base = len(sequences.names) + 2
    if ngram == 1:
        return sequences.touchpoint.astype(np.int64), sequences.start
    if base**ngram >= 2**63:
        raise DataError(f"`ngram` {ngram} is too long for {len(sequences.names):,} touchpoints.")
    code, first = gram_codes(sequences.touchpoint, sequences.start, edge, edge, ngram - 1, base)
    return code, first
