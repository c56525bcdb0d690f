from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from journeykit.errors import ArgumentError, DataError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import next_touchpoint
from journeykit.paths.predicting.back_off import (
    back_off,
    cell_probabilities,
    step_losses,
    tallies,
)
from journeykit.paths.predicting.contexts import context_levels, steps_of
from tests.strategies import journeys


def chain(customers: int, *, order: int, seed: int, length: int = 40) -> Journeys:
    """Walks over four touchpoints that end at a constant rate; the last but `order` - 1 decides."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(4, 0.5), size=4).cumsum(axis=1)
    walk = np.zeros((customers, length), dtype=np.int64)
    walk[:, :order] = rng.integers(0, 4, size=(customers, order))
    for step in range(order, length):
        drawn = rng.random(customers)[:, None]
        walk[:, step] = (drawn > rows[walk[:, step - order]]).sum(axis=1)
    size = np.minimum(rng.geometric(0.2, customers), length)
    kept = np.arange(length) < size[:, None]
    return Journeys(
        names=("call", "mail", "shop", "web"),
        touchpoint=walk[kept].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(size)]),
    )


def test_probabilities_worked_by_hand() -> None:
    # a b | a b | a a: from a b, b and a follow, then each journey ends
    small = Journeys(
        names=("a", "b"),
        touchpoint=np.array([0, 1, 0, 1, 0, 0], dtype=np.uint8),
        start=np.array([0, 2, 4, 6]),
    )
    levels = context_levels(steps_of(small), max_order=1)
    known = tallies(levels, np.zeros(9, dtype=np.int64), parts=1)[0]
    found = cell_probabilities(levels, known, (3.0, 2.0), choices=3)
    # Nothing given: a, b and exit follow 4, 2 and 3 times of 9; strength 3, a third each.
    assert found[0] == pytest.approx([5 / 12, 3 / 12, 4 / 12])
    # After a: a once, b twice, exit once of 4, strength 2.
    from_a = found[1][levels[1].cell_context == 0]
    assert from_a == pytest.approx([(1 + 2 * 5 / 12) / 6, (2 + 2 * 3 / 12) / 6, (1 + 2 / 3) / 6])
    losses = step_losses(levels, found, np.array([1]), order=1)
    assert losses == pytest.approx(-np.log2((2 + 2 * 3 / 12) / 6))


@given(journeys(min_customers=3))
def test_every_context_shares_out_one(drawn: Journeys) -> None:
    levels = context_levels(steps_of(drawn), max_order=3)
    known = tallies(levels, np.zeros(len(levels[0].cell), dtype=np.int64), parts=1)[0]
    model = back_off(drawn.names, levels, known, (1.0, 2.0, 0.5, 7.0))
    contexts = np.stack([level.context for level in levels], axis=1).astype(np.int64)
    found = model.distributions(contexts)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
    cells = cell_probabilities(levels, known, (1.0, 2.0, 0.5, 7.0), choices=5)
    held = levels[3].cell >= 0
    following = levels[3].cell_following[levels[3].cell[held]]
    assert found[held, following] == pytest.approx(cells[3][levels[3].cell[held]])


def test_a_longer_memory_is_found_where_it_is() -> None:
    second = next_touchpoint(chain(3000, order=2, seed=1))
    assert second.verdict == "gain"
    losses = second.frame.set_index("model")["log_loss"]
    assert losses["variable order"] < losses["order 1"] - 0.1
    assert losses["order 1"] < losses["base rate"]
    assert second.frame["n_customers"].tolist() == [second.frame["n_customers"][0]] * 3


def test_no_gain_is_said_where_there_is_none() -> None:
    first = next_touchpoint(chain(3000, order=1, seed=2))
    assert first.verdict in {"no gain", "loss"}
    difference = first.frame.set_index("model").loc["variable order", "difference"]
    assert abs(difference) < 0.005
    assert "order 1" in first.summary()


def test_the_loss_is_that_of_the_true_chain() -> None:
    """Entropy bounds any model's loss; with 20,000 customers an order-1 model is all but there."""
    walks = chain(20_000, order=1, seed=3)
    rng = np.random.default_rng(3)
    rows = rng.dirichlet(np.full(4, 0.5), size=4)
    steps = steps_of(walks)
    inner = (steps.position >= 1) & (steps.following < 4)
    ideal = -np.log2(rows[steps.lag(1)[inner], steps.following[inner]]).mean()
    found = next_touchpoint(walks)
    levels = context_levels(steps, max_order=1)
    model = found.model.distributions(
        np.stack([level.context[inner] for level in levels], axis=1).astype(np.int64)
    )
    stays = 1 - model[:, 4]
    loss = -np.log2(model[np.arange(inner.sum()), steps.following[inner]] / stays).mean()
    assert loss == pytest.approx(ideal, abs=0.002)


