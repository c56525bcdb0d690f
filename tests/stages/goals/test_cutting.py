"""Which event belongs to which journey with a goal: by hand, by brute force, where it is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.stages import JourneyTypes, goal_cases
from journeykit.stages.goals.cutting import ENDS
from tests.truth.set_out import assigned, log

Event = tuple[int, float, str]
#: Of events, what `case_of` says below 0.
NOT_OWN, OUTSIDE, UNWATCHED = -1, -2, -3


def journeys(
    *events: Event, days: float = 100, late: Sequence[int] = (), **more: object
) -> Journeys:
    """Customers watched from day 0 of a window from day 0; the `late` ones entered on day 1e-6."""
    names = tuple(sorted({event[2] for event in events}))
    who = np.array([event[0] for event in events])
    n = int(who.max()) + 1
    watched = np.zeros(n, dtype=np.int64)
    watched[list(late)] = 1
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(event[2]) for event in events], dtype=np.uint8),
        start=np.searchsorted(who, np.arange(n + 1)),
        time=np.array([round(event[1] * DAY) for event in events]),
        observed_from=watched,
        observed_to=np.full(n, round(days * DAY)),
        window=(0, round(days * DAY)),
        **more,  # type: ignore[arg-type]
    )


def types(**kinds: dict[str, object]) -> JourneyTypes:
    return JourneyTypes(journeys=kinds)  # type: ignore[arg-type]


def told(
    made: Journeys, kinds: JourneyTypes
) -> list[tuple[str, int, float, float, str, bool, int]]:
    """Kind, customer, first and last day, end, edge, events."""
    found = goal_cases(made, kinds)
    return [
        (found.names[k], who, begin / DAY, end / DAY, ENDS[ended], edge, steps)
        for k, who, begin, end, ended, edge, steps in zip(
            found.kind.tolist(),
            found.journey.tolist(),
            found.begin.tolist(),
            found.end.tolist(),
            found.ended.tolist(),
            found.edge.tolist(),
            found.steps.tolist(),
            strict=True,
        )
    ]


BUY = {"start": ["look"], "goal": ["order"], "abandon": ["leave"], "timeout_days": 10}


def test_every_end_worked_by_hand() -> None:
    made = journeys(
        (0, 20, "look"), (0, 25, "look"), (0, 35, "order"), (0, 36, "order"),
        (0, 40, "look"), (0, 41, "leave"), (0, 50, "look"), (0, 90, "look"),
        (1, 30, "look"), (1, 40, "look"), (1, 50.5, "look"), (1, 52, "order"),
    )  # fmt: skip
    assert told(made, types(buy=BUY)) == [
        # The order of day 35 comes ten days after the last look: in time. Another is outside.
        ("buy", 0, 20, 35, "goal", False, 3),
        ("buy", 0, 40, 41, "abandoned", False, 2),
        ("buy", 0, 50, 60, "timed out", False, 1),
        # Ten days after day 90 nobody watches any more.
        ("buy", 0, 90, 100, "open", False, 1),
        ("buy", 1, 30, 50, "timed out", False, 2),
        ("buy", 1, 50.5, 52, "goal", False, 2),
    ]
    assert goal_cases(made, types(buy=BUY)).case_of[0, 3] == OUTSIDE


def test_days_since_the_start_end_a_case_too() -> None:
    kind = {"start": ["look"], "goal": ["order"], "within_days": 12, "timeout_days": 5}
    made = journeys(
        *[(0, 20 + 4 * step, "look") for step in range(5)], (0, 37, "order"),
        (1, 20, "look"), (1, 32, "order"), (2, 20, "look"), (2, 25, "look"), (2, 32, "order"),
        (3, 20, "look"), (3, 24, "look"), (3, 28, "look"), (3, 32, "order"),
    )  # fmt: skip
    assert told(made, types(a=kind)) == [
        ("a", 0, 20, 32, "timed out", False, 4),
        ("a", 0, 36, 37, "goal", False, 2),
        ("a", 1, 20, 25, "timed out", False, 1),
        ("a", 2, 20, 30, "timed out", False, 2),
        ("a", 3, 20, 32, "goal", False, 4),
    ]


def test_what_may_have_begun_before_the_window_is_an_edge() -> None:
    events: list[Event] = []
    for who, days in enumerate(([5, 8], [5, 8, 12, 30], [11], [5], [4])):
        events += [(who, day, "look") for day in days]
    events.insert(6, (1, 31, "order"))
    events += [(5, 3, "order"), (5, 5, "look"), (6, 7, "chat"), (6, 15, "look")]
    made = journeys(*events, late=[3])
    kind = BUY | {"abandon": [], "steps": ["chat"]}
    assert [(row[1], row[2], row[5]) for row in told(made, types(buy=kind))] == [
        (0, 5, True),
        (1, 5, True), (1, 30, False),
        # Ten days of silence have passed before day 11; who enters late has nothing before.
        (2, 11, False), (3, 5, False), (4, 4, True),
        # An order has ended whatever was open; a chat keeps it going until day 17.
        (5, 5, False), (6, 15, True),
    ]  # fmt: skip


def test_kinds_run_at_the_same_time_and_share_what_both_name() -> None:
    ask = {"start": ["help"], "goal": ["answer"], "timeout_days": 10, "steps": ["chat"]}
    made = journeys(
        (0, 20, "look"), (0, 21, "help"), (0, 22, "chat"), (0, 23, "mail"), (0, 24, "order"),
        (0, 25, "chat"), (0, 26, "answer"),
    )  # fmt: skip
    both = types(buy=BUY | {"abandon": [], "steps": ["chat"]}, ask=ask)
    assert goal_cases(made, both).case_of.tolist() == [
        [0, NOT_OWN, 0, NOT_OWN, 0, OUTSIDE, NOT_OWN],
        [NOT_OWN, 1, 1, NOT_OWN, NOT_OWN, 1, 1],
    ]
    # What none names belongs to the kind without steps: the mail; of two, to the later one.
    rest = types(buy=BUY | {"abandon": []}, ask=ask | {"steps": []})
    assert goal_cases(made, rest).case_of.tolist() == [
        [0, NOT_OWN, NOT_OWN, NOT_OWN, 0, NOT_OWN, NOT_OWN],
        [NOT_OWN, 1, 1, 1, NOT_OWN, 1, 1],
    ]


def test_a_pattern_begins_a_case_where_its_match_ends() -> None:
    made = journeys((0, 20, "look"), (0, 21, "cart"), (0, 22, "order"), (1, 20, "cart"))
    kind = {"start": "look > cart", "goal": ["order"], "timeout_days": 9, "steps": ["look"]}
    assert told(made, types(a=kind)) == [("a", 0, 21, 22, "goal", False, 2)]


def test_ids_tell_cases_apart() -> None:
    ticket = np.array(["x", "y", "x", None, "y", "x"], dtype=object)
    made = journeys(
        (0, 20, "help"), (0, 21, "help"), (0, 22, "chat"), (0, 23, "chat"), (0, 24, "answer"),
        (0, 25, "help"), columns={"ticket": ticket},
    )  # fmt: skip
    ask = {"start": ["help"], "goal": ["answer"], "timeout_days": 10, "column": "ticket"}
    assert told(made, types(ask=ask)) == [
        ("ask", 0, 20, 35, "timed out", False, 3),
        ("ask", 0, 21, 24, "goal", False, 2),
    ]
    named = types(ask=ask | {"steps": ["chat"]})
    assert goal_cases(made, named).case_of.tolist() == [[0, 1, 0, OUTSIDE, 1, 0]]
    # Beside another kind the numbers still fit.
    two = types(buy={"start": ["chat"], "goal": ["answer"], "within_days": 5}, ask=ask)
    found = goal_cases(made, two)
    assert found.case_of.tolist() == [[-1, -1, 0, 0, 0, -1], [1, 2, 1, -1, 2, 1]]
    assert found.kind.tolist() == [0, 1, 1]


def test_what_lies_outside_the_watching_is_named() -> None:
    made = journeys((0, 2, "look"), (0, 20, "look"), (0, 60, "order"), (0, 70, "look"), days=50)
    made = made.replace(observed_from=np.array([10 * DAY]))
    assert told(made, types(buy=BUY | {"abandon": [], "timeout_days": 45})) == [
        ("buy", 0, 20, 50, "open", False, 1)
    ]
    found = goal_cases(made, types(buy=BUY | {"abandon": [], "timeout_days": 45}))
    assert found.case_of.tolist() == [[UNWATCHED, 0, UNWATCHED, UNWATCHED]]


# --- brute force ----------------------------------------------------------------------------------


def slowly(
    times: list[float], names: list[str], kind: dict[str, object], *, until: float, unseen: bool
) -> tuple[list[tuple[float, float, str, bool]], list[int]]:
    """Cut one kind of one customer, event by event, from the definition."""
    silence, within = (float(str(kind.get(key, 1e9))) for key in ("timeout_days", "within_days"))
    own = {name for key in ("start", "goal", "abandon", "steps") for name in kind[key]}  # type: ignore[attr-defined]
    rows: list[tuple[float, float, str, bool]] = []
    of: list[int] = []
    members: list[float] = []
    chain = [0.0] if unseen else []
    edge = False

    def over(list_: list[float]) -> float:
        return min(list_[-1] + silence, list_[0] + within)

    for time, name in zip(times, names, strict=True):
        if members and time > over(members):
            rows.append((members[0], over(members), "timed out", edge))
            members = []
        if chain and time > over(chain):
            chain = []
        if name not in own:
            of.append(NOT_OWN)
        elif not members and name not in kind["start"]:  # type: ignore[operator]
            of.append(OUTSIDE)
            ends = name in {*kind["goal"], *kind["abandon"]}  # type: ignore[misc]
            chain = [*chain, time] if chain and not ends else []
        else:
            edge = bool(chain) if not members else edge
            chain = []
            members.append(time)
            of.append(len(rows))
            if name in kind["goal"] or name in kind["abandon"]:  # type: ignore[operator]
                end = "goal" if name in kind["goal"] else "abandoned"  # type: ignore[operator]
                rows.append((members[0], time, end, edge))
                members = []
    if members:
        timed = over(members) < until
        rows.append((members[0], min(over(members), until), "timed out" if timed else "open", edge))
    return rows, of


@pytest.mark.parametrize("seed", range(20))
def test_as_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds: dict[str, dict[str, object]] = {
        "a": {"start": ["p", "q"], "goal": ["r"], "abandon": ["s"], "steps": ["t"]},
        "b": {"start": ["t"], "goal": ["s"], "abandon": [], "steps": ["u", "p"]},
        "c": {"start": ["q"], "goal": ["u"], "abandon": ["r"], "steps": ["v"]},
    }
    for kind in kinds.values():
        keys = [("timeout_days",), ("within_days",), ("timeout_days", "within_days")]
        for key in keys[rng.integers(3)]:
            kind[key] = int(rng.integers(2, 9))
    events: list[Event] = []
    for who in range(30):
        days = np.sort(rng.integers(1, 60, rng.integers(1, 20)))
        events += [(who, int(day), str(rng.choice(list("pqrstuvw")))) for day in days]
    made = journeys(*events, days=60, late=range(0, 30, 3))
    found = goal_cases(made, types(**kinds))
    for k, kind in enumerate(kinds.values()):
        for who in range(30):
            mine = [event for event in events if event[0] == who]
            rows, of = slowly(
                [event[1] for event in mine],
                [event[2] for event in mine],
                kind,
                until=60,
                unseen=who % 3 != 0,
            )
            at = np.flatnonzero((found.kind == k) & (found.journey == who))
            assert [
                (found.begin[i] / DAY, found.end[i] / DAY, ENDS[found.ended[i]], found.edge[i])
                for i in at
            ] == rows
            first = at[0] if len(at) else 0
            got = found.case_of[k, made.start[who] : made.start[who + 1]]
            assert np.where(got >= 0, got - first, got).tolist() == of
    # Every own event is in one case or outside, and cases count what they hold.
    inside = found.case_of[found.case_of >= 0]
    assert np.bincount(inside, minlength=len(found.kind)).tolist() == found.steps.tolist()


# --- where it is known ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noise", "least", "most"),
    [
        ({}, 1, 1),
        # Where it falls: an event that three kinds name is given to all that are open.
        ({"shared": 0.1}, 0.95, 0.98),
        ({"shared": 0.3}, 0.88, 0.92),
        ({"strays": 0.1}, 0.95, 0.97),
        ({"strays": 0.3}, 0.86, 0.89),
        ({"lost": 0.1}, 0.95, 0.97),
        ({"shared": 0.05, "strays": 0.05, "lost": 0.01}, 0.95, 0.97),
    ],
)
def test_three_interleaved_kinds_are_told_apart(
    noise: dict[str, float], least: float, most: float
) -> None:
    assert least <= assigned(log(700, 1, **noise))["f1"] <= most


# --- what is refused ------------------------------------------------------------------------------


def test_what_is_not_there_is_named_with_its_key() -> None:
    made = journeys((0, 1, "look"), (0, 2, "order"))
    with pytest.raises(MappingError, match=r"`buy\.abandon` names touchpoints .* 'leave'"):
        goal_cases(made, types(buy=BUY))
    kind = {"start": ["look"], "goal": ["order"], "timeout_days": 3}
    with pytest.raises(MappingError, match=r"`buy\.cost` names event columns .* 'price'"):
        goal_cases(made, types(buy=kind | {"cost": "price"}))
    priced = made.replace(columns={"price": np.array(["1", "2"], dtype=object)})
    with pytest.raises(DataError, match=r"`buy\.cost` must be a column of numbers; 'price' holds"):
        goal_cases(priced, types(buy=kind | {"cost": "price"}))
    from_file = JourneyTypes(journeys={"buy": BUY}, path="here/journeys.yaml")
    with pytest.raises(MappingError, match=r"`here/journeys\.yaml: buy\.abandon`"):
        goal_cases(made, from_file)


def test_cut_collapsed_and_timeless_journeys_are_refused() -> None:
    made = journeys((0, 1, "look"), (0, 2, "order"))
    kinds = types(buy={"start": ["look"], "goal": ["order"], "timeout_days": 3})
    with pytest.raises(ArgumentError, match="already cut"):
        goal_cases(made.sessions("1h"), kinds)
    with pytest.raises(ArgumentError, match="collapse_repeats"):
        goal_cases(made.collapse_repeats(), kinds)
    bare = made.replace(time=None, observed_from=None, observed_to=None)
    with pytest.raises(NotObservedError, match="path table"):
        goal_cases(bare, kinds)
