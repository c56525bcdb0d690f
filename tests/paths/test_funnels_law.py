"""Funnels against a matcher that tries everything, on random journeys and options."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError
from journeykit.paths import Exclusion
from journeykit.paths.funnels.attempts import follow
from journeykit.paths.funnels.rules import funnel_rules
from tests.paths.brute_funnel import brute
from tests.strategies import NAMES, journeys

STEPS = st.lists(
    st.sampled_from([*NAMES[:3], "mail | shop", "!call", "shop"]), min_size=2, max_size=4
)
DAYS = st.one_of(st.none(), st.integers(1, 60).map(lambda d: f"{d}d"))


@st.composite
def options(draw: st.DrawFn) -> dict[str, object]:
    steps = draw(STEPS)
    k = len(steps)
    excluded = draw(st.sampled_from(["nothing", "everywhere", "somewhere"]))
    after = draw(st.integers(1, k - 1))
    before = draw(st.integers(after + 1, k))
    leaving = draw(st.sampled_from([None, "call", "web"]))
    return {
        "steps": steps,
        "order": draw(st.sampled_from(["ordered", "ordered", "strict", "unordered"])),
        "entry": draw(st.sampled_from(["closed", "closed", "open"])),
        "start": draw(st.sampled_from(["first", "any", "last"])),
        "within": draw(DAYS),
        "at_least": draw(st.sampled_from([None, None, "1d", "5d"])),
        "step_within": draw(st.lists(DAYS, min_size=k - 1, max_size=k - 1)),
        "step_at_least": draw(
            st.lists(st.sampled_from([None, None, "1d", "3d"]), min_size=k - 1, max_size=k - 1)
        ),
        "exclude": {
            "nothing": (),
            "everywhere": "web",
            "somewhere": [Exclusion("web | call", after=after, before=before)],
        }[excluded],
        "leaving": leaving,
        "reentry": draw(st.booleans()),
        "shared_events": draw(st.booleans()),
    }


def _check(drawn, chosen) -> None:
    try:
        rules = funnel_rules(drawn.names, **chosen)
    except ArgumentError:
        return
    found, wanted = follow(drawn, rules), brute(drawn, rules)
    assert found.customer.tolist() == [who for who, _ in wanted]
    for row, (_, one) in enumerate(wanted):
        assert found.reached[row].tolist() == one.reached
        for j in range(len(rules.steps) - 1):
            if one.reached[j] < 0 or one.came[j + 1] >= 0:
                continue
            assert found.came[row, j + 1] == -1
            assert (found.status[row, j], found.ended[row, j]) == (one.status[j], one.ended[j]), j
        assert found.came[row, 1:].tolist() == one.came[1:]


@settings(max_examples=250)
@given(journeys(), options())
def test_every_option_as_by_trying_everything(drawn, chosen) -> None:
    _check(drawn, chosen)


@settings(max_examples=70)
@given(journeys(), options())
def test_pieces_of_journeys_as_by_trying_everything(drawn, chosen) -> None:
    _check(drawn.sessions("12d"), chosen)


@settings(max_examples=40)
@given(journeys(timed=False), options())
def test_journeys_without_times_as_by_trying_everything(drawn, chosen) -> None:
    windows = ("within", "at_least", "step_within", "step_at_least")
    _check(drawn, {**chosen, **dict.fromkeys(windows)})
