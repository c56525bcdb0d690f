from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from pandas.testing import assert_frame_equal, assert_series_equal

import journeykit as jk
from journeykit.attribution import Credits, markov, rules, sensitivity
from journeykit.attribution.moving import MOVE_COLUMNS, SHARE_COLUMNS, leader
from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate.parts.channels import Channels
from journeykit.simulate.world import world
from journeykit.study import Catalogue, Touchpoint
from tests.attribution.example import CUSTOMERS, OUTCOMES
from tests.attribution.test_lookback import need_conversion
from tests.strategies import journeys
from tests.truth.attributed import CONVERSIONS, PARTS

FEW = settings(max_examples=12)
LINEAR = functools.partial(rules, models=["linear"])
NONE: dict[str, Any] = {"lookbacks_days": (), "session_gaps": (), "fragmentation": ()}
ASKED: dict[str, Any] = {"conversion": ["buy"], "lookback_days": 10, **NONE}
HALF_OF_THEM = {**ASKED, "fragmentation": [0.5]}


def every_model(data: Journeys) -> Credits:
    return rules(data, replicates=2).beside(markov(data, replicates=2))


def answering(data: Journeys) -> Credits:
    """Credit by all models, by rules alone where there is no chain."""
    try:
        return every_model(data)
    except DataError:
        return rules(data, replicates=2)


def differences(result: jk.attribution.Sensitivity, **which: str) -> dict[str, float]:
    frame = result.frame
    for column, value in which.items():
        frame = frame[frame[column] == value]
    return frame.set_index("channel")["difference"].to_dict()


def test_a_shorter_lookback_worked_by_hand() -> None:
    # Pauses are a day or 17: with half a day every touch stands alone and no sale has one.
    made = sensitivity(CUSTOMERS, LINEAR, **{**ASKED, "lookbacks_days": [0.5, 20]})
    # Base: ann mail/web, then web; bob web web mail; bob's second sale has no touch.
    base = {"mail": (1 / 2 + 1 / 3) / 4, "web": (1 / 2 + 1 + 2 / 3) / 4, "(no touch)": 1 / 4}
    # Within 20 days ann's second journey still begins after the sale: nothing moves.
    assert made.base.frame.set_index("channel")["share"].to_dict() == pytest.approx(base)
    short = made.frame[made.frame["value"] == "0.5 d"].set_index("channel")
    assert list(made.frame) == SHARE_COLUMNS
    assert short.index.tolist() == ["mail", "web", "(no touch)"]
    assert short["share"].tolist() == [0, 0, 1]
    assert short["difference"].tolist() == pytest.approx([-base["mail"], -base["web"], 3 / 4])
    moves = made.moves.set_index("value")
    assert list(made.moves) == MOVE_COLUMNS
    row = moves.loc["0.5 d"]
    assert row["distance"] == pytest.approx(3 / 4)
    assert row["most_moved"] == "(no touch)"
    assert row["moved_by"] == pytest.approx(3 / 4)
    assert row["base_leader"] == "web"
    same = moves.loc["20 d"]
    assert same["distance"] == pytest.approx(0, abs=1e-15)
    assert not same["leader_changes"]
    assert same["n_outside"] == 0


def test_default_lookbacks_are_half_and_twice() -> None:
    made = sensitivity(
        CUSTOMERS, LINEAR, conversion=["buy"], lookback_days=10, session_gaps=[], fragmentation=[]
    )
    assert made.moves["value"].tolist() == ["5 d", "20 d"]
    assert made.provenance.parameters["lookbacks_days"] == (5, 20)


def test_a_session_gap_worked_by_hand() -> None:
    made = sensitivity(CUSTOMERS, LINEAR, **{**ASKED, "session_gaps": ["23h", "1d"]})
    assert differences(made, value="23h") == {"mail": 0, "web": 0, "(no touch)": 0}
    # bob's web web mail is web mail: web has a half instead of two thirds of one sale in four.
    moved = differences(made, value="1d")
    assert moved["web"] == pytest.approx(-1 / 24)
    assert moved["mail"] == pytest.approx(1 / 24)
    back = sensitivity(CUSTOMERS, LINEAR, **{**ASKED, "session_gap": "1d", "session_gaps": ["1h"]})
    assert differences(back)["web"] == pytest.approx(1 / 24)


