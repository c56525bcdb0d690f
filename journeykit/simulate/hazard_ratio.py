"""The hazard ratio of a passing exposure: an estimand under heterogeneity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices

_STEPS, _TOLERANCE = 100, 1e-10
#: A logarithm beyond which the likelihood rises without end.
_FARTHEST = 25.0


@dataclass(frozen=True, slots=True)
class HazardRatio:
    """A hazard ratio.

    Attributes
    ----------
    log_hazard_ratio : float
    std_error : float
        Of the logarithm, from the customers' influence: it holds where hazards are not proportional
        and where customers have several spells.
    std_error_model : float
        From the information alone, as if hazards were proportional and spells unrelated.
    n, n_event, n_event_exposed : int
        Spells ever at risk, events, and those of them during exposure.
    """

    log_hazard_ratio: float
    std_error: float
    std_error_model: float
    n: int
    n_event: int
    n_event_exposed: int

    @property
    def hazard_ratio(self) -> float:
        """The ratio itself."""
        return float(np.exp(self.log_hazard_ratio))


@dataclass(frozen=True, slots=True)
class _Spells:
    """Stretches at risk, and whether they end with the event."""

    entry: Floats
    exit: Floats
    event: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Exposed:
    """Disjoint stretches of exposure: open on the left, closed on the right, as spells are."""

    spell: Indices
    begin: Floats
    end: Floats


@dataclass(frozen=True, slots=True)
class _RiskSets:
    """What the partial likelihood needs, at each of the times of events, ascending."""

    time: Floats
    events: Floats
    at_risk: Floats
    exposed: Floats


def hazard_ratio(
    entry: Floats,
    exit: Floats,  # noqa: A002
    event: NDArray[np.bool_],
    exposed_spell: Indices,
    exposed_time: Floats,
    /,
    *,
    window_days: float,
    cluster: Indices | None = None,
) -> HazardRatio:
    """Compute the hazard ratio between times within `window_days` after a touch and other times.

    It is the maximiser of Cox's partial likelihood with one covariate: whether the last touch of
    the spell was met in ``[t - window_days, t)``. It solves ::

        sum over events of (x(t) - p(t)) = 0,    p = n1 e^b / (n1 e^b + n0),

    with n1 and n0 the numbers at risk at the event's time that are exposed and not. Tied events
    share one risk set (Breslow). Where risk differs between customers beyond `x`, this is not the
    ratio for one and the same customer: those at high risk leave the risk sets, and sooner while
    exposed. Then it is the number to which the estimate tends, and itself the estimand.

    Time O(n log n) in spells and touches.

    Parameters
    ----------
    entry, exit : array of float64, shape (n,)
        A spell is at risk at t where ``entry < t <= exit``, on the clock of the risk sets; it is
        never where the exit is not after the entry, and its event is then none.
    event : array of bool, shape (n,)
        Whether the spell ends with the event.
    exposed_spell : array of int64, shape (n_touches,)
        The spell of each touch.
    exposed_time : array of float64, shape (n_touches,)
        On the same clock; also before `entry`.
    window_days : float
    cluster : array of int64, shape (n,), optional
        Customer of each spell, for `std_error`; by default each spell is one.

    Raises
    ------
    ArgumentError
        No event during exposure, none outside of it, or no risk set with both: the ratio is then
        zero, infinite or any number.

    References
    ----------
    Cox (1972), Regression models and life tables. Lin, Wei (1989), The robust inference for the Cox
    proportional hazards model.
    """
    event = event & (exit > entry)
    spells = _Spells(entry, exit, event)
    stretches = _stretches(spells, exposed_spell, exposed_time, window_days)
    x = _exposed_at_event(spells, stretches)
    sets = _risk_sets(spells, stretches)
    n_event, exposed = int(event.sum()), int(x.sum())
    mixed = (sets.exposed > 0) & (sets.exposed < sets.at_risk)
    if exposed in (0, n_event) or not mixed.any():
        raise ArgumentError(
            "A hazard ratio needs events during exposure and outside of it, and risk sets with "
            f"both; there are {exposed} during and {n_event - exposed} outside, "
            f"{int(mixed.sum())} such risk sets."
        )
    log_ratio, information = _solved(sets, exposed)
    influence = _influence(sets, spells, x, stretches, log_ratio)
    whose = np.arange(len(entry)) if cluster is None else cluster
    summed = np.bincount(whose, weights=influence)
    return HazardRatio(
        log_hazard_ratio=log_ratio,
        std_error=float(np.sqrt((summed**2).sum()) / information),
        std_error_model=float(1 / np.sqrt(information)),
        n=int((exit > entry).sum()),
        n_event=n_event,
        n_event_exposed=exposed,
    )


def _stretches(spells: _Spells, spell: Indices, time: Floats, window_days: float) -> _Exposed:
    """Return the union of the windows after the touches, cut to the spells."""
    order = np.lexsort((time, spell))
    spell, begin = spell[order], time[order]
    end = begin + window_days
    overlaps = spell[1:] == spell[:-1]
    # All windows are equally long, so one ends where the next begins, or before.
    end[:-1][overlaps] = np.minimum(end[:-1], begin[1:])[overlaps]
    begin, end = np.maximum(begin, spells.entry[spell]), np.minimum(end, spells.exit[spell])
    real = end > begin
    return _Exposed(spell[real], begin[real], end[real])


def _exposed_at_event(spells: _Spells, stretches: _Exposed) -> Floats:
    """Return 1 for spells that end with the event while exposed, else 0."""
    x = np.zeros(len(spells.exit))
    x[stretches.spell[stretches.end == spells.exit[stretches.spell]]] = 1.0
    x[~spells.event] = 0.0
    return x


def _risk_sets(spells: _Spells, stretches: _Exposed) -> _RiskSets:
    time, events = np.unique(spells.exit[spells.event], return_counts=True)

    def present(begin: Floats, end: Floats) -> Floats:
        begun = np.searchsorted(np.sort(begin), time, side="left")
        ended = np.searchsorted(np.sort(end), time, side="left")
        return (begun - ended).astype(np.float64)

    real = spells.exit > spells.entry
    at_risk = present(spells.entry[real], spells.exit[real])
    exposed = present(stretches.begin, stretches.end)
    return _RiskSets(time, events.astype(np.float64), at_risk, exposed)


def _solved(sets: _RiskSets, exposed_events: int) -> tuple[float, float]:
    """Return the root of the score, by Newton's method with short steps, and the information."""
    share = sets.exposed / sets.at_risk
    log_ratio = 0.0
    for _ in range(_STEPS):
        raised = share * np.exp(log_ratio)
        p = raised / (raised + 1 - share)
        information = float((sets.events * p * (1 - p)).sum())
        step = (exposed_events - float((sets.events * p).sum())) / information
        log_ratio += float(np.clip(step, -1.0, 1.0))
        if abs(step) < _TOLERANCE:
            return log_ratio, information
        if abs(log_ratio) > _FARTHEST:
            break
    raise ArgumentError(
        "The hazard ratio is zero or infinite: all events of the risk sets with exposed and "
        "unexposed spells are on one side."
    )


def _influence(
    sets: _RiskSets, spells: _Spells, x: Floats, stretches: _Exposed, log_ratio: float
) -> Floats:
    """Return what each spell adds to the score, less what was expected of it."""
    ratio = np.exp(log_ratio)
    weight = sets.exposed * ratio + sets.at_risk - sets.exposed
    p, rise = sets.exposed * ratio / weight, sets.events / weight
    outside = np.concatenate([[0.0], np.cumsum(-p * rise)])
    inside = np.concatenate([[0.0], np.cumsum((1 - p) * ratio * rise)])

    def over(total: Floats, begin: Floats, end: Floats) -> Floats:
        first = np.searchsorted(sets.time, begin, side="right")
        last = np.searchsorted(sets.time, end, side="right")
        difference: Floats = total[last] - total[first]
        return difference

    own = x.copy()
    own[spells.event] -= p[np.searchsorted(sets.time, spells.exit[spells.event])]
    extra = over(inside - outside, stretches.begin, stretches.end)
    extra_of = np.bincount(stretches.spell, weights=extra, minlength=len(own))
    whole = over(outside, spells.entry, np.maximum(spells.exit, spells.entry))
    score: Floats = own - whole - extra_of
    return score
