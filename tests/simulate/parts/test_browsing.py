from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from journeykit.errors import ArgumentError
from journeykit.journeys import Journeys
from journeykit.simulate.parts.browsing import HOURS, Browsing
from journeykit.simulate.parts.calendar import Rhythm
from journeykit.simulate.parts.pages import PAGES
from journeykit.simulate.parts.pages import PERSONAS as ORDERED
from journeykit.simulate.parts.population import PERSONAS
from journeykit.simulate.past import SECONDS, START, Past
from journeykit.simulate.sessions import of_kind
from journeykit.simulate.world import World, world

N = 6_000
DAYS = 731


def made(**settings: Any) -> World:
    """Return a world of nothing but visits, four times as many as usual."""
    named = {f"browsing.{name}": value for name, value in settings.items()}
    return world(
        customers=N, seed=5, parts=["browsing"], settings={"browsing.visits_a_day": 0.018, **named}
    )


@pytest.fixture(scope="module")
def usual() -> World:
    return made()


class Seen:
    """Events as arrays: customer, page, second, session, in order."""

    def __init__(self, made: World) -> None:
        events = made.events.unify_dictionaries().combine_chunks()
        words = events["touchpoint"].combine_chunks()
        names = words.dictionary.to_pylist()
        self.who = np.repeat(np.arange(made.customers), made.lengths)
        self.page = np.array([PAGES.index(n) if n in PAGES else -1 for n in names])[
            words.indices.to_numpy()
        ]
        seconds = events["event_time"].cast("int64").to_numpy() // 1_000_000 - START
        self.second = seconds
        self.session = events["session_id"].to_numpy()
        self.first = np.flatnonzero(np.diff(self.session, prepend=-1))
        self.visit = np.cumsum(np.diff(self.session, prepend=-1) != 0) - 1
        self.length = np.diff(self.first, append=len(self.session))

    def steps(self) -> tuple[Any, Any, Any]:
        """Return source, target (6 is leaving) and week of each step's visit."""
        target = np.append(self.page[1:], 6)
        target[np.append(self.first[1:], len(self.page)) - 1] = 6
        week = self.second[self.first] // (7 * SECONDS)
        return self.page, target, week[self.visit]


def z_ratio(part: Any, whole: Any, who: Any, truth: float) -> float:
    """Return how far the pooled ratio lies from `truth`, customers being independent."""
    part_of, whole_of = (np.bincount(who, weights=x, minlength=N) for x in (part, whole))
    error = part_of - truth * whole_of
    return float(error.sum() / np.sqrt((error**2).sum()))


def check_transitions(seen: Seen, told: dict[str, dict[str, float]], chosen: Any) -> None:
    source, target, _ = seen.steps()
    who = seen.who
    for a, page in enumerate(PAGES):
        here = chosen & (source == a)
        assert here.sum() > 100
        for b, name in enumerate([*PAGES, "(exit)"]):
            there = here & (target == b)
            if told[page][name] == 0:
                assert not there.any()
            elif there.sum() > 50:
                assert abs(z_ratio(there, here, who, told[page][name])) < 4


def test_transitions_of_all_visits_are_as_told(usual: World) -> None:
    # About 53,000 visits with 210,000 pages.
    seen, truth = Seen(usual), usual.truth["browsing"]
    late = seen.steps()[2] >= truth.break_week
    assert truth.visits == len(seen.first)
    check_transitions(seen, truth.transitions, ~late)
    check_transitions(seen, truth.transitions_after, late)
    # The break can be told apart: 0.4 of view_product -> view_testimonial.
    before = truth.transitions["view_product"]["view_testimonial"]
    source, target, _ = seen.steps()
    here = (source == 1) & late
    assert abs(z_ratio(here & (target == 2), here, seen.who, before)) > 8


def test_each_persona_has_its_own_chain(usual: World) -> None:
    seen, truth = Seen(usual), usual.truth["browsing"]
    persona = np.array(usual.hidden["customers"]["persona"].to_pylist())[seen.who]
    early = seen.steps()[2] < truth.break_week
    for name in PERSONAS:
        check_transitions(seen, truth.transitions_by_persona[name], early & (persona == name))
    all_visits = np.ones(len(seen.first))
    for name in PERSONAS:
        theirs = persona[seen.first] == name
        assert abs(z_ratio(theirs, all_visits, seen.who[seen.first], truth.personas[name])) < 4
    assert ORDERED == PERSONAS


