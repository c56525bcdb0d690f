from __future__ import annotations

import numpy as np
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import WhatIf, what_if

NAMES = ("buy", "cart", "help", "visit")
BUY, CART, HELP, VISIT = range(4)
# Rows: cart, help, visit; columns: buy, cart, help, visit, exit.
ROWS = {
    CART: [0.4, 0.0, 0.2, 0.1, 0.3],
    HELP: [0.0, 0.3, 0.1, 0.2, 0.4],
    VISIT: [0.05, 0.35, 0.2, 0.1, 0.3],
}


def walks(customers: int, *, seed: int, journeys_each: int = 1) -> Journeys:
    """Journeys along ROWS from visit or help, ended by a purchase or by leaving."""
    rng = np.random.default_rng(seed)
    edges = np.ones((4, 5))
    for state, row in ROWS.items():
        edges[state] = np.cumsum(row)
    now = np.where(rng.random(customers * journeys_each) < 0.8, VISIT, HELP)
    columns = [now]
    while (now >= 0).any():
        drawn = (rng.random(len(now))[:, None] >= edges[now]).sum(axis=1)
        now = np.where((now < 0) | (now == BUY) | (drawn == 4), -1, drawn)
        columns.append(now)
    table = np.stack(columns, axis=1)
    kept = table >= 0
    return Journeys(
        names=NAMES,
        touchpoint=table[kept].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
        customer_index=np.repeat(np.arange(customers), journeys_each),
        customer_id=np.arange(customers),
    )


def bought(rows: dict[int, list[float]]) -> float:
    inside = np.array([[rows[a][b] for b in (CART, HELP, VISIT)] for a in (CART, HELP, VISIT)])
    wins = np.linalg.solve(np.eye(3) - inside, [rows[a][BUY] for a in (CART, HELP, VISIT)])
    return float(0.8 * wins[2] + 0.2 * wins[1])


def ask(journeys: Journeys, **asked: object) -> WhatIf:
    given = {"source": "visit", "target": "cart", "goal": ["buy"], "replicates": 50, **asked}
    return what_if(journeys, **given)  # type: ignore[arg-type]


def test_worked_by_hand() -> None:
    # visit > cart > buy | visit > cart | visit | visit > buy
    four = Journeys(
        names=NAMES,
        touchpoint=np.array([3, 1, 0, 3, 1, 3, 3, 0], dtype=np.uint8),
        start=np.array([0, 3, 5, 6, 8]),
    )
    # After visit: cart 1/2, exit 1/4, buy 1/4; after cart: buy 1/2. From exit to cart: all of 1/4.
    found = ask(four, to_share=0.75, taken_from="(exit)").frame.set_index("goal")
    assert found.loc["buy", ["baseline", "changed"]].tolist() == pytest.approx([0.5, 0.625])
    assert found.loc["(exit)", "changed"] == pytest.approx(0.375)
    # The others keep their proportions: cart 0, exit 1/2, buy 1/2.
    none = ask(four, to_share=0.0).frame.set_index("goal")
    assert none.loc["buy", "changed"] == pytest.approx(0.5)
    assert found.loc["buy", "per_1000"] == pytest.approx(125)


@pytest.mark.parametrize("order", [1, 2])
def test_the_baseline_is_the_share_observed(order: int) -> None:
    """A chain by maximum likelihood gives back how many of its finished journeys reach the goal."""
    journeys = walks(500, seed=1)
    last = journeys.touchpoint[journeys.start[1:] - 1]
    found = ask(journeys, change=0.1, order=order)
    assert found.frame.loc[0, "baseline"] == pytest.approx((last == BUY).mean(), abs=1e-12)
    assert found.n_journeys == found.n_customers == 500
    assert found.frame[["baseline", "changed"]].sum().tolist() == pytest.approx([1, 1])
    assert found.frame["difference"].sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("asked", [{"to_share": 0.6}, {"to_share": 0.6, "taken_from": "(exit)"}])
