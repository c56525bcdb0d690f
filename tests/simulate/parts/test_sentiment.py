"""Worlds of 20,000 customers with about three touches of each kind: means within 0.03 or so."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import ndtr

from journeykit.simulate import world as world_module
from journeykit.simulate.part import Part, with_settings
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.sentiment import Sentiment
from journeykit.simulate.past import Drawn, Past, Touches
from journeykit.simulate.world import World

MEANS = {"call_hold": -1.0, "thank_you_page": 0.9, "view_product": 0.2}


class Steps(Part):
    """Touches at a constant rate; those of the last name have no mean. Two parts share a name."""

    name: ClassVar[str] = "steps"
    a_day: float = 0.004

    def draw(self, past: Past, /) -> Drawn:
        touches = []
        for stream, name in enumerate([*MEANS, "view_product", "view_home"]):
            begin = np.maximum(past.trait("entry"), -60.0)
            points = past.draws.points(f"steps.{stream}", self.a_day, begin, float(past.days))
            touches.append(Touches.of(name, points.who, points.time))
        return Drawn(touches=touches)


def parts(**settings: object) -> tuple[Part, ...]:
    made = (Population(), Calendar(), Steps(), Sentiment(mean=MEANS))
    return with_settings(made, {f"sentiment.{key}": value for key, value in settings.items()})


@cache
def drawn(*settings: tuple[str, float], n: int = 20_000) -> tuple[Past, Drawn, Any]:
    made = parts(**dict(settings))
    past = Past(made, np.arange(n), days=731, seed=5)
    for part in made:
        past.add(part.draw(past))
    return past, past.drawn[-1], made[-1].truth({}, customers=n, days=731)


def small(**settings: object) -> World:
    return world_module._made(parts(**settings), customers=300, seed=3, days=731, processes=1)


def mean(who: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return a mean and its standard error, customers as units."""
    total, n = np.bincount(who, weights=y), np.bincount(who)
    found = total.sum() / n.sum()
    return found, np.sqrt(((total - found * n) ** 2).sum()) / n.sum()


def test_shares_of_scores_worked_by_hand() -> None:
    alone = Sentiment(mean={"view_home": 0.0, "call_hold": -0.5}, person_sigma=0.0, voice_slope=0.0)
    truth = alone.truth({}, customers=1, days=30)
    assert truth.mean["view_home"] == pytest.approx(3.0)
    assert truth.positive["view_home"] == pytest.approx(1 - ndtr(0.5))
    # cuts at -1, 0, 1, 2 from the mean: 1 + the sum of the chances to be above each of them
    assert truth.mean["call_hold"] == pytest.approx(1 + 0.841345 + 0.5 + 0.158655 + 0.022750)
    assert truth.mean_seen == pytest.approx(truth.mean)
    wide = Sentiment(mean={"view_home": 0.0}, person_sigma=np.sqrt(3.0))
    positive = wide.truth({}, customers=1, days=30).positive["view_home"]
    assert positive == pytest.approx(1 - ndtr(0.25))


def test_those_who_speak_are_counted_by_score() -> None:
    part = Sentiment(mean={"view_home": 0.0}, person_sigma=0.0, voice=0.5, voice_slope=np.log(3.0))
    truth = part.truth({}, customers=1, days=30)
    told = [9 / 10, 3 / 4, 1 / 2, 1 / 4, 1 / 10]
    assert list(truth.seen_by_score.values()) == pytest.approx(told)
    shares = np.array([0.066807, 0.241730, 0.382925, 0.241730, 0.066807])
    expected = (shares * told) @ np.arange(1, 6) / (shares @ told)
    assert truth.mean_seen["view_home"] == pytest.approx(expected, abs=1e-5)
    assert Sentiment(voice=0.0).truth({}, customers=1, days=30).mean_seen == {}