@pytest.mark.parametrize("loop", [0.06, 1.0])
def test_pages_and_back_steps_a_visit(usual: World, loop: float) -> None:
    usual = usual.changed({"browsing.help_loop": loop})
    seen, truth = Seen(usual), usual.truth["browsing"]
    early = seen.steps()[2][seen.first] < truth.break_week
    who = seen.who[seen.first]
    assert abs(z_ratio(seen.length * early, early, who, truth.pages_a_visit)) < 4
    same = seen.visit[2:] == seen.visit[:-2]
    back = same & (seen.page[2:] == seen.page[:-2]) & (seen.page[1:-1] != seen.page[2:])
    backs = np.bincount(seen.visit[2:], weights=back, minlength=len(early))
    assert abs(z_ratio(backs * early, early, who, truth.back_steps_a_visit)) < 4
    # n = 53,000 visits: the standard error of either mean is below 1 %.
    assert truth.pages_a_visit == pytest.approx(np.mean(seen.length[early]), rel=0.04)
    assert truth.back_steps_a_visit == pytest.approx(np.mean(backs[early]), rel=0.05)


def test_first_order_without_loops_is_the_bare_chain() -> None:
    truth = made(memory=0, help_loop=0, break_shift=0).truth["browsing"]
    assert truth.order == 1
    for name in PERSONAS:
        for page, row in truth.transitions_by_persona[name].items():
            # But for the few who are led out at the 30th page.
            assert row == pytest.approx(truth.rows[name][page], abs=1e-3)
    assert truth.transitions == truth.transitions_after
    own = Browsing().chains["researcher"]["view_product"]
    assert truth.rows["researcher"]["view_product"] == pytest.approx(own)


@pytest.mark.parametrize("memory", [0.0, 0.3])
def test_order(memory: float) -> None:
    # With one chain for all, the page before the last tells nothing unless there is memory.
    alike = {f"browsing.{name}": 0 for name in ("mixing", "help_loop", "break_shift")}
    more = {"browsing.memory": memory, "browsing.visits_a_day": 0.04}
    active = {"population.activity_sigma": 0}
    seen = Seen(
        world(customers=N, seed=5, parts=["browsing"], settings={**alike, **more, **active})
    )
    source, target, _ = seen.steps()
    third = np.flatnonzero(seen.visit[1:] == seen.visit[:-1]) + 1
    before, now, then = source[third - 1], source[third], target[third]
    own = np.mean([[list(Browsing().chains[p][q].values()) for q in PAGES] for p in PERSONAS], 0)
    for b in (0, 3):
        here = (before == b) & (now == 1)
        truth = (1 - memory) * own[1, 1] + memory * own[b, 1]
        assert here.sum() > 20_000
        assert abs(z_ratio(here & (then == 1), here, seen.who[third], truth)) < 4


def test_zero_mixing_makes_all_browse_alike() -> None:
    truth = made(mixing=0).truth["browsing"]
    rows = list(truth.rows.values())
    assert rows[0] == rows[1] == rows[2]
    assert truth.transitions_by_persona["decided"]["view_home"] == pytest.approx(
        truth.transitions["view_home"]
    )


