"""How often one touchpoint directly follows another, or the last k of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_whole
from journeykit.counts.align import add_rows, same, union_names
from journeykit.counts.kernels import clustered_cells, gram_codes
from journeykit.errors import ArgumentError
from journeykit.journeys.ending import begins_unseen, is_open

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

ENTRY, UNSEEN, EXIT, OPEN = "(entry)", "(unseen)", "(exit)", "(open)"
#: Up to this many possible cells a table of all of them beats sorting those that occur.
_DENSE_CELLS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TransitionCounts:
    """Steps of order k: the k touchpoints before, and the one that follows.

    With m names, code m is the edge of a journey: ``(entry)`` before, ``(exit)`` after. Code
    m + 1 is what is not known: ``(unseen)`` before a journey that may have begun before anybody
    watched, ``(open)`` after one that is still running.

    Attributes
    ----------
    names : tuple of str
    order : int
        k, at least 1.
    gram : array of int64, shape (n_cells, k + 1)
        The last k touchpoints and the next, as codes; only cells that occur, sorted.
    cell : array of int64, shape (n_cells, 5)
        Per cell: steps, customers, over customers the sums of n_ab^2 and n_ab n_a, and customers
        who made no other known step from the context.
    context : array of int64, shape (n_contexts, k)
        The distinct last k touchpoints whose next step is known, sorted.
    total : array of int64, shape (n_contexts, 3)
        Per context: steps with a known next one, customers, and the sum over customers of n_a^2.
    n_journeys : int
        Journeys counted, those without events included.
    fingerprint : int
        Of the journeys counted; adds up modulo 2^128.
    """

    names: tuple[str, ...]
    order: int
    gram: NDArray[np.int64]
    cell: NDArray[np.int64]
    context: NDArray[np.int64]
    total: NDArray[np.int64]
    n_journeys: int
    fingerprint: int

    @property
    def n(self) -> NDArray[np.int64]:
        """Steps of each cell, shape (n_cells,)."""
        return self.cell[:, 0]

    def __add__(self, other: TransitionCounts) -> TransitionCounts:
        """Add the counts of other customers."""
        same("order", self.order, other.order)
        union = union_names(self.names, other.names)
        gram, cell = add_rows(
            np.concatenate([union.left[self.gram], union.right[other.gram]]),
            np.concatenate([self.cell, other.cell]),
        )
        context, total = add_rows(
            np.concatenate([union.left[self.context], union.right[other.context]]),
            np.concatenate([self.total, other.total]),
        )
        return TransitionCounts(
            names=union.names,
            order=self.order,
            gram=gram,
            cell=cell,
            context=context,
            total=total,
            n_journeys=self.n_journeys + other.n_journeys,
            fingerprint=(self.fingerprint + other.fingerprint) % (1 << 128),
        )

    def matrix(self) -> NDArray[np.int64]:
        """Return order-1 steps as a table, shape (m + 2, m + 2).

        The last two rows count first touchpoints, after entry and unseen; the last two columns
        ends, exit and open.
        """
        if self.order != 1:
            raise ArgumentError(f"`matrix` needs counts of order 1; these are of {self.order}.")
        m = len(self.names)
        table = np.zeros((m + 2, m + 2), dtype=np.int64)
        table[self.gram[:, 0], self.gram[:, 1]] = self.n
        return table

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"<TransitionCounts: {self.n.sum():,} steps of order {self.order} in "
            f"{self.n_journeys:,} journeys, {len(self.gram):,} cells>"
        )


def transition_counts(journeys: Journeys, /, *, order: int = 1) -> TransitionCounts:
    """Count the steps of all journeys, entries and ends included.

    One pass: O(events) time; scratch memory 8 bytes a step. A journey that may have begun before
    it was watched starts from ``(unseen)``, one still running leads to ``(open)`` (see
    `journeys.ending`).

    Parameters
    ----------
    journeys : Journeys
    order : int
        How many touchpoints the next one is counted against; (m + 2)^(order + 1) must be below
        2^63 for m touchpoints.

    Returns
    -------
    TransitionCounts
        Sum of steps = number of events + number of journeys with an event.
    """
    check_whole("order", order, least=1)
    m = len(journeys.names)
    base = m + 2
    if base ** (order + 1) >= 2**63:
        raise ArgumentError(
            f"`order` {order} is too high for {m:,} touchpoints; lower it, or group touchpoints "
            "into channels with `relabel`."
        )
    step, first = gram_codes(
        journeys.touchpoint,
        journeys.start,
        m + begins_unseen(journeys).astype(np.int64),
        m + is_open(journeys).astype(np.int64),
        order,
        base,
    )
    if base ** (order + 1) <= _DENSE_CELLS:
        code, cell_of_step = np.arange(base ** (order + 1)), step
        context, context_of = np.arange(base**order), code // base
    else:
        code, cell_of_step = np.unique(step, return_inverse=True)
        context, context_of = np.unique(code // base, return_inverse=True)
    cell, total = clustered_cells(
        cell_of_step,
        context_of,
        code % base != m + 1,
        first,
        journeys.customer_index,
        len(code),
        len(context),
    )
    occurs, known = cell[:, 0] > 0, total[:, 0] > 0
    return TransitionCounts(
        names=journeys.names,
        order=order,
        gram=_digits(code[occurs], base, order + 1),
        cell=cell[occurs],
        context=_digits(context[known], base, order),
        total=total[known],
        n_journeys=len(journeys),
        fingerprint=journeys.fingerprint_number,
    )


def _digits(code: NDArray[np.int64], base: int, count: int) -> NDArray[np.int64]:
    """Take a number in that base apart, most significant digit first, shape (n, count)."""
    powers = np.array([base**power for power in range(count - 1, -1, -1)], dtype=np.int64)
    return code[:, None] // powers % base