def test_groupings_are_compared_in_common() -> None:
    effects = functools.partial(markov, removal="participation")
    groups = {"one": {"mail": "all", "web": "all"}, "same": {"mail": "post"}, "none": None}
    made = sensitivity(CUSTOMERS, effects, **ASKED, groupings=groups)
    assert differences(made, value="one") == pytest.approx({"all": 0, "(no touch)": 0})
    assert made.moves["base_leader"].tolist() == ["all", "web", "web"]
    # The base's own interval is of single channels.
    shown = made.frame.set_index(["value", "channel"])["base_low"]
    assert np.isnan(shown["one", "all"])
    assert shown["one", "(no touch)"] == shown["same", "(no touch)"]
    assert shown["same", "mail"] == shown["none", "mail"]
    catalogue = Catalogue({name: Touchpoint(name, channel="all") for name in ("mail", "web")})
    turned = sensitivity(CUSTOMERS, effects, **ASKED, grouping=catalogue, groupings={"as": None})
    assert differences(turned) == pytest.approx({"all": 0, "(no touch)": 0})


def test_grouping_moves_a_model_but_no_rule() -> None:
    # web ad mail buy: a third each; by groups the two of "paid" have two thirds, or one of two.
    one = Journeys(
        names=("ad", "buy", "mail", "web"),
        touchpoint=np.array([3, 0, 2, 1], dtype=np.uint8),
        start=np.array([0, 4]),
        time=np.arange(4) * DAY,
    )
    groups = {"paid": {"ad": "paid", "web": "paid"}}
    for model, moved in ((LINEAR, 0), (markov, -1 / 6)):
        made = sensitivity(one, model, **ASKED, groupings=groups)
        found = differences(made)
        assert found == pytest.approx({"paid": moved, "mail": -moved})
    assert made.moves["leader_changes"].tolist() == [True]


@FEW
@given(journeys())
def test_no_split_changes_nothing_to_the_byte(drawn: Journeys) -> None:
    need_conversion(drawn)
    asked = {**NONE, "conversion": ["shop"], "lookback_days": 15, "fragmentation": [0]}
    made = sensitivity(drawn, answering, **asked)
    assert (made.frame["difference"].dropna() == 0).all()
    assert_series_equal(made.frame["share"], made.frame["base_share"], check_names=False)
    assert (made.moves["n_split"] == 0).all()
    assert made.moves["assumption"].nunique() == 3


@FEW
@given(journeys())
def test_every_change_says_brute_force(drawn: Journeys) -> None:
    need_conversion(drawn)
    asked = {**NONE, "conversion": ["shop"], "lookback_days": 15, "lookbacks_days": [3, 60]}
    made = sensitivity(drawn, rules, **asked)
    for days in (3, 60):
        cut = drawn.outcomes(conversion=["shop"], lookback_days=days)
        expected = rules(cut, replicates=2).frame.set_index(["model", "channel"])["share"].dropna()
        frame = made.frame[made.frame["value"] == f"{days} d"].dropna(subset=["share"])
        found = frame.set_index(["model", "channel"])["share"]
        pd.testing.assert_series_equal(found.loc[expected.index], expected)
        assert (found.drop(expected.index) == 0).all()
        # A base without a seen first touch has no shares to move from.
        known = frame.dropna(subset=["difference"])
        moved = known.groupby("model")["difference"].apply(lambda d: d.abs().sum() / 2)
        move = made.moves[made.moves["value"] == f"{days} d"].set_index("model")["distance"]
        pd.testing.assert_series_equal(moved, move.loc[moved.index], check_names=False)


