from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from journeykit import attribution
from journeykit.attribution import Population
from journeykit.counts import path_counts
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from tests.attribution.example import CUSTOMERS, OUTCOMES, reordered
from tests.strategies import journeys

FEW = 20
LAW = settings(max_examples=40, deadline=None)


def credited(result: attribution.Credits, model: str, column: str) -> dict[str, float]:
    part = result.frame[result.frame["model"] == model]
    return dict(zip(part["channel"], part[column], strict=True))


def outcomes(drawn: Journeys) -> Journeys:
    cut = drawn.outcomes(conversion=["shop"], lookback_days=15, value="value")
    assume("converted" in cut.attributes["outcome"].to_pylist())
    return cut


def test_credits_worked_by_hand() -> None:
    result = attribution.rules(OUTCOMES)
    assert credited(result, "first", "conversions") == {"mail": 0, "web": 2, "(no touch)": 1}
    assert credited(result, "last", "conversions") == {"mail": 1, "web": 2, "(no touch)": 1}
    assert credited(result, "linear", "conversions") == pytest.approx(
        {"mail": 5 / 6, "web": 13 / 6, "(no touch)": 1}
    )
    assert credited(result, "first", "value") == {"mail": 0, "web": 80, "(no touch)": 7}
    assert credited(result, "last", "value") == {"mail": 30, "web": 150, "(no touch)": 7}
    assert credited(result, "linear", "value") == pytest.approx(
        {"mail": 60, "web": 120, "(no touch)": 7}
    )
    assert credited(result, "first", "share") == pytest.approx(
        {"mail": 0, "web": 2 / 3, "(no touch)": 1 / 3}
    )
    assert credited(result, "linear", "n_journeys") == {"mail": 4, "web": 4, "(no touch)": 1}


def test_what_is_left_out_is_counted() -> None:
    assert attribution.rules(OUTCOMES, replicates=FEW).population == Population(
        n_journeys=6, n_conversions=4, n_no_touch=1, n_open=1, n_edge=1, n_edge_conversions=1
    )


def test_activity_that_is_no_touch_is_taken_out_before_the_cut() -> None:
    cut = CUSTOMERS.only("mail", "buy").outcomes(
        conversion=["buy"], lookback_days=10, value="price"
    )
    # ann: mail buy at the edge, then buy 18 days later; bob: mail buy, buy; cid and dan: mail
    result = attribution.rules(cut, replicates=FEW)
    assert credited(result, "last", "conversions") == {"mail": 2, "(no touch)": 2}
    assert credited(result, "first", "conversions") == {"mail": 1, "(no touch)": 2}
    assert credited(result, "last", "n_journeys") == {"mail": 4, "(no touch)": 2}
    assert result.population.n_open == 0


def test_no_share_is_claimed_where_every_first_touch_is_unseen() -> None:
    edge = CUSTOMERS.take(np.array([True, False, False, False, False])).until("buy")
    result = attribution.rules(edge.outcomes(conversion=["buy"], lookback_days=10), replicates=FEW)
    assert np.isnan(list(credited(result, "first", "share").values())).all()
    assert "first none (all first touches are unseen)" in result.summary()
    # One customer: the share of the last touch is 1 in every sample, so it has no interval.
    assert credited(result, "last", "share") == {"mail": 0, "web": 1}
    assert np.isnan(list(credited(result, "last", "conf_low").values())).all()


def test_path_counts_know_no_edges() -> None:
    result = attribution.rules(path_counts(OUTCOMES), replicates=FEW)
    assert credited(result, "first", "conversions") == {"mail": 1, "web": 2, "(no touch)": 1}
    assert result.population.n_open == 1
    assert result.provenance.fingerprint == OUTCOMES.fingerprint