def test_scores_follow_the_law_and_what_is_told_is_worse() -> None:
    _, out, truth = drawn(("asked", 1.0), ("voice_slope", 0.8))
    everything, table = out.hidden["sentiment"], out.tables["sentiment"]
    for name in MEANS:
        of = everything["touchpoint"] == name
        found, error = mean(everything["who"][of], everything["score"][of])
        assert abs(found - truth.mean[name]) < 4 * error
        assert error < 0.01
        found, error = mean(everything["who"][of], (everything["score"][of] >= 4) * 1.0)
        assert abs(found - truth.positive[name]) < 4 * error
        of = table["touchpoint"] == name
        found, error = mean(table["who"][of], table["score"][of])
        assert abs(found - truth.mean_seen[name]) < 4 * error
        assert truth.mean_seen[name] < truth.mean[name] - 20 * error
    for score, chance in truth.seen_by_score.items():
        of = everything["score"] == int(score)
        found, error = mean(everything["who"][of], everything["told"][of] * 1.0)
        assert abs(found - chance) < 4 * error


def test_a_share_of_all_touches_inside_the_window_is_asked_about() -> None:
    past, all_of_them, _ = drawn(("asked", 1.0), ("voice_slope", 0.8))
    _, some, _ = drawn()
    asked, everything = some.hidden["sentiment"], all_of_them.hidden["sentiment"]
    n, whole = len(asked["who"]), len(everything["who"])
    assert abs(n - 0.15 * whole) < 4 * np.sqrt(whole * 0.15 * 0.85)
    out = past.trait("exit")
    touches = [past.touches(name) for name in MEANS]
    inside = sum(((t.time >= 0) & (t.time < out[t.who])).sum() for t in touches)
    assert inside == whole < sum(len(t.who) for t in touches)

    # What is asked changes nothing in what is felt.
    def rows(of: Any) -> set[tuple[Any, ...]]:
        columns = [of[name].tolist() for name in ("who", "event_time", "touchpoint", "score")]
        return set(zip(*columns, strict=True))

    assert rows(asked) < rows(everything)


def test_customers_bring_something_along_only_if_they_do() -> None:
    def between(**settings: float) -> tuple[float, float]:
        _, out, _ = drawn(("asked", 1.0), *settings.items())
        found = out.hidden["sentiment"]
        of = found["touchpoint"] == "view_product"
        who, score = found["who"][of], found["score"][of].astype(float)
        first = np.flatnonzero(np.diff(who, prepend=-1))
        first = first[first + 1 < len(who)]
        pair = first[who[first + 1] == who[first]]
        one, two = score[pair] - score.mean(), score[pair + 1] - score.mean()
        return float(np.corrcoef(one, two)[0, 1]), float(1 / np.sqrt(len(pair)))

    found, error = between(person_sigma=1.0)
    # The latent correlation is 1/2; five steps of a scale take a little of it.
    assert 0.40 < found < 0.5
    found, error = between(person_sigma=0.0)
    assert abs(found) < 4 * error


def test_without_slope_what_is_told_is_like_the_rest() -> None:
    _, out, truth = drawn(("asked", 1.0), ("voice_slope", 0.0))
    assert truth.mean_seen == pytest.approx(truth.mean)
    assert set(truth.seen_by_score.values()) == {0.3}
    _, slope, _ = drawn(("asked", 1.0), ("voice_slope", 0.8))
    for name in ("who", "event_time", "touchpoint", "score"):
        assert (out.hidden["sentiment"][name] == slope.hidden["sentiment"][name]).all()


def test_nobody_asked_and_nobody_answering() -> None:
    assert small(asked=0.0).hidden["sentiment"].num_rows == 0
    quiet = small(voice=0.0)
    assert quiet.tables["sentiment"].num_rows == 0
    assert quiet.hidden["sentiment"].num_rows > 50


def test_a_world_without_touches_has_no_sentiment() -> None:
    bare = world_module._made(
        (Population(), Calendar(), Sentiment()), customers=5, seed=3, days=30, processes=1
    )
    assert bare.tables["sentiment"].num_rows == bare.hidden["sentiment"].num_rows == 0


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = small()
    monkeypatch.setattr(world_module, "BLOCK", 70)
    pieces = small()
    for of in ("tables", "hidden"):
        one = getattr(whole, of)["sentiment"].to_pylist()
        assert one == getattr(pieces, of)["sentiment"].to_pylist()
        assert len(one) > 20
    times = [(row["customer_id"], row["event_time"]) for row in one]
    assert times == sorted(times)
