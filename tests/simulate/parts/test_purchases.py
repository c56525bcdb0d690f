from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from journeykit.simulate.part import Part, with_settings
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.purchases import DEVIATIONS, LOSING, PLAN, Purchases
from journeykit.simulate.past import START, Drawn, Past
from journeykit.simulate.sessions import mean_gap, of_kind
from journeykit.simulate.world import World, _made

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE = Purchases().rate
ALWAYS = dict.fromkeys(DEVIATIONS, 1.0)
NEVER = dict.fromkeys(DEVIATIONS, 0.0)


class Attempts(Part):
    """As the part `orders` will: four attempts on average, some lost, some in the store."""

    name: ClassVar[str] = "attempts"

    def draw(self, past: Past, /) -> Drawn:
        begin = np.maximum(past.trait("entry"), -60)
        points = past.draws.points("attempt", 0.01, begin, past.trait("exit"))
        which = {"who": points.who, "number": points.number}
        return Drawn(
            hidden={
                "attempts": {
                    **which,
                    "attempt_time": points.time,
                    "place": (past.draws.uniform("store", **which) < 0.3).astype(np.int64),
                    "value": 1000 + points.number,
                    "lost_at": past.draws.choice("lost", [0.8, 0.1, 0.1], **which) - 1,
                }
            }
        )


class Listed(Part):
    """Attempts of the first customer, as listed."""

    name: ClassVar[str] = "attempts"
    rows: tuple[tuple[float, int, int], ...]
    entry: float = -9.0

    def draw(self, past: Past, /) -> Drawn:
        time, place, lost = (np.array(column) for column in zip(*self.rows, strict=True))
        number = np.arange(len(time))
        return Drawn(
            traits={
                name: np.full(past.n, value)
                for name, value in (("entry", self.entry), ("exit", 90.0))
            },
            hidden={
                "attempts": {
                    "who": np.zeros(len(time), dtype=np.int64),
                    "attempt_time": time.astype(np.float64),
                    "number": number,
                    "place": place,
                    "value": 100 * (number + 1),
                    "lost_at": lost,
                }
            },
        )


def made(customers: int, attempts: Part | None = None, **settings: Any) -> World:
    parts: Sequence[Part] = (Population(), Calendar(), attempts or Attempts(), Purchases())
    if isinstance(attempts, Listed):
        parts = (attempts, Population(), Calendar(), Purchases())
    named = {f"purchases.{name}": value for name, value in settings.items()}
    return _made(with_settings(parts, named), customers=customers, seed=3, days=731, processes=1)


def rows(made: World, *columns: str) -> list[tuple[Any, ...]]:
    return list(zip(*(made.events[name].to_pylist() for name in columns), strict=True))


def seconds(made: World) -> Any:
    return made.events["event_time"].cast("int64").to_numpy() // 1_000_000 - START


def cases(made: World) -> dict[int, list[tuple[str, str, int, Any]]]:
    """Return touchpoint, status, second and cost of the events of each session, in order."""
    found: dict[int, list[tuple[str, str, int, Any]]] = {}
    for row, second in zip(
        rows(made, "session_id", "touchpoint", "status", "cost"), seconds(made).tolist(),
        strict=True,
    ):  # fmt: skip
        if row[0] is not None:
            found.setdefault(row[0], []).append((row[1], row[2], second, row[3]))
    return found


@pytest.fixture(scope="module")
def usual() -> World:
    return made(4_000)


def test_a_case_without_deviations_is_the_plan() -> None:
    world = made(1, Listed(rows=((10.0, 0, -1),)), rate=NEVER)
    assert rows(world, "touchpoint", "actor", "status", "value", "cost") == [
        ("site_search", "customer", "ok", None, None),
        ("view_product", "customer", "ok", None, None),
        ("view_testimonial", "customer", "ok", None, None),
        ("checkout", "customer", "ok", None, None),
        ("thank_you_page", "automatic", "ok", 100, 0),
        ("email_confirmation", "automatic", "ok", None, None),
    ]
    second = seconds(world)
    assert second[4:].tolist() == [10 * 86_400, 10 * 86_400 + 60]
    assert len(set(rows(world, "session_id"))) == 1
    truth = world.truth["purchases"]
    assert truth.plan == list(PLAN)
    assert (truth.cases, set(truth.count.values())) == (1, {0})