def test_the_true_change_is_found_among_many(asked: dict[str, object]) -> None:
    changed = {state: list(row) for state, row in ROWS.items()}
    if "taken_from" in asked:
        changed[VISIT] = [0.05, 0.6, 0.2, 0.1, 0.05]
    else:
        changed[VISIT] = [share * 0.4 / 0.65 for share in ROWS[VISIT]]
        changed[VISIT][CART] = 0.6
    truth = bought(changed) - bought(ROWS)
    for order in (1, 2):
        row = ask(walks(60_000, seed=2), order=order, **asked).frame.iloc[0]
        assert row["difference"] == pytest.approx(truth, abs=0.005)
        assert row["conf_low"] < truth < row["conf_high"]


@pytest.mark.parametrize("change", [0.2, -0.2])
@pytest.mark.parametrize("taken_from", [None, "(exit)"])
def test_no_change_of_the_share_is_lost_at_order_two(change: float, taken_from: str | None) -> None:
    """The share over all states of the source becomes the one wanted, whatever the order."""
    from journeykit.paths.predicting.redirection import Redirection, redirected
    from journeykit.paths.predicting.spaces import chain_space

    pairs = [(VISIT, CART)] + ([(VISIT, 4)] if taken_from else [])
    space = chain_space(walks(2000, seed=3), [BUY], pairs, order=2)
    n = np.asarray(space.steps.sum(axis=0), dtype=float).reshape(1, -1)
    asked = Redirection(VISIT, CART, 4 if taken_from else None, None, change)
    p = space.probabilities(n)
    moved = redirected(space, n, p, asked)
    weight = space.totals(n)[0][space.state]
    of_visit = space.last[space.state] == VISIT
    cart = of_visit & (space.following == CART)
    before = (weight * p[0])[cart].sum() / (weight * p[0])[of_visit].sum()
    after = (weight * moved[0])[cart].sum() / (weight * moved[0])[of_visit].sum()
    assert after - before == pytest.approx(change, abs=1e-12)
    rows = np.bincount(space.state, weights=moved[0])
    assert rows == pytest.approx(np.ones(space.n_states))
    assert (moved >= 0).all()


def test_a_simulation_agrees() -> None:
    """The exact answer against walks drawn from the chain as changed."""
    journeys = walks(400, seed=4)
    found = ask(journeys, to_share=0.6, replicates=2)
    rng = np.random.default_rng(5)
    source = np.concatenate([[9], journeys.touchpoint[:-1]])
    source[journeys.start[:-1]] = 9
    counts = np.zeros((10, 5))
    np.add.at(counts, (source, journeys.touchpoint), 1)
    np.add.at(counts, (journeys.touchpoint[journeys.start[1:] - 1], 4), 1)
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows[VISIT] *= 0.4 / (1 - rows[VISIT, CART])
    rows[VISIT, CART] = 0.6
    edges, now = rows.cumsum(axis=1), np.full(200_000, 9)
    wins = 0
    while len(now):
        now = (rng.random(len(now))[:, None] >= edges[now][:, :4]).sum(axis=1)
        wins += int((now == BUY).sum())
        now = now[(now != BUY) & (now != 4)]
    assert wins / 200_000 == pytest.approx(found.frame.loc[0, "changed"], abs=0.004)


def test_steps_after_the_goal_do_not_count() -> None:
    journeys = walks(300, seed=6)
    # Everybody who bought comes back for help: nothing may change.
    parts = []
    for a, b in zip(journeys.start[:-1], journeys.start[1:], strict=True):
        steps = journeys.touchpoint[a:b]
        parts.append(np.append(steps, [HELP, VISIT, CART]) if steps[-1] == BUY else steps)
    longer = Journeys(
        names=NAMES,
        touchpoint=np.concatenate(parts).astype(np.uint8),
        start=np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
    )
    same = ask(journeys, to_share=0.6).frame
    assert ask(longer, to_share=0.6).frame.equals(same)


