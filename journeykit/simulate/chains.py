"""Markov chains that end: walks along them, and what is exactly expected of a walk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Draws, Floats, Indices


@dataclass(frozen=True, slots=True)
class Chains:
    """Chains over the same m states, one a group.

    The state after ``b, a`` (b the state before, a the one now) is drawn from row a, and with
    probability `memory` from row b instead: the mixture transition distribution model of order 2.
    After the first state row a decides. Who is at the `longest`-th state leaves.

    Attributes
    ----------
    first : array of float64, shape (m,)
        Probability of the first state.
    rows : array of float64, shape (n_groups, m, m + 1)
        Probability of the next one; the last column is leaving.
    memory : float
    longest : int
        Most states of a walk, up to 64.

    References
    ----------
    Raftery (1985), A model for high-order Markov chains, JRSS B 47.
    """

    first: Floats
    rows: Floats
    memory: float
    longest: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one walk of each group.

    Attributes
    ----------
    first_step : array of float64, shape (n_groups, m, m + 1)
        Probability of first state and second, or leaving.
    second_step : array of float64, shape (n_groups, m, m, m + 1)
        Probability of first state, second and third, or leaving.
    steps : array of float64, shape (n_groups, m, m + 1)
        Number of steps from a to b, or out; all of them.
    back_steps : array of float64, shape (n_groups,)
        Number of steps from a back to b where a, not b itself, had followed b.
    """

    first_step: Floats
    second_step: Floats
    steps: Floats
    back_steps: Floats


def walk(
    chains: Chains,
    draws: Draws,
    stream: str,
    /,
    *,
    who: Indices,
    number: Indices,
    group: Indices,
) -> NDArray[np.int8]:
    """Walk each chain from the first state to leaving.

    Parameters
    ----------
    chains : Chains
    draws : Draws
    stream : str
        Names of random numbers begin with it.
    who, number, group : array of int64, shape (n,)
        Customer, number among the customer's walks, and group of each walk.

    Returns
    -------
    array of int8, shape (n, longest)
        The states in order, -1 after leaving.
    """
    m = len(chains.first)
    edges = np.cumsum(chains.rows, axis=2)
    edges[:, :, -1] = 1.0
    # All rows in one increasing array: row k lies between k and k + 1.
    edges = (edges + np.arange(edges.size // (m + 1)).reshape(-1, m, 1)).ravel()
    states = np.full((len(who), chains.longest), -1, dtype=np.int8)
    now = before = draws.choice(f"{stream}.first", chains.first, who=who, number=number)
    states[:, 0] = now
    at = np.arange(len(who))
    for step in range(1, chains.longest):
        named = number[at] * 64 + step
        decides = now
        if chains.memory:
            looks_back = draws.uniform(f"{stream}.memory", who=who[at], number=named)
            decides = np.where(looks_back < chains.memory, before, now)
        row = group[at] * m + decides
        drawn = row + draws.uniform(f"{stream}.next", who=who[at], number=named)
        following = np.searchsorted(edges, drawn, side="right") - row * (m + 1)
        stays = following < m
        at, before, now = at[stays], now[stays], following[stays]
        if not len(at):
            break
        states[at, step] = now
    return states


def expected(chains: Chains, /) -> Expected:
    """Compute what is expected of one walk, exactly.

    The pair (state before, state now) is a Markov chain; its law is carried on step by step to the
    longest walk there is.
    """
    groups, m, _ = chains.rows.shape
    others = ~np.eye(m, dtype=bool)
    row = (1 - chains.memory) * chains.rows[:, None, :, :]
    row = row + chains.memory * chains.rows[:, :, None, :]
    # Before the first state lies none: as if it were the first itself, whose row decides then.
    pair = np.broadcast_to(np.diag(chains.first), (groups, m, m))
    steps, back = np.zeros((groups, m, m + 1)), np.zeros(groups)
    flows = []
    for step in range(1, chains.longest):
        flow = pair[:, :, :, None] * row
        steps += flow.sum(axis=1)
        if step > 1:
            returns = np.diagonal(flow[..., :m], axis1=1, axis2=3)
            back += (returns * others).sum(axis=(1, 2))
        if step <= 2:
            flows.append(flow)
        pair = flow[..., :m].sum(axis=1)
    steps[:, :, m] += pair.sum(axis=1)
    return Expected(flows[0].sum(axis=1), flows[1], steps, back)