def test_a_case_with_all_deviations() -> None:
    world = made(1, Listed(rows=((10.0, 0, -1),)), rate=ALWAYS, gap_sigma=0, gap_seconds=40)
    (case,) = cases(world).values()
    # Each step 40 s after the one before; irregular + 2 min, extra + 4 min, failed + 3 min.
    end = 10 * 86_400
    assert case == [
        ("site_search", "ok", end - 780, None),
        ("view_testimonial", "ok", end - 740, None),
        ("view_product", "ok", end - 580, None),
        ("help_center_visit", "ok", end - 300, None),
        ("checkout", "failed", end - 80, None),
        ("checkout", "ok", end - 40, None),
        ("thank_you_page", "ok", end, 400 + 150 + 1200 + 300),
    ]
    truth = world.truth["purchases"]
    assert truth.cost == {"extra": 400, "irregular": 150, "failed": 1200, "missing": 300}
    minutes = {"extra": 4 + 40 / 60, "irregular": 2, "failed": 3 + 40 / 60, "missing": 0}
    assert truth.minutes == pytest.approx(minutes)
    told = world.hidden["deviations"].to_pylist()
    assert [row["kind"] for row in told] == ["irregular", "extra", "failed", "missing"]
    when = [row["deviation_time"].timestamp() - START - end for row in told]
    assert when == pytest.approx([-580, -300, -80, 60])
    assert {row["case"] for row in told} == set(cases(world))
    assert {row["customer_id"] for row in told} == {"C0000000"}


def test_attempts_that_are_lost_stop_there() -> None:
    web_then_store = ((10.0, 0, 0), (11.0, 0, 1), (12.0, 1, 0), (13.0, 1, -1))
    world = made(1, Listed(rows=web_then_store), rate=ALWAYS)
    assert LOSING == ("site_search", "checkout")
    assert rows(world, "touchpoint", "actor", "value", "status") == [
        ("site_search", "customer", None, "ok"),
        ("site_search", "customer", None, "ok"),
        ("view_product", "customer", None, "ok"),
        ("view_testimonial", "customer", None, "ok"),
        ("checkout", "customer", None, "ok"),
        ("checker_contact", "human", None, "ok"),
        ("pos_transaction", "customer", 400, "ok"),
        ("pos_receipt", "automatic", None, "ok"),
    ]
    store = 13 * 86_400
    assert seconds(world)[-3:].tolist() == [store - 60, store, store + 5]
    assert world.truth["purchases"].cases == 0
    assert world.hidden["deviations"].num_rows == 0


def test_the_same_attempt_lost_or_not_takes_the_same_steps() -> None:
    lost = made(1, Listed(rows=((10.0, 0, 1),)))
    kept = made(1, Listed(rows=((10.0, 0, -1),)), rate=NEVER)
    assert seconds(lost).tolist() == seconds(kept)[:4].tolist()


def test_an_order_after_the_exit_or_before_the_window_is_no_case() -> None:
    world = made(1, Listed(rows=((-1.0, 0, -1), (90.0, 0, -1), (200.0, 0, -1))), rate=ALWAYS)
    assert world.truth["purchases"].cases == 0
    assert world.hidden["deviations"].num_rows == 0
    assert "thank_you_page" not in {row[0] for row in rows(world, "touchpoint")}


def test_nothing_happens_before_entry() -> None:
    minute = 1 / 1440
    listed = Listed(rows=((10 + minute, 0, -1), (10 + minute / 2, 1, -1)), entry=10.0)
    world = made(1, listed, rate=NEVER, gap_sigma=0, gap_seconds=40)
    assert rows(world, "touchpoint") == [
        ("checkout",), ("pos_transaction",), ("pos_receipt",), ("thank_you_page",),
        ("email_confirmation",),
    ]  # fmt: skip
    assert world.truth["purchases"].cases == 1


def test_deviations_come_at_their_rates_and_independently(usual: World) -> None:
    truth = usual.truth["purchases"]
    n = truth.cases
    assert n > 9_000
    for kind in DEVIATIONS:
        p = RATE[kind]
        assert abs(truth.count[kind] - n * p) < 4 * np.sqrt(n * p * (1 - p))
    kinds: dict[int, set[str]] = {}
    for row in usual.hidden["deviations"].to_pylist():
        kinds.setdefault(row["case"], set()).add(row["kind"])
    assert sum(map(len, kinds.values())) == sum(truth.count.values())
    both = sum({"extra", "irregular"} <= found for found in kinds.values())
    assert abs(both - n * 0.08 * 0.06) < 4 * np.sqrt(n * 0.08 * 0.06)


