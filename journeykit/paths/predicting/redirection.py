"""One step taken more often, or less, and where walks end then."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.paths.predicting.spaces import Space

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Redirection(NamedTuple):
    """What is changed, in codes; one of the last two says how far."""

    source: int
    target: int
    taken_from: int | None
    to_share: float | None
    change: float

    def wanted(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share wanted, given the one observed."""
        if self.to_share is not None:
            return np.full(share.shape, self.to_share)
        return np.clip(share + self.change, 0, 1)


def redirected(
    space: Space, n: NDArray[np.float64], p: NDArray[np.float64], change: Redirection
) -> NDArray[np.float64]:
    """Return P(step | state) as changed, shape (b, n_cells)."""
    from_source = space.last[space.state] == change.source
    at = np.flatnonzero(from_source & (space.following == change.target))
    total = np.maximum(n[:, from_source].sum(axis=1), 1e-300)
    share = n[:, at].sum(axis=1) / total
    wanted = change.wanted(share)
    changed = p.copy()
    if change.taken_from is not None:
        giving = np.flatnonzero(from_source & (space.following == change.taken_from))
        # Both lists run over the states of `source` in the same order.
        given = n[:, giving].sum(axis=1) / total
        up, down = np.clip(wanted - share, 0, given), np.clip(share - wanted, 0, None)
        moves = p[:, giving] * _over(up, given)[:, None] - p[:, at] * _over(down, share)[:, None]
        changed[:, at] += moves
        changed[:, giving] -= moves
        return changed
    own = np.zeros((len(n), space.n_states))
    own[:, space.state[at]] = p[:, at]
    rise = _over(np.clip(wanted - share, 0, None), 1 - share)[:, None]
    fall = np.where(wanted < share, _over(wanted, share), 1.0)[:, None]
    # A state with nothing but `target` has nothing else to turn to.
    target = np.where(own < 1, fall * own, own)
    target += rise * (1 - target)
    left = np.divide(1 - target, 1 - own, out=np.zeros(own.shape), where=own < 1)
    scaled = np.flatnonzero(from_source)
    changed[:, scaled] *= left[:, space.state[scaled]]
    changed[:, at] = target[:, space.state[at]]
    return changed


def _over(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def both_ends(space: Space, n: NDArray[np.float64], change: Redirection) -> NDArray[np.float64]:
    """Return where journeys end as they are and as changed, shape (b, 2, n_goals + 2)."""
    p = space.probabilities(n)
    ends = np.stack([space.ends(p), space.ends(redirected(space, n, p, change))], axis=1)
    return np.concatenate([ends, 1 - ends.sum(axis=2, keepdims=True)], axis=2)
