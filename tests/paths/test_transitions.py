from __future__ import annotations

import numpy as np
import pytest

from journeykit.counts import transition_counts
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import transitions, variants
from journeykit.stats import wilson_interval

# visit cart buy | visit buy | (no event) | visit cart: four customers
JOURNEYS = Journeys(
    names=("buy", "cart", "visit"),
    touchpoint=np.array([2, 1, 0, 2, 0, 2, 1], dtype=np.uint16),
    start=np.array([0, 3, 5, 5, 7]),
)


def test_probabilities_worked_by_hand() -> None:
    frame = transitions(JOURNEYS).frame
    from_visit = frame[frame["source"] == "visit"].set_index("target")["estimate"]
    assert from_visit.to_dict() == pytest.approx({"buy": 1 / 3, "cart": 2 / 3})
    assert frame.groupby("source")["estimate"].sum().tolist() == pytest.approx([1] * 4)


def test_customers_who_step_once_get_wilsons_interval() -> None:
    frame = transitions(JOURNEYS).frame.set_index(["source", "target"])
    row = frame.loc[("visit", "cart")]
    low, high = wilson_interval(2, 3)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((float(low), float(high)))


def test_second_order_joins_the_sources() -> None:
    frame = transitions(JOURNEYS, order=2).frame.set_index(["source", "target"])
    assert frame.loc[("visit > cart", "buy"), "estimate"] == 0.5
    assert frame.loc[("(entry) > visit", "cart"), "n"] == 2


def test_open_steps_are_shown_but_in_no_denominator() -> None:
    watched = JOURNEYS.replace(
        time=np.array([0, 1, 2, 4, 5, 0, 8]) * DAY, observed_to=np.full(4, 10 * DAY)
    )
    frame = transitions(watched).frame.set_index(["source", "target"])
    assert np.isnan(frame.loc[("cart", "(open)"), "estimate"])
    assert frame.loc[("cart", "(open)"), "n"] == 1
    assert frame.loc[("cart", "buy"), "estimate"] == 1
    assert frame["n"].sum() == JOURNEYS.n_events + 3


def test_counts_give_the_same_answer_and_its_provenance() -> None:
    ours, same = transitions(JOURNEYS), transitions(transition_counts(JOURNEYS))
    assert ours.frame.equals(same.frame)
    assert ours.provenance.fingerprint == JOURNEYS.fingerprint
    assert dict(ours.provenance.parameters) == {"order": 1, "confidence": 0.95}


def test_summary_names_the_most_frequent_step() -> None:
    assert transitions(JOURNEYS).summary() == (
        "10 steps; most often (entry) is followed by visit: 100% of 3 (44% to 100%)"
    )


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="`confidence`"):
        transitions(JOURNEYS, confidence=1)
    empty = Journeys(names=(), touchpoint=np.array([], dtype=np.uint8), start=np.array([0, 0]))
    with pytest.raises(DataError, match="There is no step in 1 journeys"):
        transitions(empty)
    with pytest.raises(ArgumentError, match="`graph` draws transitions of order 1; these are of 2"):
        transitions(JOURNEYS, order=2).graph()
    with pytest.raises(ArgumentError, match="`edges` must be a whole number at least 1; got 0"):
        transitions(JOURNEYS).graph(edges=0)


def test_times_are_asked_for_and_need_clocks() -> None:
    timed = JOURNEYS.replace(time=np.array([0, 1, 2, 4, 5, 0, 8]) * DAY)
    frame = transitions(timed).frame.set_index(["source", "target"])
    assert frame.loc[("visit", "cart"), "median_seconds"] == 86_400
    assert frame.loc[("visit", "cart"), "p75_seconds"] == 8 * 86_400
    assert np.isnan(frame.loc[("cart", "(exit)"), "median_seconds"])
    without = transitions(timed, dwell=False)
    assert without.dwell is None
    assert without.frame["median_seconds"].isna().all()
    assert transitions(JOURNEYS).dwell is None


def test_picture_pools_the_rare_and_keeps_every_row_whole() -> None:
    rng = np.random.default_rng(3)
    many = Journeys(
        names=tuple(f"touch {number:02d}" for number in range(20)),
        touchpoint=rng.integers(0, 20, 500).astype(np.uint8),
        start=np.arange(0, 501, 10),
    )
    image = transitions(many).plot().images[0].get_array()
    assert image.shape == (14, 14)  # entry, 12 and (other) by 12, (other) and exit
    assert np.asarray(image).sum(axis=1) == pytest.approx(np.ones(14))
    labels = [text.get_text() for text in transitions(JOURNEYS, order=2).plot().get_yticklabels()]
    assert labels[0] == "(entry) > (entry), then visit (of 3)"


