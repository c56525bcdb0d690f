from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from journeykit import attribution
from journeykit.attribution.chain import chain_of
from journeykit.attribution.held_out import _held_out, _log_probability, _taken, without_repeats
from journeykit.attribution.touch_paths import touch_paths
from journeykit.counts import PathCounts, path_counts, path_counts_from_frame
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from tests.attribution.example import OUTCOMES
from tests.attribution.small_chains import journeys_of, table
from tests.attribution.test_resampling import chains, one_channel_pair


def expected(counts: PathCounts, order: int, seed: int) -> tuple[float, float]:
    """Score held-out journeys one by one: their mean log-likelihood and the AUC by pairs."""
    paths = touch_paths(counts)
    test = _held_out(paths, share=0.3, seed=seed)
    m = len(paths.channels)
    n: dict[tuple[object, ...], float] = {}
    for (path, end, journeys), held in zip(journeys_of(paths), test, strict=True):
        for at, following in enumerate((*path, end)):
            history = path[max(0, at - order) : at]
            for key in ((history, following), (history,)):
                n[key] = n.get(key, 0) + journeys - held
    total, ends = 0.0, []
    for (path, end, _), held in zip(journeys_of(paths), test, strict=True):
        for at, following in enumerate((*path, end)):
            history, ways = path[max(0, at - order) : at], m + 2 if at else m
            p = (n.get((history, following), 0) + 1 / ways) / (n.get((history,), 0) + 1)
            total += held * np.log(p)
        won, lost = (n.get((path[-order:], e), 0) + 1 / (m + 2) for e in ("yes", "no"))
        ends.append((won / (won + lost), end, held))
    pairs = [
        (x * y, float(a > b) + (a == b) / 2)
        for a, kind, x in ends if kind == "yes"
        for b, other, y in ends if other == "no"
    ]  # fmt: skip
    auc = sum(w * s for w, s in pairs) / sum(w for w, _ in pairs)
    return total / test.sum(), auc


def test_scores_are_those_of_journeys_one_by_one() -> None:
    for seed in range(4):
        counts = table(seed, rows=25)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JourneyKitWarning)
            frame = attribution.markov_orders(counts, largest=3, seed=seed).frame
        for order, row in enumerate(frame.itertuples(), start=1):
            assert (row.log_likelihood, row.auc) == pytest.approx(expected(counts, order, seed))


def walks(order: int, n: int = 6000) -> PathCounts:
    """Draw journeys in which the touch `order` back decides what follows, and who converts."""
    random = np.random.default_rng(2)
    rows = []
    for _ in range(n):
        path = random.integers(0, 2, size=order).tolist()
        while random.random() < 0.7:
            path.append(path[-order] if random.random() < 0.8 else 1 - path[-order])
        rows.append((" > ".join("ab"[k] for k in path), random.random() < 0.1 + 0.5 * path[-order]))
    frame = pd.DataFrame(rows, columns=["path", "yes"])
    frame["no"] = ~frame["yes"]
    summed = frame.groupby("path", as_index=False)[["yes", "no"]].sum()
    return path_counts_from_frame(summed, conversions="yes", nulls="no")


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_order_of_the_world_is_found(order: int) -> None:
    counts = walks(order)
    result = attribution.markov_orders(counts)
    assert result.order == order
    # Fitted journeys always look better the longer the histories.
    fitted = result.frame["log_likelihood_fitted"]
    assert fitted.idxmax() == 5
    assert result.frame["auc"][order - 1] > 0.7
    by_order = attribution.markov(counts, order="held_out", replicates=20)
    assert by_order.provenance.parameters["order"] == order
    assert by_order.frame["model"][0] == ("markov" if order == 1 else f"markov order {order}")


def test_warns_where_touches_do_not_tell_who_converts() -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"path": ["a", "b", "a > b", "b > a"]})
    frame["yes"] = random.binomial(4000, 0.1, size=4)
    frame["no"] = 4000 - frame["yes"]
    counts = path_counts_from_frame(frame, conversions="yes", nulls="no")
    for ask in (attribution.markov_orders, lambda c: attribution.markov(c, order="held_out")):
        with pytest.warns(
            JourneyKitWarning, match=r"At order 2 the last touches hardly tell .* AUC"
        ):
            ask(counts)