def test_large_chains_are_walked_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from journeykit.paths.predicting import spaces

    solved = ask(walks(300, seed=7), to_share=0.6).frame.set_index("goal")
    monkeypatch.setattr(spaces, "_DENSE_STATES", 0)
    walked = ask(walks(300, seed=7), to_share=0.6).frame.set_index("goal")
    assert walked.to_numpy() == pytest.approx(solved.to_numpy(), abs=1e-9)


def test_open_journeys_are_censored() -> None:
    """A customer still on the way neither leaves nor buys: what is known so far counts."""
    journeys = walks(2000, seed=8)
    time = np.arange(journeys.n_events) * 60_000_000
    begun = np.full(2000, -DAY)
    watched = journeys.replace(
        time=time,
        observed_from=begun,
        observed_to=np.full(2000, int(time[-1]) + 1),
        window=(-2 * DAY, int(time[-1]) + 1),
    )
    with pytest.raises(DataError, match="Nobody was seen to leave"):
        ask(watched, to_share=0.6)
    cut = watched.outcomes(conversion=["buy"], lookback_days=0.5)
    found = ask(cut, to_share=0.6)
    n_open = sum(kind == "open" for kind in cut.attributes["outcome"].to_pylist())
    assert n_open > 0
    assert f"{n_open:,} journeys still open" in found.assumptions[4]
    assert found.frame.loc[0, "baseline"] == pytest.approx(bought(ROWS), abs=0.04)


def test_assumptions_are_printed() -> None:
    found = ask(walks(300, seed=9), source="help", target="buy", to_share=0.2)
    assert "beyond the data" in found.assumptions[-1]
    assert "design grade C" in found.summary()
    assert found.summary().startswith("If buy followed help in 20.0% of cases instead of 0.0%")
    assert found._repr_html_().count("<li>") == len(found.assumptions) == 7
    assert found.plot().get_yticklabels()[0].get_text() == "buy"
    assert found.provenance.parameters["to_share"] == 0.2


def test_the_same_whatever_the_order_of_customers() -> None:
    journeys = walks(200, seed=10)
    back = np.arange(200)[::-1]
    parts = [journeys.touchpoint[journeys.start[i] : journeys.start[i + 1]] for i in back]
    turned = Journeys(
        names=NAMES,
        touchpoint=np.concatenate(parts),
        start=np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
        customer_id=back,
    )
    first, second = (ask(data, change=0.1).frame for data in (journeys, turned))
    numbers = first.columns[1:]
    assert first[numbers].to_numpy() == pytest.approx(second[numbers].to_numpy(), abs=1e-12)


def test_bad_arguments() -> None:
    journeys = walks(300, seed=11)
    for asked, message in (
        ({}, "either `to_share` or `change`"),
        ({"to_share": 0.5, "change": 0.1}, "either `to_share` or `change`"),
        ({"to_share": 1.5}, "`to_share` must lie in"),
        ({"change": 0.9}, "`change`.*leave"),
        ({"to_share": 0.9, "taken_from": "help"}, "cannot give"),
        ({"to_share": 0.9, "taken_from": "cart"}, "must differ from `target`"),
        ({"to_share": 0.5, "source": "buy"}, "not `source`"),
        ({"to_share": 0.5, "order": 3}, "`order`"),
        ({"to_share": 0.5, "replicates": 1}, "`replicates`"),
    ):
        with pytest.raises(ArgumentError, match=message):
            ask(journeys, **asked)
    with pytest.raises(MappingError, match="`target`"):
        ask(journeys, target="carts", to_share=0.5)
    always = Journeys(
        names=("a", "b", "c"),
        touchpoint=np.array([0, 1, 0, 1], dtype=np.uint8),
        start=np.array([0, 2, 4]),
    )
    with pytest.raises(ArgumentError, match="always follows"):
        what_if(always, source="a", target="b", goal=["c"], to_share=0.5)
    never = always.replace(names=("a", "b", "c", "d"))
    with pytest.raises(DataError, match="go on from 'd'"):
        what_if(never, source="d", target="b", goal=["c"], to_share=0.5)