def walks(paths: dict[str, int]) -> Journeys:
    """So many customers of each path of one-letter touchpoints."""
    ways = [way for way, n in paths.items() for _ in range(n)]
    letters = sorted(set("".join(paths)))
    return Journeys(
        names=tuple(letters),
        touchpoint=np.array([letters.index(c) for way in ways for c in way], dtype=np.uint8),
        start=np.cumsum([0, *(len(way) for way in ways)]),
    )


#: From a to b 37 of 40; from c to b 30 of 60, and to a 30; from d 20 of 20, and 3 who turn often.
FEW = walks({"ab": 37, "ac": 3, "cb": 30, "ca": 30, "d" * 9 + "b": 3, "db": 20})


def test_pictures_do_not_tell_of_the_few_who_went_another_way() -> None:
    made = transitions(FEW)
    ax = made.plot(small_cell=10)
    rows, columns = (
        [label.get_text() for label in labels]
        for labels in (ax.get_yticklabels(), ax.get_xticklabels())
    )
    told = {
        (rows[int(text.get_position()[1])], columns[int(text.get_position()[0])]): text.get_text()
        for text in ax.texts
    }
    assert {at: text for at, text in told.items() if at[0] in {"a", "c", "d"}} == {
        # 30 who came from c left at a; 37 of 70 went on to b, and 30 left: nothing tells of the 3
        ("a", "b"): "53%", ("a", "(exit)"): "43%", ("c", "b"): "48%", ("c", "a"): "48%",
        # 3 customers made 24 of 47 steps from d
        ("d", "b"): "most",
    }  # fmt: skip
    image = np.asarray(ax.images[0].get_array())
    assert image[rows.index("d")].tolist() == [0, 1, 0, 0, 0]
    plain = [text.get_text() for text in made.plot().texts]
    assert "most" not in plain
    assert "51%" in plain


def test_the_graph_does_not_either() -> None:
    made = transitions(FEW)
    texts = [text.get_text() for text in made.graph(small_cell=10).texts]
    assert texts.count("most") == 1
    assert not any("nan" in text or "51%" in text for text in texts)
    assert any(text.endswith("other ways") for text in texts)
    plain = [text.get_text() for text in made.graph(edges=40).texts]
    assert "most" not in plain
    assert any("\u21bb 51%" in text for text in plain)
    # Those who come again and again are told in the note.
    again = transitions(walks({"aaaa": 20, "b": 30})).graph(small_cell=10)
    assert any("\u21bb 75%" in text.get_text() for text in again.texts)


def test_higher_orders_leave_such_steps_out() -> None:
    made = transitions(FEW, order=2)
    shown = [label.get_text() for label in made.plot(small_cell=10).get_yticklabels()]
    # Of 23 from the beginning by d, 20 went to b.
    assert "(entry) > d, then b (of 23)" not in shown
    assert "(entry) > d, then b (of 23)" in [
        label.get_text() for label in made.plot().get_yticklabels()
    ]
    assert "(entry) > c, then a (of 60)" in shown


def test_intervals_know_customers_from_steps() -> None:
    """1,000 worlds: 150 customers of 6 steps each, leaving a for b with their own probability."""
    rng = np.random.default_rng(5)
    covered = plain = 0
    for _ in range(1000):
        own = rng.beta(1.2, 1.8, 150)
        # from a (0) to b (1) or to c (2), one step a journey, six journeys a customer
        target = np.where(rng.random((150, 6)) < own[:, None], 1, 2).astype(np.uint8)
        touchpoint = np.stack([np.zeros_like(target), target], axis=2).reshape(-1)
        world = Journeys(
            names=("a", "b", "c"),
            touchpoint=touchpoint,
            start=np.arange(0, 1801, 2),
            customer_index=np.repeat(np.arange(150), 6),
            customer_id=np.arange(150),
        )
        frame = transitions(transition_counts(world.with_fingerprint(0))).frame
        row = frame[(frame["source"] == "a") & (frame["target"] == "b")].iloc[0]
        covered += row["conf_low"] <= 0.4 <= row["conf_high"]
        low, high = wilson_interval(row["n"], row["n_source"])
        plain += low <= 0.4 <= high
    assert 0.93 <= covered / 1000 <= 0.97
    assert plain / 1000 < 0.87


def test_names_that_look_like_a_path_are_told_apart() -> None:
    # "a > b" is one touchpoint, and a, b are two others.
    made = Journeys(
        names=("a", "a > b", "b"),
        touchpoint=np.array([0, 2, 1, 1, 0, 2], dtype=np.uint8),
        start=np.array([0, 4, 6]),
    )
    frame = transitions(made, order=2).frame
    assert frame["n"].sum() == 8
    assert not frame.duplicated(["source", "target"]).any()
    assert set(frame["source"]) == {
        "(entry) > (entry)", "(entry) > a", "a > b", "b > `a > b`", "`a > b` > `a > b`",
    }  # fmt: skip
    assert variants(made).frame["path"].tolist() == ["a > b", "a > b > `a > b` > `a > b`"]