def test_customers_are_held_out_whole_and_whatever_their_order() -> None:
    data = one_channel_pair(customers=500)
    paths = touch_paths(data)
    assert paths.customers is not None
    held = _held_out(paths, share=0.3, seed=1)
    assert 0.2 < held.sum() / paths.n.sum() < 0.4
    assert (held == held.astype(int)).all()
    assert (held != _held_out(paths, share=0.3, seed=2)).any()
    result = attribution.markov_orders(data, largest=2)
    assert result.frame["auc"].isna().all()
    assert "held-out AUC not known, as all or none of them convert" in result.summary()


def test_errors_of_the_difference_are_over_customers() -> None:
    data = chains(seed=4, customers=2).relabel(patterns={r"(a|b|c)\d+": r"\1"})
    paths = touch_paths(data)
    frame = attribution.markov_orders(data, largest=2, held_out=0.5).frame
    best = int(frame["is_chosen"].to_numpy().argmax())
    assert frame["std_error"][best] == 0
    # By hand: the score of every customer held out, of every journey of theirs.
    assert paths.customers is not None
    test = _held_out(paths, share=0.5, seed=0)
    difference = np.zeros(len(paths.n))
    for order, sign in ((1, 1), (2, -1)):
        chain = chain_of(paths, order=order)
        step = _log_probability(chain, paths.n - test, 3)
        np.add.at(difference, chain.row, sign * step[chain.cell])
    taken = _taken(paths.customers.hashed, share=0.5, seed=0) > 0
    journeys = paths.customers.journeys.toarray()[:, taken]
    mean = test @ difference / test.sum()
    off = difference @ journeys - mean * journeys.sum(axis=0)
    assert frame["std_error"][1 - best] == pytest.approx(np.sqrt((off**2).sum()) / test.sum())
    # Path counts take every journey for a customer.
    counted = attribution.markov_orders(path_counts(data), largest=2, held_out=0.5).frame
    assert 0 < counted["std_error"].max() < 1.5 * frame["std_error"].max()


def test_repeats_are_merged() -> None:
    frame = pd.DataFrame({"path": ["a > a > b > b > a", "b > b", ""], "yes": [1, 2, 3]})
    paths = without_repeats(touch_paths(path_counts_from_frame(frame, conversions="yes")))
    found = {tuple(path): n for path, _, n in journeys_of(paths)}
    assert found == {(0, 1, 0): 1, (1,): 2, (): 3}
    merged = attribution.markov_orders(walks(2), repeats="merge")
    assert merged.provenance.parameters["repeats"] == "merge"


def test_summary_and_picture() -> None:
    result = attribution.markov_orders(walks(2), largest=4)
    n = int(result.frame["n_journeys"][0])
    auc = result.frame["auc"][1]
    assert result.close == []
    said = f"order 2 foretells {n:,} held-out journeys best, of 4 orders; held-out AUC {auc:.3f}"
    assert result.summary() == said
    frame = result.frame.assign(std_error=[0.1, 0, 1, 1])
    other = replace(result, frame=frame)
    assert other.close == [3, 4]
    assert other.summary() == f"{said}; within 2 standard errors of it: 3, 4"
    ax = result.plot()
    held = ax.get_lines()[0].get_ydata()
    assert np.asarray(held) == pytest.approx(result.frame["log_likelihood"])
    assert ax.get_ylabel() == "log-likelihood of a journey"


def test_refuses_what_it_cannot_answer() -> None:
    with pytest.raises(ArgumentError, match="`largest` must be a whole number at least 1; got 0"):
        attribution.markov_orders(OUTCOMES, largest=0)
    with pytest.raises(ArgumentError, match="`held_out` must lie strictly between 0 and 1; got 1"):
        attribution.markov_orders(OUTCOMES, held_out=1)
    with pytest.raises(ArgumentError, match="`repeats` must be one of 'keep', 'merge'; got 'x'"):
        attribution.markov_orders(OUTCOMES, repeats="x")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"of 4 journeys with a touch, 0 are held out. Try another"):
        attribution.markov_orders(OUTCOMES, held_out=1e-9)
