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
    Of the touches that go on, `arrive` are of visits that reach a goal, `back` of such as end at
    the step later.
    `barren` are touches of visits that reach no goal and `barren_left` of them the last, at
    candidates and by stratum: tables of shape (candidates, strata).
    """

    n: Floats
    left: Floats
    goal: Floats
    again: Floats
    visits: Floats
    arrive: Floats
    back: Floats
    barren: Floats
    barren_left: Floats

    @classmethod
    def of(cls, columns: Sequence[Floats], n_candidates: int) -> StepCounts:
        """Give counts their names, in the order of `step_tallies`."""
        # Without candidates there are no strata either.
        shape = (n_candidates, -1 if n_candidates else 0)
        tables = (table.reshape(shape) for table in columns[7:9])
        return cls(*columns[:7], *tables)


def step_tallies(touches: Touches, /, candidate: Bools) -> list[Tally]:
    """Return the tallies of `StepCounts`, in its order; strata are counted of candidates."""
    m = len(touches.names)
    place = np.full(m, -1)
    place[candidate] = np.arange(int(candidate.sum()))
    goes_on = ~touches.left
    masks = (
        np.ones(len(touches.who), dtype=bool),
        touches.left,
        goes_on & touches.last_here & touches.reaches,
        ~touches.last_here,
        touches.first,
        goes_on & touches.reaches,
        goes_on & touches.ends_here,
    )
    plain = [Tally(touches.who[mask], touches.step[mask], m) for mask in masks]
    at_candidate = ~touches.reaches & candidate[touches.step]
    there = np.unique(touches.stratum[at_candidate])
    n_strata = len(there)
    cell = place[touches.step] * n_strata + np.searchsorted(there, touches.stratum)
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
    counts: StepCounts,
    candidate: Bools,
    comparable: Bools,
    /,
    *,
    least_ratio: float,
    confidence: float,
) -> Exits:
    """Compare the exits of each step with those of comparable ones, and value the excess.

    **The chain.** From a touch at the step a visit ends with the hazard e; if not, it reaches a
    goal without meeting the step again (g of those that go on), meets it again (a), or ends
    elsewhere. The chance of a goal is then ``V(e) = (1 - e) g / (1 - (1 - e) a)``; times the
    visits that meet the step it is exactly the number of them that reached a goal. Nothing is
    assumed of other steps: the rest of the way is as those who went on lived it.

    **The reference.** Visits end: most were never meant to reach a goal. Let a share p of the
    touches be of visits bound for one, and h the hazard with which the others end at comparable
    steps: without friction the step is left with the hazard r = (1 - p) h, and of those who go on P
    = p / (1 - r) arrive. Friction takes more of those who would have gone on, whoever they are, and
    so leaves P as it is. Therefore ``r = h (1 - P) / (1 - h P)``: where everybody who goes on
    arrives, nobody is meant to leave, whatever h is. Of touches that go on, A arrive, and W end at
    this very step later, of whom friction took the share (e - r) / e; these count as bound, ``P = A
    + W (e - r) / e``. Together that is a quadratic equation, whose greater root is taken.

    **What is comparable.** h is the share of last ones among touches of visits that reach no goal,
    at the other comparable steps, standardised to the strata of the step's own touches: earlier
    steps, elapsed time and week. With x_t last ones of the n_t touches at another step t, and E_t
    expected with the rates of all of them together (with their overall rate in strata that they do
    not have), steps differ by ``d_t = c((x_t + .5) / (n_t + 1)) - c((E_t + .5) / (n_t + 1))``, c
    the complementary log-log: logarithms of ratios of hazards. h is ``c^-1(c(E_s / n_s) +
    mean(d))`` on average. `top` adds the distance to the upper end of the interval that predicts
    one more step, ``t(k - 1) sd(d) sqrt(1 + 1 / k)``, or log `least_ratio`, if that is more: a few
    steps may be alike by chance.
    """
    m = len(counts.n)
    typical, top = np.full(m, np.nan), np.full(m, np.nan)
    typical[candidate], top[candidate] = _references(
        counts, comparable[candidate], least_ratio=least_ratio, confidence=confidence
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = counts.left / counts.n
        goes_on = counts.n - counts.left
        goal, again = np.nan_to_num(counts.goal / goes_on), np.nan_to_num(counts.again / goes_on)
        arrive, back = np.nan_to_num(counts.arrive / goes_on), np.nan_to_num(counts.back / goes_on)
    typical = frictionless(typical, hazard, arrive, back)
    top = frictionless(top, hazard, arrive, back)
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


def frictionless(log_hazard: Floats, hazard: Floats, arrive: Floats, back: Floats) -> Floats:
    """Return the hazard r of leaving a step without friction; at least that seen if none exceeds.

    Others than those bound for a goal leave with ``h = 1 - exp(-exp(log_hazard))``; `hazard` e,
    `arrive` A and `back` W as in `exits`. With w = W / e, r is the greater root of
    ``h w r^2 + (1 - h (A + W + w)) r - h (1 - A - W) = 0``.
    """
    stay = np.exp(-np.exp(log_hazard))
    h, elsewhere = 1 - stay, np.maximum(1 - arrive - back, 0.0)
    w = np.where(hazard > 0, back / np.where(hazard > 0, hazard, 1.0), 0.0)
    # 1 - h (A + W + w), without taking 1 from 1.
    b = stay + h * (elsewhere - w)
    root = np.sqrt(b**2 + 4 * h**2 * w * elsewhere)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(b > 0, 2 * h * elsewhere / (b + root), (root - b) / (2 * h * w))
    r = np.where(elsewhere < _ROUNDING, np.where(b >= 0, 0.0, r), r)
    # Beyond what is seen nothing is lost by friction, so that none of W are.
    alone = h * (1 - arrive) / (stay + h * (1 - arrive))
    return np.asarray(np.where(r > hazard, alone, r))


def _references(
    counts: StepCounts, comparable: Bools, *, least_ratio: float, confidence: float
) -> tuple[Floats, Floats]:
    """Return the log hazard of each candidate by comparable steps: on average, and at the end."""
    from scipy.special import stdtrit

    n, left = counts.barren.sum(axis=1), counts.barren_left.sum(axis=1)
    usable = comparable & (n > 0)
    rate, overall = _rates_of_others(counts, usable)
    # Of step t with the rates of all but step s, shape (s, t).
    expected = rate @ counts.barren.T
    differ = _cloglog((left + 0.5) / (n + 1)) - _cloglog((expected + 0.5) / (n + 1))
    own = np.where(n > 0, expected.diagonal() / np.where(n > 0, n, 1), overall)
    typical, top = np.full(len(n), np.nan), np.full(len(n), np.nan)
    for s in range(len(n)):
        others = differ[s, usable & (np.arange(len(n)) != s)]
        k = len(others)
        if k < LEAST_COMPARABLE:
            continue
        reach = stdtrit(k - 1, (1 + confidence) / 2) * others.std(ddof=1) * np.sqrt(1 + 1 / k)
        typical[s] = _cloglog(own[s]) + others.mean()
        top[s] = typical[s] + max(float(reach), np.log(least_ratio))
    return typical, top


def _rates_of_others(counts: StepCounts, usable: Bools) -> tuple[Floats, Floats]:
    """Return the share of last touches at usable steps but one: by stratum, and overall."""
    n, left = (table * usable[:, None] for table in (counts.barren, counts.barren_left))
    n, left = n.sum(axis=0) - n, left.sum(axis=0) - left
    overall = left.sum(axis=1) / np.maximum(n.sum(axis=1), 1)
    return np.where(n > 0, left / np.where(n > 0, n, 1), overall[:, None]), overall


def _cloglog(share: Floats | float) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.log1p(-np.asarray(share))))
