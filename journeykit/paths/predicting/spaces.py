"""The chain that `what_if` changes: states, steps between them, and ways to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.paths.predicting.contexts import Steps, steps_of
from journeykit.stats.chains import absorption, walked_absorption

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from journeykit.journeys import Journeys

#: States up to which chains are solved densely; beyond, walking them costs less.
_DENSE_STATES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """A chain of order k over m touchpoints, which ends at a goal or by leaving.

    Attributes
    ----------
    n_states : int
        Distinct last k touchpoints, entry included.
    last : array of int64, shape (n_states,)
        Last touchpoint of each state, m for entry.
    entry : int
        The state before the first touchpoint.
    state, following, to : arrays of int64, shape (n_cells,)
        Of each step: from which state, to which touchpoint (m is leaving), and the state it leads
        to, or ``n_states + g`` for goal g, or ``n_states + n_goals`` for leaving. A step to a
        state that nobody was watched to go on from leads nowhere: -1.
    n_goals : int
    steps : sparse array, shape (n_customers, n_cells)
        How often each customer made each step, up to the journey's first goal.
    """

    n_states: int
    last: NDArray[np.int64]
    entry: int
    state: NDArray[np.int64]
    following: NDArray[np.int64]
    to: NDArray[np.int64]
    n_goals: int
    steps: sparse.csr_array

    def probabilities(self, n: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return P(step | state), shape (b, n_cells), of counts of that shape."""
        total = self.totals(n)[:, self.state]
        return np.divide(n, total, out=np.zeros(n.shape), where=total > 0)

    def totals(self, n: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return the steps from each state, shape (b, n_states)."""
        offset = np.arange(len(n))[:, None] * self.n_states + self.state
        size = len(n) * self.n_states
        totals = np.bincount(offset.ravel(), weights=n.ravel(), minlength=size)
        return totals.reshape(len(n), -1).astype(np.float64)

    def ends(self, p: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return where journeys end, shape (b, n_goals + 1): goals, then leaving."""
        ways = self.n_goals + 1
        inside = (self.to >= 0) & (self.to < self.n_states)
        out = self.to >= self.n_states
        r = np.zeros((len(p), self.n_states, ways))
        r[:, self.state[out], self.to[out] - self.n_states] = p[:, out]
        at = (self.state[inside], self.to[inside])
        if self.n_states <= _DENSE_STATES:
            q = np.zeros((len(p), self.n_states, self.n_states))
            q[:, at[0], at[1]] = p[:, inside]
            dense: NDArray[np.float64] = absorption(q, r)[:, self.entry]
            return dense
        from scipy import sparse

        # All chains side by side: one sparse product moves the walks of every replicate.
        size = len(p) * self.n_states
        offset = np.arange(len(p))[:, None] * self.n_states
        cells = ((offset + at[0]).ravel(), (offset + at[1]).ravel())
        q = sparse.csr_array((p[:, inside].ravel(), cells), shape=(size, size))
        first = np.zeros((len(p), self.n_states))
        first[:, self.entry] = 1
        ended = walked_absorption(q, r.reshape(size, ways), first.ravel())
        walked: NDArray[np.float64] = ended.reshape(len(p), self.n_states, ways).sum(axis=1)
        return walked


def chain_space(
    journeys: Journeys,
    goals: Sequence[int],
    wanted: Sequence[tuple[int, int]],
    /,
    *,
    order: int,
) -> Space:
    """Make the chain of journeys up to their first goal.

    Parameters
    ----------
    journeys : Journeys
    goals : sequence of int
        Touchpoint codes.
    wanted : sequence of (int, int)
        Steps, as last touchpoint and following one, that are cells even if nobody made them.
    order : int
    """
    steps = steps_of(journeys)
    m, base = steps.n_names, steps.n_names + 1
    # The last touchpoints as one number, the last one its lowest digit; entry is digit m.
    lags = np.stack([steps.lag(k) for k in range(1, order + 1)])
    held = (lags >= 0).all(axis=0) & (steps.following >= 0) & _not_after(steps, goals)
    powers = base ** np.arange(order)
    code_of_state, state_of_step = np.unique(powers @ lags[:, held], return_inverse=True)
    last = code_of_state % base
    added = [
        state * base + following
        for source, following in wanted
        for state in np.flatnonzero(last == source).tolist()
    ]
    made = state_of_step * base + steps.following[held]
    distinct, cell = np.unique(np.append(made, added).astype(np.int64), return_inverse=True)
    state, following = distinct // base, distinct % base
    reached = (code_of_state[state] % base ** (order - 1)) * base + following
    entry = np.searchsorted(code_of_state, m * powers.sum())
    return Space(
        n_states=len(code_of_state),
        last=last,
        entry=int(entry) if m * powers.sum() in code_of_state else -1,
        state=state,
        following=following,
        to=_leads_to(code_of_state, reached, following, goals, m),
        n_goals=len(goals),
        steps=_by_customer(steps.customer[held], cell[: len(made)], journeys, len(distinct)),
    )


def _leads_to(
    code_of_state: NDArray[np.int64],
    reached: NDArray[np.int64],
    following: NDArray[np.int64],
    goals: Sequence[int],
    m: int,
) -> NDArray[np.int64]:
    """Return the state, or the end, that each cell leads to."""
    n = len(code_of_state)
    place = np.minimum(np.searchsorted(code_of_state, reached), max(n - 1, 0))
    to = np.where(code_of_state[place] == reached, place, -1)
    for number, goal in enumerate([*goals, m]):
        to[following == goal] = n + number
    return to


def _by_customer(
    customer: NDArray[np.int64], cell: NDArray[np.int64], journeys: Journeys, n_cells: int
) -> sparse.csr_array:
    from scipy import sparse

    shape = (journeys.n_customers, n_cells)
    table = sparse.csr_array((np.ones(len(cell)), (customer, cell)), shape=shape)
    table.sum_duplicates()
    return table


def _not_after(steps: Steps, goals: Sequence[int]) -> NDArray[np.bool_]:
    """Mark the steps before or to the first goal of their journey."""
    reaches = np.isin(steps.following, list(goals))
    before: NDArray[np.int64] = np.cumsum(reaches) - reaches
    begins = steps.position == 0
    # Goals met before the journey are taken off.
    none_yet: NDArray[np.bool_] = before == before[begins][np.cumsum(begins) - 1]
    return none_yet