def introduced(customers: int, converting: int) -> Journeys:
    """All meet intro on day 0 and close on day 8; some buy on day 10."""
    n = np.where(np.arange(customers) < converting, 3, 2)
    start = np.concatenate([[0], np.cumsum(n)])
    position = np.arange(start[-1]) - np.repeat(start[:-1], n)
    return Journeys(
        names=("buy", "close", "intro"),
        touchpoint=np.array([2, 1, 0], dtype=np.uint8)[position],
        start=start,
        time=np.array([0, 8, 10])[position] * DAY,
        observed_from=np.zeros(customers, dtype=np.int64),
        observed_to=np.full(customers, 100 * DAY),
    )


def test_splitting_converters_takes_from_who_introduces() -> None:
    n, won = 5000, 2000
    made = sensitivity(
        introduced(n, won),
        LINEAR,
        **{**ASKED, "fragmentation": [0.5]},
        split="instant",
        splits=1,
        seed=4,
    )
    assumption = "identities split (converters)"
    row = made.moves.set_index("assumption").loc[assumption]
    moved = differences(made, assumption=assumption)
    part = row["n_split"] / won
    assert part == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / won))
    # An instant on days 0 to 8 leaves close alone with the sale, one on days 8 to 10 nobody.
    assert moved["intro"] == pytest.approx(-part / 2)
    assert moved["(no touch)"] == pytest.approx(0.2 * part, abs=4 * np.sqrt(0.16 / won))
    assert moved["close"] == pytest.approx(part / 2 - moved["(no touch)"])
    assert row["leader"] == "close"
    # Rules read converting journeys only.
    others = differences(made, assumption="identities split (non-converters)")
    assert set(others.values()) == {0.0}


def test_splitting_the_others_takes_from_who_introduces_in_a_chain() -> None:
    n, won = 5000, 2000
    made = sensitivity(
        introduced(n, won),
        markov,
        **{**ASKED, "fragmentation": [0.5]},
        split="instant",
        splits=1,
        seed=4,
    )
    assumption = "identities split (non-converters)"
    n_split = made.moves.set_index("assumption").loc[assumption, "n_split"]
    # Halves without a sale look as if intro led nowhere, and as if close did without it.
    first, onward = n / (n + n_split), (n - n_split) / n
    effect = first * onward / (first * onward + 1 - first)
    moved = differences(made, assumption=assumption)
    assert moved["intro"] == pytest.approx(effect / (1 + effect) - 1 / 2)
    assert moved["intro"] < -0.05


def test_two_devices_lose_touches_as_coins_say() -> None:
    n = 8000
    made = sensitivity(
        introduced(n, n),
        LINEAR,
        **{**ASKED, "fragmentation": [1.0]},
        split="device",
        splits=1,
        seed=2,
    )
    # Beside the sale stand both touches, one, or none, as two coins fall.
    moved = differences(made, assumption="identities split (all)")
    assert moved["(no touch)"] == pytest.approx(1 / 4, abs=4 * np.sqrt(3 / 16 / n))
    assert moved["intro"] == pytest.approx(-1 / 8, abs=4 * np.sqrt(0.15 / n))


def test_splits_are_averaged() -> None:
    asked = {**ASKED, "fragmentation": [0.5], "split": "device"}
    journeys = introduced(40, 30)
    single = [sensitivity(journeys, LINEAR, **asked, splits=1, seed=k) for k in (7, 8, 9)]
    made = sensitivity(journeys, LINEAR, **asked, splits=3, seed=7)
    for column in ("share", "difference"):
        mean = np.mean([one.frame[column] for one in single], axis=0)
        np.testing.assert_allclose(made.frame[column], mean, atol=1e-15)
    assert made.moves["n_split"].tolist() == pytest.approx(
        np.mean([one.moves["n_split"] for one in single], axis=0)
    )
    assert len({*(one.frame["share"].iloc[0] for one in single)}) > 1


