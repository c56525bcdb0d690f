"""Counting pairs in time n log n, compiled by Numba: sums by rank in a Fenwick tree."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def _add(tree, place, value):
    place += 1
    while place < len(tree):
        tree[place] += value
        place += place & -place


@numba.njit(cache=True, nogil=True)
def _below(tree, place):
    """Return the sum over ranks under `place`."""
    total = 0.0
    while place > 0:
        total += tree[place]
        place -= place & -place
    return total


@numba.njit(cache=True, nogil=True)
def partners_of_leavers(entry, exit_, event, rank, n_ranks, by_exit, by_entry):
    """Count for each event those under risk at it who leave later or are lost at it.

    `by_exit` and `by_entry` order the customers by exit and by entry. Returns float64, shape
    (n, 3): partners of lower, equal and higher rank; 0 for the censored.
    """
    n = len(exit_)
    found = np.zeros((n, 3))
    tree = np.zeros(n_ranks + 1)
    within = 0.0
    high, late = n - 1, n - 1
    while high >= 0:
        time = exit_[by_exit[high]]
        low = high
        while low >= 0 and exit_[by_exit[low]] == time:
            low -= 1
        for at in range(low + 1, high + 1):
            who = by_exit[at]
            if not event[who]:
                _add(tree, rank[who], 1.0)
                within += 1
        while late >= 0 and entry[by_entry[late]] >= time:
            _add(tree, rank[by_entry[late]], -1.0)
            within -= 1
            late -= 1
        for at in range(low + 1, high + 1):
            who = by_exit[at]
            if event[who]:
                lower = _below(tree, rank[who])
                upto = _below(tree, rank[who] + 1)
                found[who, 0] = lower
                found[who, 1] = upto - lower
                found[who, 2] = within - upto
        for at in range(low + 1, high + 1):
            who = by_exit[at]
            if event[who]:
                _add(tree, rank[who], 1.0)
                within += 1
        high = low
    return found


@numba.njit(cache=True, nogil=True)
def leavers_of_partners(entry, exit_, event, rank, n_ranks, by_exit, by_entry, weight):
    """Add up for each customer the weights of the events that they were under risk at and outlived.

    Returns float64, shape (n, 3): events of lower, equal and higher rank.
    """
    n = len(exit_)
    found = np.zeros((n, 3))
    tree = np.zeros(n_ranks + 1)
    within = 0.0
    early = 0
    low = 0
    while low < n:
        time = exit_[by_exit[low]]
        high = low
        while high < n and exit_[by_exit[high]] == time:
            high += 1
        # Entered before this time: the events until the entry were not theirs.
        while early < n and entry[by_entry[early]] < time:
            who = by_entry[early]
            lower = _below(tree, rank[who])
            upto = _below(tree, rank[who] + 1)
            found[who, 0] -= lower
            found[who, 1] -= upto - lower
            found[who, 2] -= within - upto
            early += 1
        for happened in (True, False):
            for at in range(low, high):
                who = by_exit[at]
                if event[who] == happened:
                    lower = _below(tree, rank[who])
                    upto = _below(tree, rank[who] + 1)
                    found[who, 0] += lower
                    found[who, 1] += upto - lower
                    found[who, 2] += within - upto
            if happened:
                for at in range(low, high):
                    who = by_exit[at]
                    if event[who]:
                        _add(tree, rank[who], weight[who])
                        within += weight[who]
        low = high
    return found