def test_the_events_tell_what_the_truth_counts(usual: World) -> None:
    truth = usual.truth["purchases"]
    end = 731 * 86_400
    counted = dict.fromkeys(DEVIATIONS, 0)
    n = cost = 0
    for case in cases(usual).values():
        names = [step[0] for step in case]
        if "thank_you_page" not in names:
            continue
        n += 1
        cost += case[names.index("thank_you_page")][3]
        whole = names[0] == "site_search" and case[0][2] > 0
        counted["extra"] += "help_center_visit" in names
        counted["failed"] += any(step[1] == "failed" for step in case)
        missing = "email_confirmation" not in names and case[-1][2] < end - 60
        counted["missing"] += missing
        if whole:
            counted["irregular"] += names[1] == "view_testimonial"
    assert n == truth.cases
    assert cost == sum(truth.cost.values())
    assert counted == truth.count


def test_steps_are_within_half_an_hour_and_lengthened_as_told(usual: World) -> None:
    deviating: dict[int, set[str]] = {}
    for row in usual.hidden["deviations"].to_pylist():
        deviating.setdefault(row["case"], set()).add(row["kind"])
    lasts, flags = [], []
    for session, case in cases(usual).items():
        names = [step[0] for step in case]
        gaps = np.diff([step[2] for step in case])
        assert (gaps >= 2).all()
        assert (gaps < 1800).all()
        if "thank_you_page" in names and names[0] == "site_search":
            lasts.append((case[names.index("thank_you_page")][2] - case[0][2]) / 60)
            flags.append([1, *(kind in deviating.get(session, ()) for kind in DEVIATIONS)])
    design, y = np.array(flags, dtype=float), np.array(lasts)
    inverse = np.linalg.inv(design.T @ design)
    found = inverse @ design.T @ y
    error = np.sqrt(np.diag(inverse) * (y - design @ found).var())
    truth = usual.truth["purchases"]
    four_steps = 4 * mean_gap(median=45, sigma=0.9, most=600) / 60
    told = np.array([four_steps, *truth.minutes.values()])
    # n = 11,000 cases: standard errors of 0.03 min for the plan, 0.1 min for a deviation.
    assert error.max() < 0.25
    assert (np.abs(found - told) < 4 * error).all()


@pytest.mark.parametrize("kind", DEVIATIONS)
def test_a_rate_of_zero_takes_away_nothing_else(kind: str) -> None:
    usual = made(1_000)
    without = usual.null(f"purchases.rate.{kind}")
    assert without.truth["purchases"].count == {**usual.truth["purchases"].count, kind: 0}
    touched = {row["case"] for row in usual.hidden["deviations"].to_pylist() if row["kind"] == kind}
    assert touched
    before, after = cases(usual), cases(without)
    assert before.keys() == after.keys()
    assert all((before[case] != after[case]) == (case in touched) for case in before)


def test_costs_and_minutes_of_zero(usual: World) -> None:
    free = usual.null("purchases.cost")
    assert set(free.events["cost"].to_pylist()) == {None, 0}
    assert free.events.drop_columns("cost").equals(usual.events.drop_columns("cost"))
    quick = usual.null("purchases.minutes").truth["purchases"].minutes
    gap = mean_gap(median=45, sigma=0.9, most=600) / 60
    assert quick == {"extra": gap, "irregular": 0, "failed": gap, "missing": 0}


def test_sessions_are_those_of_purchases(usual: World) -> None:
    session = usual.events["session_id"].drop_null().to_numpy()
    assert of_kind(session, "purchase").all()
    assert not of_kind(np.array([-1]), "purchase").any()


def test_without_orders_there_is_nothing() -> None:
    world = _made(
        (Population(), Calendar(), Purchases()), customers=5, seed=3, days=90, processes=1
    )
    assert world.events.num_rows == 0
    assert world.truth["purchases"].cases == 0


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(300)
    monkeypatch.setattr("journeykit.simulate.world.BLOCK", 77)
    parts = made(300)
    assert whole.events.to_pylist() == parts.events.to_pylist()
    assert whole.hidden["deviations"].to_pylist() == parts.hidden["deviations"].to_pylist()
    assert whole.truth_json() == parts.truth_json()