def test_visits_come_at_the_rate_of_the_calendar(usual: World) -> None:
    browsing = next(part for part in usual.parts if isinstance(part, Browsing))
    past = Past(usual.parts, np.arange(N), days=DAYS, seed=5)
    for part in usual.parts[:2]:
        past.add(part.draw(past))
    rhythm = Rhythm(past)
    day = np.arange(DAYS) + 0.5
    rate = browsing.visits_a_day * past.trait("activity")
    entry = np.maximum(past.trait("entry"), 0)
    expectation = 0.0
    for who in range(N):
        level = rate[who] * rhythm.of_day(np.full(DAYS, who), day)
        watched = np.clip(day + 0.5 - entry[who], 0, 1)
        # A visit is made where none was drawn in the 2.51 hours before; most lie between 9 and 22.
        busy = (HOURS**2).mean()
        expectation += (level * watched * np.exp(-level * busy * 2.51 / 24)).sum()
    seen = Seen(usual)
    n = len(seen.first)
    # n = 53,000: 4 standard errors are 1.7 %, and what is not made is 2 %.
    assert abs(n - expectation) < 4 * np.sqrt(expectation)
    hour = np.bincount(seen.second[seen.first] // 3600 % 24, minlength=24)
    assert ((hour - n * HOURS / 24) ** 2 / (n * HOURS / 24)).sum() < 60  # chi2, 23 df: p = 4e-5
    weekday = np.bincount(seen.second[seen.first] // SECONDS % 7, minlength=7)
    assert weekday[5] / weekday[:2].mean() == pytest.approx(1.3 / 0.85, rel=0.07)


def test_sessions_of_half_an_hour_are_the_visits(usual: World) -> None:
    seen = Seen(usual)
    cut = usual.journeys().sessions(gap="30min")
    assert isinstance(cut, Journeys)
    filled = cut.length[cut.length > 0]
    assert filled.tolist() == seen.length.tolist()
    assert len(np.unique(seen.session)) == len(seen.first)
    assert of_kind(seen.session, "visit").all()
    assert not of_kind(seen.session, "purchase").any()


def test_gaps_are_lognormal_and_within_bounds(usual: World) -> None:
    seen = Seen(usual)
    gap = np.diff(seen.second)[seen.visit[1:] == seen.visit[:-1]]
    assert gap.min() >= 2
    assert gap.max() < 30 * 60
    logs = np.log(gap)
    assert np.median(gap) == pytest.approx(25, abs=1)  # n = 158,000: a standard error of 0.4 %
    assert logs.std() == pytest.approx(1, abs=0.03)
    lasts = seen.second[np.append(seen.first[1:], len(seen.second)) - 1] - seen.second[seen.first]
    assert lasts.max() < 7200
    assert seen.length.max() <= 40


def test_endless_slow_visits_stay_within_their_bounds() -> None:
    onwards = {"view_product": {"view_product": 1.0}}
    slow = world(
        customers=300, seed=1, parts=["browsing"],
        settings={
            "browsing.chains": dict.fromkeys(PERSONAS, onwards),
            "browsing.first": {"view_product": 1.0}, "browsing.help_loop": 1.0,
            "browsing.help_loop_again": 1.0, "browsing.gap_seconds": 1200.0,
            "browsing.visits_a_day": 0.25, "population.activity_sigma": 0,
        },
    )  # fmt: skip
    seen = Seen(slow)
    assert set(seen.length) == {40}
    lasts = seen.second[39::40] - seen.second[::40]
    assert 7000 < lasts.min() <= lasts.max() < 7200
    # Also with hundreds of visits a customer none begins within half an hour of another's end.
    breaks = np.diff(seen.second)[(np.diff(seen.visit) == 1) & (np.diff(seen.who) == 0)]
    assert 1800 < breaks.min() < 2400
    assert np.diff(seen.second)[np.diff(seen.visit) == 0].min() >= 2
    assert seen.page[:12].tolist() == [1, *[5, 1] * 5, 1]
    truth = slow.truth["browsing"]
    assert truth.pages_a_visit == pytest.approx(40)
    # 1, then (5, 1) five times: 1 5 1, then four more 5 1 5 and 1 5 1 each.
    assert truth.back_steps_a_visit == pytest.approx(9)
    assert truth.transitions["view_product"] == pytest.approx(
        {**dict.fromkeys(PAGES, 0.0), "view_product": 29 / 35, "help_center_visit": 5 / 35,
         "(exit)": 1 / 35}, abs=1e-9,
    )  # fmt: skip


def test_a_loop_moves_nothing(usual: World) -> None:
    with_loops, without = Seen(usual), Seen(usual.null("browsing.help_loop"))
    assert len(with_loops.first) == len(without.first)
    assert (with_loops.second[with_loops.first] == without.second[without.first]).all()
    more = with_loops.length - without.length
    looped = more > 0
    n = len(looped)
    truth = usual.truth["browsing"]
    assert abs(looped.sum() - n * truth.looped) < 4 * np.sqrt(n * 0.06 * 0.94)
    assert set(more) == {0, 2, 4, 6, 8, 10}
    assert more[looped].mean() == pytest.approx(truth.loop_pages, rel=0.04)  # n = 3,200
    once = np.flatnonzero(more == 4)[0]
    first, bare = with_loops.first[once], without.first[once]
    assert with_loops.page[first + 1 : first + 5].tolist() == [5, 1, 5, 1]
    rest = with_loops.page[first + 5 : first + with_loops.length[once]]
    assert rest.tolist() == without.page[bare + 1 : bare + without.length[once]].tolist()
    plain = np.repeat(~looped, without.length)
    assert (without.page[plain] == with_loops.page[np.repeat(~looped, with_loops.length)]).all()


def test_a_break_moves_only_what_comes_after_it(usual: World) -> None:
    broken, whole = Seen(usual), Seen(usual.null("browsing.break_shift"))
    begins = usual.truth["browsing"].break_week * 7 * SECONDS
    early, early_too = (seen.second[seen.first] < begins for seen in (broken, whole))
    assert (broken.length[early] == whole.length[early_too]).all()
    same = np.repeat(early, broken.length)
    assert (broken.page[same] == whole.page[np.repeat(early_too, whole.length)]).all()
    assert not np.array_equal(broken.length, whole.length)


@pytest.mark.parametrize("effect", ["memory", "mixing", "gap_sigma"])
def test_no_effect_moves_when_visits_begin_or_where(usual: World, effect: str) -> None:
    here, without = Seen(usual), Seen(usual.null(f"browsing.{effect}"))
    for name in ("who", "second", "page", "session"):
        begun, begun_too = (getattr(seen, name)[seen.first] for seen in (here, without))
        assert (begun == begun_too).all()
    assert (here.length.tolist() == without.length.tolist()) == (effect == "gap_sigma")


def test_no_rate_no_visits(usual: World) -> None:
    none = usual.null("browsing.visits_a_day")
    assert none.events.num_rows == 0
    assert none.truth["browsing"].visits == 0


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world(customers=300, seed=2, parts=["browsing"])
    monkeypatch.setattr("journeykit.simulate.world.BLOCK", 77)
    parts = world(customers=300, seed=2, parts=["browsing"])
    assert whole.events.to_pylist() == parts.events.to_pylist()
    assert whole.truth_json() == parts.truth_json()


def test_wrong_parameters() -> None:
    with pytest.raises(ArgumentError, match="every persona"):
        world(customers=1, settings={"browsing.chains": {}}, parts=["browsing"])
    with pytest.raises(ArgumentError, match="`first` must have a page with a weight above 0"):
        world(customers=1, settings={"browsing.first": {}}, parts=["browsing"])


def test_shares_of_personas_need_not_sum_to_1() -> None:
    truth = made(visits_a_day=0.001).changed({"population.personas": {"decided": 3.0}})
    assert truth.truth["browsing"].personas == {
        "researcher": 0.0, "bargain hunter": 0.0, "decided": 1.0,
    }  # fmt: skip


def test_a_loop_worked_by_hand() -> None:
    # home, help, product without it; home, (help, product), help, product with it.
    onwards = {
        "view_home": {"help_center_visit": 1.0}, "help_center_visit": {"view_product": 1.0},
    }  # fmt: skip
    looped = world(
        customers=50, seed=1, parts=["browsing"],
        settings={
            "browsing.chains": dict.fromkeys(PERSONAS, onwards), "browsing.memory": 0,
            "browsing.first": {"view_home": 1.0}, "browsing.help_loop": 1.0,
            "browsing.help_loop_again": 0.0, "browsing.break_shift": 0.0,
        },
    )  # fmt: skip
    seen, truth = Seen(looped), looped.truth["browsing"]
    assert seen.page[:5].tolist() == [0, 5, 1, 5, 1]
    assert set(seen.length) == {5}
    assert truth.pages_a_visit == 5
    # help product help, and product help product.
    assert truth.back_steps_a_visit == 2
    assert truth.transitions["view_product"]["help_center_visit"] == 0.5
    assert truth.transitions["view_product"]["(exit)"] == 0.5
    assert truth.transitions["help_center_visit"]["view_product"] == 1