def test_in_the_simulated_world_splits_hide_touches() -> None:
    simulated = world(customers=1000, seed=3, parts=PARTS).journeys()
    wanted = {*Channels().touchpoints, *CONVERSIONS}
    touched = simulated.only(*sorted(wanted & set(simulated.names)))
    goals = [name for name in CONVERSIONS if name in touched.names]
    asked = {
        **NONE,
        "conversion": goals,
        "lookback_days": 30,
        "fragmentation": [0.25, 0.5],
        "splits": 2,
    }
    made = sensitivity(touched, every_model, **asked)
    hidden = made.frame[made.frame["channel"] == "(no touch)"]
    moved = hidden.set_index(["model", "assumption", "value"]).sort_index()["difference"]
    for model in ("last", "linear", "markov"):
        all_alike, others, converters = (
            moved.loc[model, f"identities split ({who})"]
            for who in ("all", "non-converters", "converters")
        )
        assert (others.abs() < 1e-12).all()
        assert 0.02 < converters["25 %"] < converters["50 %"]
        np.testing.assert_allclose(all_alike, converters, atol=1e-12)
    ruled = made.frame[made.frame["model"] != "markov"]
    silent = ruled[ruled["assumption"] == "identities split (non-converters)"]
    assert (silent["difference"] == 0).all()


def test_a_model_of_whole_journeys() -> None:
    def cut_and_credit(data: Journeys) -> Credits:
        return LINEAR(data.outcomes(conversion=["buy"], lookback_days=10))

    asked = {**ASKED, "fragmentation": [0.5], "groupings": {"all": {"mail": "web"}}}
    whole = sensitivity(CUSTOMERS, cut_and_credit, **{**asked, "lookback_days": None}, seed=3)
    cut = sensitivity(CUSTOMERS, LINEAR, **asked, seed=3)
    assert_frame_equal(whole.frame, cut.frame)
    assert whole.moves["n_split"].max() > 0


def test_a_change_without_an_answer_is_shown() -> None:
    def late(data: Journeys) -> Credits:
        if data.n_customers > CUSTOMERS.n_customers:
            raise DataError("nothing here")
        return LINEAR(data)

    made = sensitivity(CUSTOMERS, late, **{**ASKED, "fragmentation": [0, 1]})
    failed = made.moves["distance"].isna()
    assert failed.tolist() == [False, True, False, False, False, True]
    assert made.frame["share"].isna().sum() == 2 * len(made.base.frame)
    assert made.moves["n_failed"].tolist() == [0, 5, 0, 1, 0, 5]
    assert made.moves["reason"].tolist() == ["", "nothing here"] * 3
    assert made.summary().endswith("In 3 rows a refit gave no shares.")
    assert len(made.plot().lines) == 2


def test_summary_and_picture() -> None:
    made = sensitivity(CUSTOMERS, rules, **{**ASKED, "lookbacks_days": [0.5, 5, 10]})
    text = made.summary()
    assert text.startswith("Most moves with lookback 0.5 d: 75.0% of the credit of last changes")
    assert "the leader changes in" in text
    ax = made.plot()
    # What moves nothing is not drawn.
    drawn = [label.get_text() for label in ax.get_yticklabels()]
    moving = made.moves[made.moves["distance"] > 1e-12]
    assert set(drawn) == set(moving["assumption"] + ", " + moving["value"])
    points = itertools.chain.from_iterable(line.get_xdata() for line in ax.lines)
    assert sorted(points) == pytest.approx(sorted(moving["distance"]))
    none = sensitivity(CUSTOMERS, LINEAR, **ASKED)
    assert len(none.frame) == len(none.moves) == 0
    assert none.summary() == "No assumption was changed."
    stays = sensitivity(CUSTOMERS, LINEAR, **{**ASKED, "lookbacks_days": [10]})
    assert "the leader stays in all 1 rows" in stays.summary()


def test_real_households_in_the_mail() -> None:
    study = jk.load_study("complete-journey")
    goals = list(study.outcome.conversions)
    whole = study.journeys()
    sent = [name for name in whole.names if study.catalogue.touchpoints[name].initiator == "firm"]
    mailed = whole.only(*sent, *goals)
    made = sensitivity(
        mailed, LINEAR, conversion=goals, lookback_days=56, session_gaps=(), fragmentation=[0.5]
    )
    assert made.moves["base_leader"].unique().tolist() == ["mailing A"]
    assert not made.moves["leader_changes"].any()
    moved = made.moves.set_index(["assumption", "value"])["distance"]
    # 79 % of redemptions come within 30 days of their mailing.
    assert 0.05 < moved["lookback", "28 d"] < 0.21
    assert moved["identities split (non-converters)", "50 %"] == 0


