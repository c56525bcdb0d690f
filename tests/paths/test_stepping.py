from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.counts import step_counts
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import StepTable, step_table, transitions
from journeykit.stats import ClusterSums, clustered_wilson_interval, wilson_interval
from tests.strategies import journeys

# visit cart buy | visit buy | (no event) | visit cart: two customers
JOURNEYS = Journeys(
    names=("buy", "cart", "visit"),
    touchpoint=np.array([2, 1, 0, 2, 0, 2, 1], dtype=np.uint16),
    start=np.array([0, 3, 5, 5, 7]),
    customer_index=np.array([0, 0, 0, 1]),
    customer_id=[10, 11],
)


def shares(found: StepTable, step: int) -> dict[str, float]:
    frame = found.frame[found.frame["step"] == step]
    return {
        name: share
        for name, share in zip(frame["touchpoint"], frame["share"], strict=True)
        if share > 0
    }


def test_worked_by_hand() -> None:
    found = step_table(JOURNEYS, steps=2)
    assert (found.n_anchors, found.n_customers, found.n_without) == (3, 2, 1)
    assert shares(found, 0) == {"visit": 1}
    assert shares(found, 1) == pytest.approx({"buy": 1 / 3, "cart": 2 / 3})
    assert shares(found, 2) == pytest.approx({"buy": 1 / 3, "(left)": 2 / 3})
    # ordered by how often they are met, then by name; nobody is at three of the cells of step 0
    assert found.table().index.tolist() == ["visit", "buy", "cart", "(other)", "(left)", "(open)"]
    assert found.table().loc["(left)"].tolist() == pytest.approx([0, 0, 2 / 3])
    links = found.flow()[["step", "source", "target", "n"]].to_numpy().tolist()
    assert links == [
        [0, "visit", "buy", 1], [0, "visit", "cart", 2], [1, "buy", "(left)", 1],
        [1, "cart", "buy", 1], [1, "cart", "(left)", 1],
    ]  # fmt: skip


def test_backwards_worked_by_hand() -> None:
    found = step_table(JOURNEYS, anchor="buy", direction="backwards", steps=2)
    assert (found.n_anchors, found.n_without) == (2, 2)
    assert shares(found, -1) == {"cart": 0.5, "visit": 0.5}
    assert shares(found, -2) == {"visit": 0.5, "(entry)": 0.5}
    assert found.table().columns.tolist() == [-2, -1, 0]
    # in time: from what lies further back to what lies nearer
    assert found.flow()[["step", "source", "target", "n"]].to_numpy().tolist() == [
        [-2, "visit", "cart", 1], [-2, "(entry)", "visit", 1],
        [-1, "visit", "buy", 1], [-1, "cart", "buy", 1],
    ]  # fmt: skip


def test_intervals_know_customers_from_journeys() -> None:
    frame = step_table(JOURNEYS, steps=1).frame.set_index(["step", "touchpoint"])
    sums = ClusterSums.of_clusters([1, 1], [2, 1])
    low, high = clustered_wilson_interval(sums)
    assert frame.loc[(1, "cart"), ["conf_low", "conf_high"]].tolist() == pytest.approx(
        [float(low), float(high)]
    )
    pooled = step_table(JOURNEYS, steps=1, top=1).frame.set_index(["step", "touchpoint"])
    # of both others together it is not known who was where: 3 anchors, worth 9 / 5
    low, high = wilson_interval(9 / 5, 9 / 5)
    assert pooled.loc[(1, "(other)"), ["n", "conf_low", "conf_high"]].tolist() == pytest.approx(
        [3, float(low), float(high)]
    )
    assert pooled["n_customers"].isna().sum() == 2


def test_open_journeys_stay_in_the_denominator() -> None:
    watched = JOURNEYS.replace(
        time=np.array([0, 1, 2, 4, 5, 0, 8]) * DAY, observed_to=np.full(4, 10 * DAY)
    )
    found = step_table(watched.sessions("4d"), steps=2)
    # visit cart buy | visit buy | visit | cart (open)
    assert shares(found, 1) == {"buy": 0.25, "cart": 0.25, "(left)": 0.25, "(open)": 0.25}
    assert found.summary() == (
        "One step after the first event, of 4 journeys: 25% (0% to 99%) are at buy, 25% have left, "
        "of 25% it is not known"
    )


