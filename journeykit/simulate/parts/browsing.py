"""Visits to the website: which pages follow which, by hidden persona, and how fast."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from journeykit.simulate.chains import Chains, Expected, expected, walk
from journeykit.simulate.draws import Points
from journeykit.simulate.part import Part, Truth
from journeykit.simulate.parts.calendar import Rhythm, week_of
from journeykit.simulate.parts.pages import (
    CHAINS,
    PAGES,
    PERSONAS,
    Next,
    Page,
    Persona,
    probabilities,
    told,
)
from journeykit.simulate.parts.population import Population
from journeykit.simulate.past import SECONDS, Drawn, Touches, sort_key
from journeykit.simulate.sessions import LEAST_GAP, gap_seconds, session_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Past

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]

_PRODUCT, _TESTIMONIAL, _SEARCH, _HELP = (
    PAGES.index(page)
    for page in ("view_product", "view_testimonial", "site_search", "help_center_visit")
)
#: Pages of a visit without its loop, and pairs of the loop: at most 40 pages in all.
_LONGEST, _PAIRS = 30, 5
_SLOTS = _LONGEST + 2 * _PAIRS
#: Longest visit, and least time from the beginning of one to that of the next, in days: what lies
#: between the last page of a visit and the next visit is more than 30 minutes.
_LONGEST_VISIT, _APART = 2 / 24, 2.51 / 24
_LONGEST_GAP = 29 * 60.0
#: When people browse, by hour of the day; mean 1.
HOURS = np.array(
    [5, 3, 2, 2, 2, 3, 6, 10, 13, 15, 16, 16, 17, 16, 15, 15, 16, 18, 22, 28, 30, 27, 18, 10]
) / (325 / 24)  # fmt: skip


class BrowsingTruth(Truth):
    """What is true of visits to the website.

    Expectations are exact and cover all visits that the part draws (`sessions.of_kind` tells their
    events from those of purchases), help loops included; no visit is cut by the window.

    Attributes
    ----------
    personas : mapping of str to float
        Expected share of visits, by hidden persona.
    first : mapping of str to float
        Probability that a visit begins with a page.
    rows : mapping of str to mapping
        Persona -> page -> next page, or ``(exit)`` -> probability, before the break and without
        loops. With order 1, P(next page | page).
    order : int
        Of the Markov chain of a persona: 2 where the page before the last matters.
    transitions, transitions_after : mapping of str to mapping
        P(next page | page), personas together, over visits that begin before the break's week, and
        in it or later: expected steps from one page to another over expected views of the page.
    transitions_by_persona : mapping of str to mapping
        The same within each persona, before the break.
    pages_a_visit : float
        Expected number, before the break.
    back_steps_a_visit : float
        Expected number of steps b -> a -> b with another page a, before the break.
    looped : float
        Probability that a visit has a help loop.
    loop_pages : float
        Expected number of pages that a loop adds to a visit that has one.
    break_week : int
    break_shift : float
        Share of the probability of view_product -> view_testimonial that goes to site_search from
        the beginning of that week, counted from 0.
    visits : int
        Counted.
    """

    personas: dict[str, float]
    first: dict[str, float]
    rows: dict[str, dict[str, dict[str, float]]]
    order: int
    transitions: dict[str, dict[str, float]]
    transitions_after: dict[str, dict[str, float]]
    transitions_by_persona: dict[str, dict[str, dict[str, float]]]
    pages_a_visit: float
    back_steps_a_visit: float
    looped: float
    loop_pages: float
    break_week: int
    break_shift: float
    visits: int


class Browsing(Part):
    """Visits to the website, each of them one session.

    Customer i begins visits at the rate ``visits_a_day * activity_i * season * shock * weekday *
    hour``, from entry on. A visit that would begin within 2.51 hours of the beginning of the one
    drawn before it, or in the last two hours that the customer is watched, is not made.

    The pages follow a Markov chain P of the customer's persona, ``mixing * own + (1 - mixing) *
    plain mean of the personas'``, from a first page that all personas share: after pages b, a comes
    x with probability ``(1 - memory) * P(a, x) + memory * P(b, x)``, after the first page a with
    P(a, x). From week `break_week` on ``P(product, search)`` has gained, and ``P(product,
    testimonial)`` lost, `break_shift` of the latter. Whoever sees the 30th page leaves.

    With probability `help_loop`, whatever else happens, the first page is followed by 1 to 5 pairs
    (help_center_visit, view_product), after which all goes on as if they were not there. There are
    k < 5 pairs with probability ``(1 - help_loop_again) * help_loop_again ** (k - 1)``.

    Pages are 2 seconds to 29 minutes apart, lognormal between. A visit of more than two hours is
    run through faster: what its gaps have beyond 2 seconds is scaled down to fit.

    Parameters
    ----------
    visits_a_day : float
        Of a customer with activity 1.
    daily : float
        How far the pattern of the hours is there: 0 makes all hours of the day alike.
    first : mapping of str to float
        Weight of each page to be the first; they are made to sum to 1.
    chains : mapping of str to mapping
        Persona -> page -> next page, or ``(exit)`` -> weight; each row is made to sum to 1, and
        without any weight the visit ends there.
    mixing : float
        How far personas differ: 0 makes all browse alike.
    memory : float
        Probability that the page before the last decides: 0 makes the chains first-order.
    break_week : int
    break_shift : float
        Between 0 and 1.
    help_loop, help_loop_again : float
        Probabilities.
    gap_seconds, gap_sigma : float
        Median, and spread of the logarithm, of the time between pages.
    """

    name: ClassVar[str] = "browsing"
    visits_a_day: Positive = 0.0025
    daily: Share = 1.0
    first: dict[Page, Positive] = {
        "view_home": 0.45, "view_product": 0.28, "view_testimonial": 0.04, "site_search": 0.15,
        "newsletter_signup": 0.02, "help_center_visit": 0.06,
    }  # fmt: skip
    chains: dict[Persona, dict[Page, dict[Next, Positive]]] = CHAINS
    mixing: Share = 1.0
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.2
    break_week: Annotated[int, Field(ge=0)] = 60
    break_shift: Share = 0.4
    help_loop: Share = 0.06
    help_loop_again: Share = 0.5
    gap_seconds: Annotated[float, Field(ge=LEAST_GAP, le=_LONGEST_GAP)] = 25.0
    gap_sigma: Positive = 1.0

    @model_validator(mode="after")
    def _complete(self) -> Browsing:
        if not sum(self.first.values()):
            raise ValueError("`first` must have a page with a weight above 0")
        if missing := set(PERSONAS) - set(self.chains):
            raise ValueError(f"`chains` must have every persona; {sorted(missing)} are missing")
        return self

    def draw(self, past: Past, /) -> Drawn:
        """Draw visits, their pages and times."""
        visits = self._visits(past)
        late = week_of(visits.time, days=past.days) >= self.break_week
        persona = past.trait("persona")[visits.who]
        pages = self._pages(past, visits, persona + len(PERSONAS) * late)
        visit, slot = np.nonzero(pages >= 0)
        page, who = pages[visit, slot], visits.who[visit]
        begins = np.rint(visits.time * SECONDS)
        named = visits.number[visit] * 64 + slot
        passed = self._passed(past.draws.uniform("browsing.gap", who=who, number=named), visit)
        time = (begins[visit] + passed) / SECONDS
        session = session_ids(past, "visit", visits.who, visits.number)[visit]
        touches = []
        for code, name in enumerate(PAGES):
            on = page == code
            touches.append(Touches.of(name, who[on], time[on], {"session_id": session[on]}))
        shares = past.part(Population).personas
        weights = np.array([shares.get(name, 0.0) for name in PERSONAS])
        return Drawn(
            touches=touches,
            sums={
                "browsing.visits": len(visits.who),
                "browsing.personas": past.n * weights / weights.sum(),
            },
        )

    def _visits(self, past: Past) -> Points:
        """Return the visits that are made, sorted by customer and time."""
        begin, end = np.maximum(past.trait("entry"), 0.0), past.trait("exit")
        rhythm = Rhythm(past)
        points = past.draws.candidates(
            "browsing.visit",
            self.visits_a_day * past.trait("activity"),
            np.floor(begin),
            np.ceil(end),
            rhythm.most_of_day,
        )
        points = points.keep(points.height < rhythm.of_day(points.who, points.time))
        # Within a day times are evenly spread so far: bend them to the pattern of the hours.
        hours = np.concatenate([[0.0], np.cumsum(1 + self.daily * (HOURS - 1))]) / HOURS.sum()
        day = np.floor(points.time)
        time = day + np.interp(points.time - day, hours, np.arange(25) / 24)
        points = replace(points, time=time)
        last = end[points.who] - _LONGEST_VISIT
        points = points.keep((time >= begin[points.who]) & (time < last))
        key = sort_key(points.who, points.time)
        order = np.argsort(key)
        made = np.ones(len(order), dtype=bool)
        made[1:] = np.diff(key[order]) >= _APART
        order = order[made]
        return Points(
            points.who[order], points.time[order], points.number[order], points.height[order]
        )

    def _pages(self, past: Past, visits: Points, group: Indices) -> NDArray[np.int8]:
        """Return the pages of each visit in order, -1 where a slot is empty.

        Slots are the first page, those of a loop, and the rest: what a loop adds moves nothing.
        """
        draws, who, number = past.draws, visits.who, visits.number
        chained = walk(self._chains(), draws, "browsing", who=who, number=number, group=group)
        loops = draws.uniform("browsing.loop", who=who, number=number) < self.help_loop
        again = draws.uniform("browsing.loop again", who=who, number=number)
        # k + 1 pairs at least where the number is below again**k.
        pairs = loops * (1 + (again[:, None] < self._again()).sum(axis=1))
        pages = np.full((len(who), _SLOTS), -1, dtype=np.int8)
        pages[:, 0], pages[:, 1 + 2 * _PAIRS :] = chained[:, 0], chained[:, 1:]
        for pair in range(_PAIRS):
            at = np.flatnonzero(pairs > pair)
            pages[at, 1 + 2 * pair], pages[at, 2 + 2 * pair] = _HELP, _PRODUCT
        return pages

    def _passed(self, uniform: Floats, visit: Indices) -> Floats:
        """Return the seconds since the visit's beginning at each of its pages."""
        gap = gap_seconds(uniform, median=self.gap_seconds, sigma=self.gap_sigma, most=_LONGEST_GAP)
        first = np.ones(len(visit), dtype=bool)
        first[1:] = visit[1:] != visit[:-1]
        gap[first] = 0.0
        more = np.maximum(gap - LEAST_GAP, 0.0)
        room = _LONGEST_VISIT * SECONDS - LEAST_GAP * _SLOTS
        lasts = np.bincount(visit, weights=more)
        scale = room / np.maximum(lasts, room)
        gap = np.where(first, 0.0, LEAST_GAP + np.floor(more * scale[visit]))
        total = np.cumsum(gap)
        passed: Floats = total - total[first][visit]
        return passed

    def _again(self) -> Floats:
        """Return the probability of a second pair, a third and so on."""
        powers: Floats = self.help_loop_again ** np.arange(1.0, _PAIRS)
        return powers

    def _chains(self) -> Chains:
        """Return the chains of each persona before the break, then those after it."""
        own = np.array([probabilities(self.chains[name]) for name in PERSONAS])
        before = self.mixing * own + (1 - self.mixing) * own.mean(axis=0)
        after = before.copy()
        moved = self.break_shift * before[:, _PRODUCT, _TESTIMONIAL]
        after[:, _PRODUCT, _TESTIMONIAL] -= moved
        after[:, _PRODUCT, _SEARCH] += moved
        first = np.array([self.first.get(page, 0.0) for page in PAGES])
        return Chains(first / first.sum(), np.concatenate([before, after]), self.memory, _LONGEST)

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> BrowsingTruth:  # noqa: ARG002
        """Return the law of the chains, and what is exactly expected of it."""
        chains, n = self._chains(), len(PERSONAS)
        steps, back_steps = self._with_loops(chains, expected(chains))
        shares = sums["browsing.personas"] / np.sum(sums["browsing.personas"])
        together = np.einsum("p,tpab->tab", shares, steps.reshape(2, n, *steps.shape[1:]))
        by_name = dict(zip(PERSONAS, range(n), strict=True))
        return BrowsingTruth(
            personas={name: round(float(shares[p]), 12) for name, p in by_name.items()},
            first=dict(zip(PAGES, chains.first.tolist(), strict=True)),
            rows={name: told(chains.rows[p]) for name, p in by_name.items()},
            order=2 if self.memory else 1,
            transitions=told(together[0]),
            transitions_after=told(together[1]),
            transitions_by_persona={name: told(steps[p]) for name, p in by_name.items()},
            pages_a_visit=float(together[0].sum()),
            back_steps_a_visit=float(shares @ back_steps[:n]),
            looped=self.help_loop,
            loop_pages=2 * self._pairs_a_loop(),
            break_week=self.break_week,
            break_shift=self.break_shift,
            visits=int(sums["browsing.visits"]),
        )

    def _pairs_a_loop(self) -> float:
        return 1 + float(self._again().sum())

    def _with_loops(self, chains: Chains, walks: Expected) -> tuple[Floats, Floats]:
        """Return expected steps and back-steps of a visit of each group, loops included."""
        pairs, none = self._pairs_a_loop(), len(PAGES)
        first, second = walks.first_step, walks.second_step
        # With a loop, what came after the first page comes after a product page.
        steps = walks.steps - first
        steps[:, :, _HELP] += chains.first
        steps[:, _PRODUCT] += first.sum(axis=1)
        steps[:, _HELP, _PRODUCT] += pairs
        steps[:, _PRODUCT, _HELP] += pairs - 1
        others = ~np.eye(none, dtype=bool)
        not_back = (np.diagonal(second[..., :none], axis1=1, axis2=3) * others).sum(axis=(1, 2))
        back = second[..., _PRODUCT].sum(axis=1) @ (np.arange(none) != _PRODUCT)
        back = walks.back_steps - not_back + back + first[:, :, _HELP].sum(axis=1)
        back += chains.first[_PRODUCT] + 2 * (pairs - 1)
        loop = self.help_loop
        return (
            (1 - loop) * walks.steps + loop * steps,
            (1 - loop) * walks.back_steps + loop * back,
        )