def test_refuses_what_is_no_assumption() -> None:
    for options, message in (
        ({"split": "cookie"}, "`split` must be one of 'device', 'instant'"),
        ({"fragmentation": [0.5, 1.5]}, "`fragmentation` must hold numbers from 0 to 1; got 1.5"),
        ({"fragmentation": [True]}, "`fragmentation` must hold numbers from 0 to 1; got True"),
        ({"lookback_days": 0}, "`lookback_days` must be a number greater than 0"),
        ({"lookbacks_days": [5, -1]}, "`lookbacks_days` must be a number greater than 0; got -1"),
        (
            {"lookback_days": None, "lookbacks_days": [5]},
            "`lookbacks_days` needs a base: give `lookback_days`",
        ),
        ({"session_gaps": ["soon"]}, "`session_gap` must be a duration above 0"),
        ({"splits": 0}, "`splits` must be a whole number at least 1"),
        ({"seed": -1}, "`seed` must be a whole number"),
    ):
        with pytest.raises(ArgumentError, match=message):
            sensitivity(CUSTOMERS, LINEAR, **{**ASKED, **options})
    with pytest.raises(ArgumentError, match="`sensitivity` changes where journeys end"):
        sensitivity(OUTCOMES, LINEAR, **ASKED)
    with pytest.raises(ArgumentError, match="`model` must be a callable"):
        sensitivity(CUSTOMERS, "linear", **ASKED)  # type: ignore[arg-type]
    with pytest.raises(MappingError, match="`groupings` names touchpoints that do not exist"):
        sensitivity(CUSTOMERS, LINEAR, **ASKED, groupings={"x": {"wb": "site"}})
    twice = replace(CUSTOMERS, customer_index=np.array([0, 0, 1, 2, 3]))
    with pytest.raises(ArgumentError, match="one journey a customer"):
        sensitivity(twice, LINEAR, **{**ASKED, "fragmentation": [0.5]})


def test_customers_taken_for_two_are_counted_before_sessions_leave_any_out() -> None:
    # "nil" does nothing: merging runs leaves him out, and he must not be counted as -1 split.
    with_nil = CUSTOMERS.replace(
        start=np.append(CUSTOMERS.start, CUSTOMERS.start[-1]),
        customer_index=np.arange(6),
        customer_id=pa.array(["ann", "bob", "cid", "dan", "eve", "nil"]),
        observed_from=np.zeros(6, dtype=np.int64),
        observed_to=np.full(6, 100 * DAY),
    )
    asked = {**ASKED, "fragmentation": [1], "session_gaps": ["1d"], "splits": 1}
    plain = sensitivity(with_nil, LINEAR, **asked).moves
    merged = sensitivity(with_nil, LINEAR, **asked, session_gap="1d").moves
    gap = plain["assumption"] == "session gap"
    assert plain.loc[gap, "n_split"].tolist() == [0]
    assert plain["n_split"].tolist() == merged["n_split"].tolist()
    assert plain["n_split"].max() > 0


def test_without_intervals_nothing_is_said_to_be_inside_them() -> None:
    def bare(data: Journeys) -> Credits:
        made = LINEAR(data)
        return replace(made, frame=made.frame.assign(conf_low=np.nan, conf_high=np.nan))

    moves = sensitivity(CUSTOMERS, bare, **{**ASKED, "lookbacks_days": [0.5]}).moves
    assert moves["distance"].iloc[0] > 0.1
    assert np.isnan(moves["n_outside"].iloc[0])


def test_rounding_makes_no_leader() -> None:
    table = pd.DataFrame({"channel": ["c", "z"], "share": [0.3, 0.1 + 0.2]})
    assert table["share"].idxmax() == 1
    assert leader(table, "share") == "c"