@LAW
@given(journeys())
def test_credits_sum_to_what_is_distributed(drawn: Journeys) -> None:
    cut = outcomes(drawn)
    result = attribution.rules(cut, replicates=2)
    total = result.frame.groupby("model")[["conversions", "value", "share"]].sum()
    n, value = result.population, sum(cut.attributes["outcome_value"].to_pylist())
    assert n.n_conversions == cut.attributes["outcome"].to_pylist().count("converted")
    for model in ("last", "linear"):
        assert total.loc[model].tolist() == pytest.approx([n.n_conversions, value, 1], abs=1e-9)
    assert total.loc["first", "conversions"] == n.n_conversions - n.n_edge_conversions


@LAW
@given(journeys(), st.integers(-1000, 1000))
def test_a_shift_in_time_changes_nothing(drawn: Journeys, days: int) -> None:
    assert drawn.time is not None
    shift = days * DAY
    later = drawn.replace(
        time=drawn.time + shift,
        observed_from=np.broadcast_to(np.int64(shift), len(drawn)),
        observed_to=np.broadcast_to(np.int64(shift + 100 * DAY), len(drawn)),
        window=(shift, shift + 100 * DAY),
    )
    now, then = (attribution.rules(outcomes(j), replicates=FEW) for j in (drawn, later))
    assert_frame_equal(now.frame, then.frame, check_exact=True)


@LAW
@given(journeys())
def test_grouping_channels_adds_their_credits(drawn: Journeys) -> None:
    cut = outcomes(drawn)
    apart = attribution.rules(cut, replicates=FEW).frame
    grouped = attribution.rules(cut.relabel({"call": "web"}), replicates=FEW).frame
    merged = apart.assign(channel=apart["channel"].replace("call", "web"))
    columns = ["conversions", "value", "share"]
    assert_frame_equal(
        merged.groupby(["model", "channel"])[columns].sum(min_count=1),
        grouped.set_index(["model", "channel"])[columns].sort_index(),
    )


@LAW
@given(journeys(min_customers=2), st.data())
def test_split_customers_add_up(drawn: Journeys, data: st.DataObject) -> None:
    cut = outcomes(drawn)
    here = np.array(data.draw(st.lists(st.booleans(), min_size=len(cut), max_size=len(cut))))
    added = path_counts(cut.take(here)) + path_counts(cut.take(~here))
    whole = attribution.rules(path_counts(cut), replicates=FEW)
    parts = attribution.rules(added, replicates=FEW)
    assert_frame_equal(whole.frame, parts.frame)


@LAW
@given(journeys(), st.randoms(use_true_random=False))
def test_the_order_of_customers_changes_nothing(drawn: Journeys, random: object) -> None:
    order = list(range(len(drawn)))
    random.shuffle(order)  # type: ignore[attr-defined]
    results = [
        attribution.rules(outcomes(j), replicates=FEW) for j in (drawn, reordered(drawn, order))
    ]
    assert_frame_equal(results[0].frame, results[1].frame, check_exact=True)


def test_refuses_what_it_cannot_answer() -> None:
    with pytest.raises(
        ArgumentError, match="must be path counts, or .*; got Journeys without outcomes"
    ):
        attribution.rules(CUSTOMERS)
    touched = attribution.touches(CUSTOMERS, conversion=["buy"], lookback_days=10)
    with pytest.raises(ArgumentError, match="got Touches. Give its `journeys`."):
        attribution.rules(touched)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="got DataFrame. `path_counts_from_frame` reads"):
        attribution.rules(touched.frame)  # type: ignore[arg-type]
    lost = OUTCOMES.where({"outcome": ["abandoned", "open"]})
    with pytest.raises(DataError, match="none of 2 finished journeys converts, and 1 are still"):
        attribution.rules(lost)
    with pytest.raises(ArgumentError, match="`replicates` must be a whole number at least 2"):
        attribution.rules(OUTCOMES, replicates=1)
    with pytest.raises(ArgumentError, match="`seed` must be a whole number"):
        attribution.rules(OUTCOMES, seed=-1)
    with pytest.raises(ArgumentError, match="`confidence` must lie strictly between 0 and 1"):
        attribution.rules(OUTCOMES, confidence=95)