def test_probabilities_are_kept() -> None:
    found = next_touchpoint(chain(6000, order=2, seed=4))
    bins = found.calibration
    assert bins["n"].sum() == found.frame["n"].iloc[0]
    assert found.calibration_error < 3 * found.calibration_error_by_chance
    inside = (bins["conf_low"] <= bins["expected"]) & (bins["expected"] <= bins["conf_high"])
    assert inside.sum() >= len(bins) - 1


def test_open_journeys_are_predicted_and_are_no_exits() -> None:
    walks = chain(400, order=1, seed=5)
    n = len(walks)
    time = np.arange(walks.n_events) * 1000
    watched = walks.replace(
        time=time, observed_to=np.full(n, int(time[-1]) + DAY), window=(0, int(time[-1]) + DAY)
    )
    found = next_touchpoint(watched)
    predicted = found.predict(watched, top=2)
    assert len(predicted) == 2 * n
    assert predicted["rank"].tolist() == [1, 2] * n
    # Nobody was seen to leave: the exit keeps the crumbs that smoothing gives.
    assert (predicted["touchpoint"] != "(exit)").all()
    assert list(predicted.columns) == ["customer_id", "rank", "touchpoint", "probability"]
    assert found.predict(walks).empty


def test_unknown_touchpoints_tell_nothing() -> None:
    walks = chain(400, order=1, seed=5)
    found = next_touchpoint(walks)

    def running(*names: str) -> Journeys:
        known = tuple(sorted(set(names)))
        return Journeys(
            names=known,
            touchpoint=np.array([known.index(name) for name in names], dtype=np.uint8),
            start=np.array([0, len(names)]),
            time=np.arange(len(names)) * DAY,
            observed_from=np.array([0]),
            observed_to=np.array([99 * DAY]),
            window=(-DAY, 99 * DAY),
        )

    strange = found.predict(running("call", "fax", "web"))
    plain = found.predict(
        running("web").replace(observed_from=np.array([-DAY]))  # beginning not seen either
    )
    assert strange["touchpoint"].tolist() == plain["touchpoint"].tolist()
    assert strange["probability"].tolist() == pytest.approx(plain["probability"].tolist())


def test_row_order_does_not_matter() -> None:
    walks = chain(300, order=2, seed=6)
    back = np.arange(300)[::-1]
    parts = [walks.touchpoint[walks.start[i] : walks.start[i + 1]] for i in back]
    turned = Journeys(
        names=walks.names,
        touchpoint=np.concatenate(parts),
        start=np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
        customer_id=back,
    )
    pd.testing.assert_frame_equal(next_touchpoint(walks).frame, next_touchpoint(turned).frame)


def test_picture_and_summary() -> None:
    found = next_touchpoint(chain(2000, order=2, seed=1))
    ax = found.plot()
    assert ax.get_xlabel() == "probability given to the likeliest next touchpoint"
    assert "fewer than order 1" in found.summary()
    assert found.provenance.seed == 0


def test_bad_arguments() -> None:
    walks = chain(50, order=1, seed=1)
    with pytest.raises(ArgumentError, match="`max_order`"):
        next_touchpoint(walks, max_order=0)
    with pytest.raises(ArgumentError, match="`test_share`"):
        next_touchpoint(walks, test_share=1)
    with pytest.raises(ArgumentError, match="`top`"):
        next_touchpoint(walks).predict(walks, top=0)
    with pytest.raises(DataError, match="1 customers are too few"):
        next_touchpoint(chain(1, order=1, seed=1))
