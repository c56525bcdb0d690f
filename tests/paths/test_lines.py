from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import ribbons

# visit cart buy | visit buy | (no event) | visit cart: of ids that nobody should see
JOURNEYS = Journeys(
    names=("buy", "cart", "visit"),
    touchpoint=np.array([2, 1, 0, 2, 0, 2, 1], dtype=np.uint16),
    start=np.array([0, 3, 5, 5, 7]),
    time=np.array([0, 1, 2, 4, 5, 0, 8]) * DAY,
    customer_id=pa.array(["secret-a", "secret-b", "secret-c", "secret-d"]),
)


def test_worked_by_hand() -> None:
    found = ribbons(JOURNEYS)
    # alike ones are neighbours, the more frequent touchpoint first, shorter ones before longer
    assert found.frame.to_numpy().tolist() == [
        [1, 1, "visit", 0], [1, 2, "buy", 1],
        [2, 1, "visit", 0], [2, 2, "cart", 8],
        [3, 1, "visit", 0], [3, 2, "cart", 1], [3, 3, "buy", 2],
    ]  # fmt: skip
    assert found.touchpoints == ("visit", "buy", "cart")
    assert found.summary() == "3 of 3 journeys, drawn at random; 0 of them are still open"


def test_open_journeys_say_so_at_their_end() -> None:
    found = ribbons(JOURNEYS.replace(observed_to=np.full(4, 10 * DAY)))
    ends = found.frame[found.frame["touchpoint"] == "(open)"]
    assert ends[["line", "step", "time_days"]].to_numpy().tolist() == [
        [1, 3, 6], [2, 3, 10], [3, 4, 10],
    ]  # fmt: skip


def test_the_draw_depends_on_seed_and_customers_alone() -> None:
    rng = np.random.default_rng(2)
    ids = np.sort(rng.choice(10**6, 300, replace=False))
    many = Journeys(
        names=("a", "b"),
        touchpoint=rng.integers(0, 2, 1500).astype(np.uint8),
        start=np.arange(0, 1501, 5),
        customer_id=pa.array(ids),
    )
    few = ribbons(many, n=20, seed=1).frame
    assert few["line"].nunique() == 20
    assert not few.equals(ribbons(many, n=20, seed=2).frame)
    # taking away customers that were not drawn changes nothing
    drawn = {tuple(line["touchpoint"]) for _, line in few.groupby("line")}
    paths = [tuple(np.array(["a", "b"])[many.touchpoint[5 * i : 5 * i + 5]]) for i in range(300)]
    keep = np.array([path in drawn for path in paths])
    assert ribbons(many.take(keep), n=20, seed=1).frame.equals(few)


def test_every_journey_has_the_same_chance() -> None:
    one = JOURNEYS.take(np.array([0, 1, 3]))
    first = [ribbons(one, n=1, seed=seed).frame["touchpoint"].tolist() for seed in range(600)]
    counts = [sum(path == way for path in first) for way in (["visit", "buy"], ["visit", "cart"])]
    # two standard deviations of Binomial(600, 1/3) are 23; three times that never happens
    assert counts == pytest.approx([200, 200], abs=45)


def test_pictures() -> None:
    found = ribbons(JOURNEYS.replace(observed_to=np.full(4, 10 * DAY)), top=2)
    ax = found.plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["visit", "buy", "(other)", "(open)"]
    assert sum(len(group.get_paths()) for group in ax.collections) == 10
    assert ax.get_xlabel() == "step (3 of 3 journeys)"
    short = found.plot(most_steps=2)
    assert [text.get_text() for text in short.texts] == ["+1", "+1", "+2"]
    timed = found.plot(axis="time")
    widths = [np.ptp(path.vertices[:, 0]) for path in timed.collections[0].get_paths()]
    # the first visits last 1, 8 and 1 days
    assert widths == pytest.approx([1, 8, 1])
    everything = [
        text.get_text() for text in timed.figure.findobj(lambda a: hasattr(a, "get_text"))
    ]
    assert not any("secret" in text for text in everything)


def test_bad_arguments() -> None:
    with pytest.raises(DataError, match="There is no event in 1 journeys"):
        ribbons(JOURNEYS.take(np.array([2])))
    with pytest.raises(ArgumentError, match="`n` must be a whole number at least 1; got 0"):
        ribbons(JOURNEYS, n=0)
    with pytest.raises(ArgumentError, match="`axis` must be one of step, time; got 'days'"):
        ribbons(JOURNEYS).plot(axis="days")  # type: ignore[arg-type]
    with pytest.raises(NotObservedError, match="`axis` 'time' needs the time of each event"):
        ribbons(JOURNEYS.replace(time=None)).plot(axis="time")


def test_rare_ways_are_not_drawn() -> None:
    # Twice visit, buy; once visit, cart; once visit, buy that is still open: nobody goes like it.
    four = Journeys(
        names=("buy", "cart", "visit"),
        touchpoint=np.array([2, 0, 2, 0, 2, 1, 2, 0], dtype=np.uint8),
        start=np.arange(0, 9, 2),
        attributes=pa.table({"ended": ["goal", "goal", "goal", "open"]}),
        customer_id=pa.array(range(4)),
    )
    found = ribbons(four, small_cell=2)
    assert found.frame["line"].nunique() == 2
    assert set(found.frame["touchpoint"]) == {"visit", "buy"}
    assert (found.n_journeys, found.n_rare) == (4, 2)
    assert found.summary() == (
        "2 of 4 journeys, drawn at random; 0 of them are still open; 2 on rare ways could not be "
        "drawn"
    )
    # Two journeys of one customer are one customer's.
    alone = four.replace(customer_index=np.array([0, 0, 1, 2]), customer_id=pa.array(range(3)))
    with pytest.raises(DataError, match="None of 4 journeys goes a way that 2 customers went"):
        ribbons(alone, small_cell=2)
