"""What mending a step is worth: the rest of the way solved with its excess exits set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.stages.pains.tallies import Tally
from journeykit.stats.chains import absorption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.stages.pains.visits import Touches

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

#: Comparable steps needed to tell how far steps differ anyway.
LEAST_COMPARABLE = 2
_ROUNDING = 1e-12


class StepCounts(NamedTuple):
    """What became of the touches at each step; arrays of shape (m,).

    `n` touches = `left` (the visit ends there) + `goal` (goes on to a goal without meeting the step
    again) + `again` (meets it again) + those that go on and end elsewhere. `visits` meet the step.
    `barren` are touches of visits that reach no goal and `barren_left` of them the last, at
    candidates and by stratum: tables of shape (candidates, strata).
    """

    n: Floats
    left: Floats
    goal: Floats
    again: Floats
    visits: Floats
    barren: Floats
    barren_left: Floats

    @classmethod
    def of(cls, columns: Sequence[Floats], n_candidates: int) -> StepCounts:
        """Give counts their names, in the order of `step_tallies`."""
        tables = (table.reshape(n_candidates, -1) for table in columns[5:7])
        return cls(*columns[:5], *tables)


def step_tallies(touches: Touches, /, candidate: Bools) -> list[Tally]:
    """Return the tallies of `StepCounts`, in its order; strata are counted of candidates."""
    m = len(touches.names)
    place = np.full(m, -1)
    place[candidate] = np.arange(int(candidate.sum()))
    n_strata = int(touches.stratum.max(initial=-1)) + 1
    goes_on = ~touches.left
    masks = (
        np.ones(len(touches.who), dtype=bool),
        touches.left,
        goes_on & touches.last_here & touches.reaches,
        ~touches.last_here,
        touches.first,
    )
    plain = [Tally(touches.who[mask], touches.step[mask], m) for mask in masks]
    cell = place[touches.step] * n_strata + touches.stratum
    at_candidate = ~touches.reaches & candidate[touches.step]
    barren = (at_candidate, at_candidate & touches.left)
    return [
        *plain,
        *(Tally(touches.who[mask], cell[mask], n_strata * int(candidate.sum())) for mask in barren),
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """Exits and what they cost, step by step; arrays of shape (m,).

    Attributes
    ----------
    hazard : array
        Share of touches with which the visit ends.
    typical, top : array
        Hazard at a comparable step of the same prospect: on average, and at the end of the range
        in which such steps lie; missing where too few are comparable.
    lost : array
        Visits that would further reach a goal, were the hazard not above `top`.
    """

    hazard: Floats
    typical: Floats
    top: Floats
    lost: Floats


def exits(
    counts: StepCounts, candidate: Bools, comparable: Bools, /, *, confidence: float
) -> Exits:
    """Compare the exits of each step with those of comparable ones, and value the excess.

    **The chain.** From a touch at the step a visit ends with the hazard e; if not, it reaches a
    goal without meeting the step again (g of those that go on), meets it again (a), or ends
    elsewhere. The chance of a goal is then ``V(e) = (1 - e) g / (1 - (1 - e) a)``; times the
    visits that meet the step it is exactly the number of them that reached a goal. Nothing is
    assumed of other steps: the rest of the way is as those who went on lived it.

    **The reference.** Visits end: most were never meant to reach a goal. Let h be the share of
    last ones among touches of visits that reach none, at comparable steps. Without friction, a step
    from which visits reach a goal with the chance V(r) has the hazard r for which ``r = h (1 -
    V(r))``: where everybody who goes on arrives, nobody is meant to leave. That is a quadratic
    equation in 1 - r; its lesser solution is taken, the one with the higher hazard.

    **What is comparable.** For step s, h is standardised to the strata of its own touches: earlier
    steps, elapsed time and week. With x_t last ones of the n_t touches at each other comparable
    step t, and E_t expected with the rates of all of them together (with their overall rate in
    strata that they do not have), steps differ by ``d_t = c((x_t + .5) / (n_t + 1)) - c((E_t + .5)
    / (n_t + 1))``, c the complementary log-log: the logarithm of a ratio of hazards. h is ``c^-1(
    c(E_s / n_s) + mean(d))`` on average, and `top` has the upper limit of the prediction interval
    for one more step, ``mean(d) + t(k - 1) sd(d) sqrt(1 + 1 / k)``.
    """
    m = len(counts.n)
    typical, top = np.full(m, np.nan), np.full(m, np.nan)
    typical[candidate], top[candidate] = _references(
        counts, comparable[candidate], confidence=confidence
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = counts.left / counts.n
        goes_on = counts.n - counts.left
        goal, again = np.nan_to_num(counts.goal / goes_on), np.nan_to_num(counts.again / goes_on)
    typical, top = frictionless(typical, goal, again), frictionless(top, goal, again)
    now = chance(hazard, goal, again)
    mended = chance(np.where(np.isnan(top), np.nan, np.fmin(hazard, top)), goal, again)
    return Exits(
        hazard=hazard,
        typical=typical,
        top=top,
        lost=counts.visits * (mended - now),
    )


def chance(hazard: Floats, goal: Floats, again: Floats) -> Floats:
    """Return the chance to reach a goal from a touch, solved exactly; missing without a hazard."""
    known = ~np.isnan(hazard)
    goes_on = 1 - np.where(known, hazard, 1.0)
    inside, out = (goes_on * again)[:, None, None], (goes_on * goal)[:, None, None]
    return np.where(known, absorption(inside, out)[:, 0, 0], np.nan)


def frictionless(h: Floats, goal: Floats, again: Floats) -> Floats:
    """Solve r = h (1 - V(r)) for the hazard r of a step that has no friction."""
    b = 1 + again - h * (again + goal)
    root = b + np.sqrt(np.maximum(b**2 - 4 * again * (1 - h), 0))
    r = 1 - 2 * (1 - h) / root
    # Where all who go on arrive, r is 0, and rounding leaves 1e-16 of it on either side.
    return np.asarray(np.where(np.abs(r) < _ROUNDING, 0.0, r))


def _references(
    counts: StepCounts, comparable: Bools, *, confidence: float
) -> tuple[Floats, Floats]:
    """Return h of each candidate at other comparable steps: on average, and at the range's end."""
    from scipy.special import stdtrit

    n, left = counts.barren.sum(axis=1), counts.barren_left.sum(axis=1)
    usable = comparable & (n > 0)
    typical, top = np.full(len(n), np.nan), np.full(len(n), np.nan)
    for s in range(len(n)):
        others = usable & (np.arange(len(n)) != s)
        k = int(others.sum())
        if k < LEAST_COMPARABLE:
            continue
        rate, overall = _rates(counts, others)
        expected = counts.barren[others] @ rate
        differ = _cloglog((left[others] + 0.5) / (n[others] + 1)) - _cloglog(
            (expected + 0.5) / (n[others] + 1)
        )
        own = float(counts.barren[s] @ rate) / n[s] if n[s] else overall
        reach = stdtrit(k - 1, (1 + confidence) / 2) * differ.std(ddof=1) * np.sqrt(1 + 1 / k)
        for h, moved in ((typical, differ.mean()), (top, differ.mean() + reach)):
            h[s] = -np.expm1(-np.exp(_cloglog(own) + moved))
    return typical, top


def _rates(counts: StepCounts, others: Bools) -> tuple[Floats, float]:
    """Return the share of last touches at some steps together, by stratum and overall."""
    n, left = counts.barren[others].sum(axis=0), counts.barren_left[others].sum(axis=0)
    overall = left.sum() / n.sum()
    return np.where(n > 0, left / np.where(n > 0, n, 1), overall), float(overall)


def _cloglog(share: Floats | float) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.log1p(-np.asarray(share))))