@given(
    whole=journeys(),
    cut=st.booleans(),
    anchor=st.sampled_from([None, "web", "mail > shop", "call >> [20d] web"]),
    occurrence=st.sampled_from(["first", "last", "every"]),
    direction=st.sampled_from(["forwards", "backwards"]),
    top=st.integers(1, 5),
)
def test_every_step_sums_to_all(
    whole: Journeys, cut: bool, anchor: str | None, occurrence: str, direction: str, top: int
) -> None:
    if cut:
        whole = whole.sessions("10d")
    counts = step_counts(
        whole,
        anchor=anchor,
        occurrence=occurrence,  # type: ignore[arg-type]
        direction=direction,  # type: ignore[arg-type]
        steps=4,
    )
    if counts.total[0] == 0:
        with pytest.raises(DataError, match="journeys has the anchor"):
            step_table(counts, top=top)
        return
    found = step_table(counts, top=top)
    assert (found.frame.groupby("step")["n"].sum() == found.n_anchors).all()
    assert found.flow().groupby("step")["n"].sum().tolist() == [found.n_anchors] * 4
    # what flows into a place is what is there, and so is what flows out of it
    at = found.frame.set_index(["step", "touchpoint"])["n"]
    for end, later in (("source", 0), ("target", 1)):
        flow = found.flow().groupby(["step", end])["n"].sum()
        for (step, place), n in flow.items():  # type: ignore[misc]
            assert at[step + later, place] == n
    assert (found.frame["conf_low"] <= found.frame["share"] + 1e-12).all()
    assert (found.frame["share"] <= found.frame["conf_high"] + 1e-12).all()
    if occurrence != "every":
        assert found.n_anchors + found.n_without + found.n_unseen == len(whole)


@given(whole=journeys())
@settings(max_examples=30)
def test_steps_from_every_event_are_the_transitions(whole: Journeys) -> None:
    """Conservation across views: one step after every occurrence is the row of a touchpoint."""
    cut = whole.sessions("10d")
    n = transitions(cut).frame.set_index(["source", "target"])["n"]
    for name in set(np.array(whole.names)[whole.touchpoint]):
        found = step_table(cut, anchor=name, occurrence="every", steps=1, top=9)
        for target, count in found.flow()[["target", "n"]].itertuples(index=False):
            assert n[name, {"(left)": "(exit)"}.get(target, target)] == count


def test_intervals_cover() -> None:
    """1,000 worlds: 120 customers of 1 to 8 journeys, who go from a to b with their own chance."""
    rng = np.random.default_rng(8)
    covered = plain = 0
    for _ in range(1000):
        n = rng.integers(1, 9, 120)
        own = np.repeat(rng.beta(1.2, 1.8, 120), n)
        target = np.where(rng.random(len(own)) < own, 1, 2).astype(np.uint8)
        world = Journeys(
            names=("a", "b", "c"),
            touchpoint=np.stack([np.zeros_like(target), target], axis=1).reshape(-1),
            start=np.arange(0, 2 * len(own) + 1, 2),
            customer_index=np.repeat(np.arange(120), n),
            customer_id=np.arange(120),
        ).with_fingerprint(0)
        frame = step_table(step_counts(world, anchor="a", steps=1)).frame
        row = frame[(frame["step"] == 1) & (frame["touchpoint"] == "b")].iloc[0]
        covered += row["conf_low"] <= 0.4 <= row["conf_high"]
        low, high = wilson_interval(row["n"], len(own))
        plain += low <= 0.4 <= high
    assert 0.93 <= covered / 1000 <= 0.97
    assert plain / 1000 < 0.87


def test_picture_conserves_mass_and_keeps_the_edges() -> None:
    rng = np.random.default_rng(3)
    many = Journeys(
        names=tuple(f"touch {number:02d}" for number in range(20)),
        touchpoint=rng.integers(0, 20, 3000).astype(np.uint8),
        start=np.concatenate([np.arange(0, 1500, 3), np.arange(1500, 3001, 15)]),
    )
    found = step_table(many, steps=4)
    ax = found.plot()
    bars = [patch for patch in ax.patches if hasattr(patch, "get_height")]
    for step in range(5):
        column = [bar.get_height() for bar in bars if bar.get_x() == step]
        assert sum(column) == pytest.approx(1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        *found.table().index[:7], "(other)", "(left)", "(open)",
    ]  # fmt: skip
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3", "4", "5"]
    assert ax.get_xlabel() == "step (600 journeys)"
    assert len(found.plot(small_cell=100).texts) < len(ax.texts)


def test_bad_arguments() -> None:
    with pytest.raises(DataError, match="None of 4 journeys has the anchor, buy > cart"):
        step_table(JOURNEYS, anchor="buy > cart")
    with pytest.raises(ArgumentError, match="`top` must be a whole number at least 1"):
        step_table(JOURNEYS, top=0)
    with pytest.raises(ArgumentError, match="`confidence`"):
        step_table(JOURNEYS, confidence=95)
