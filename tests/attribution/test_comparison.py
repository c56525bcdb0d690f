from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from journeykit.attribution import compare, hazard, markov, ordered_shapley, rules, shapley
from journeykit.attribution.comparison import Comparison
from journeykit.attribution.credit import SHARE_WARNING, Credits
from journeykit.counts import path_counts_from_frame
from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.simulate.world import world
from tests.attribution.example import OUTCOMES
from tests.truth.attributed import CONVERSIONS, PARTS, outcomes
from tests.truth.scoreboard import whole

FEW = pd.DataFrame({"path": ["web > mail", "web"], "buys": [20, 10], "none": [30, 90]})
PATHS = path_counts_from_frame(FEW, conversions="buys", nulls="none")
TESTED = pd.DataFrame({"channel": ["mail"], "increment": [6.0], "std_error": [1.5]})
BOTH = compare(rules(PATHS), markov(PATHS), experiments=TESTED)


@pytest.fixture(scope="module")
def simulated() -> Comparison:
    """Whole and cut journeys of one small world."""
    made = world(customers=1_500, seed=2, parts=PARTS)
    fitted = hazard(whole(made), conversion=CONVERSIONS, half_life_days=3.5)
    return compare(rules(outcomes(made), models=["last", "linear"], replicates=20), fitted)


def test_ranges_worked_by_hand() -> None:
    ranges = BOTH.ranges.set_index("channel")
    # Of 30 conversions web and mail get: first 30, 0; last 10, 20; linear 20, 10; markov 18, 12.
    assert ranges.index.tolist() == ["web", "mail"]
    assert ranges["lowest"].to_numpy() == pytest.approx([1 / 3, 0])
    assert ranges["highest"].to_numpy() == pytest.approx([1, 2 / 3])
    assert ranges["width"].to_numpy() == pytest.approx([2 / 3, 2 / 3])
    assert ranges["lowest_model"].tolist() == ["last", "first"]
    assert ranges["highest_model"].tolist() == ["first", "last"]
    assert ranges["n_models"].tolist() == [4, 4]
    assert ranges["overlap"].tolist() == [False, False]


def test_experiment_is_a_share_of_the_conversions_with_its_interval() -> None:
    mail = BOTH.ranges.set_index("channel").loc["mail"]
    assert mail[["increment", "std_error"]].tolist() == [6.0, 1.5]
    assert mail["experiment_share"] == pytest.approx(6 / 30)
    assert mail["experiment_low"] == pytest.approx((6 - 1.959964 * 1.5) / 30, abs=1e-7)
    assert mail["experiment_high"] == pytest.approx((6 + 1.959964 * 1.5) / 30, abs=1e-7)
    untested = BOTH.ranges.set_index("channel").loc["web"]
    assert untested[["increment", "experiment_share", "experiment_low"]].isna().all()


def test_frame_holds_each_model_as_it_was() -> None:
    assert BOTH.models == ("first", "last", "linear", "markov")
    assert BOTH.frame["model"].tolist() == [*BOTH.models, *BOTH.models]
    assert (BOTH.frame["n_conversions"] == 30).all()
    for result in (rules(PATHS), markov(PATHS)):
        for columns in (["conversions"], ["share", "conf_low", "conf_high"]):
            given = result.frame.set_index(["model", "channel"])[columns].astype(float)
            kept = BOTH.frame.set_index(["model", "channel"])[columns].loc[given.index]
            pd.testing.assert_frame_equal(kept, given)


def test_intervals_meet_where_they_share_a_point() -> None:
    # Touched by one channel alone, all models agree, and all intervals are one.
    same = path_counts_from_frame(
        pd.DataFrame({"path": ["web", "mail"], "n": [30, 20]}), conversions="n"
    )
    agreed = compare(rules(same), markov(same))
    assert agreed.ranges["overlap"].tolist() == [True, True]
    assert agreed.ranges["width"].to_numpy() == pytest.approx([0, 0], abs=1e-12)
    # Of one channel shares do not vary, so nobody has an interval.
    alone = path_counts_from_frame(pd.DataFrame({"path": ["web"], "n": [3]}), conversions="n")
    assert compare(rules(alone)).ranges["overlap"].isna().all()


def test_whole_and_cut_journeys_stand_side_by_side(simulated: Comparison) -> None:
    known = simulated.frame.groupby("model")["n_conversions"].first()
    assert known["last"] == known["linear"] > known["hazard"]
    assert len(set(simulated.provenance.parameters["fingerprints"])) == 2  # type: ignore[call-overload]
    assert simulated.frame["channel"].unique()[-2:].tolist() == ["(no touch)", "(baseline)"]
    last = simulated.ranges.iloc[-1]
    assert last["channel"] == "(no channel)"
    shares = simulated.frame.set_index(["model", "channel"])["share"]
    assert last["highest"] == shares["hazard", "(baseline)"]
    assert last["highest_model"] == "hazard"
    assert last["lowest"] == shares["last", "(no touch)"]
    # Negative shares are in the range as they are.
    least = simulated.frame.loc[~simulated.frame["channel"].str.startswith("("), "share"].min()
    assert simulated.ranges["lowest"].min() == least


def test_a_model_that_leaves_nothing_leaves_none_of_it() -> None:
    # hazard has no rows without a touch, rules of path counts no baseline.
    with_none = path_counts_from_frame(
        pd.DataFrame({"path": ["web", ""], "n": [30, 10]}), conversions="n"
    )
    touched = rules(with_none, models=["last"])
    linear = rules(PATHS, models=["linear"])
    ranges = compare(touched, linear).ranges.set_index("channel")
    assert ranges.loc["(no channel)", ["lowest", "highest"]].tolist() == [0, 0.25]
    assert ranges.loc["(no channel)", "lowest_model"] == "linear"
    assert pd.isna(ranges.loc["(no channel)", "overlap"])
    assert ranges.loc["mail", "n_models"] == 1


def test_shares_that_are_unknown_are_left_out() -> None:
    edge = OUTCOMES.take(np.flatnonzero(OUTCOMES.attributes["edge"].to_numpy(zero_copy_only=False)))
    told = rules(edge, replicates=5)
    assert told.frame.loc[told.frame["model"] == "first", "share"].isna().all()
    ranges = compare(told).ranges
    assert (ranges["n_models"] == 2).all()
    assert "first" not in set(ranges["lowest_model"])


def test_summary_in_words() -> None:
    said = BOTH.summary()
    assert said.startswith(
        "4 models of 2 channels on 30 conversions. They disagree most on web: from 33.3% (last) "
        "to 100.0% (first); "
    )
    assert "all their intervals meet on 0 of 2 channels." in said
    assert "The experiment on mail found 20.0% (10.2% to 29.8%); no model lies within." in said
    assert "In simulated worlds with known truth (4 laws, " in said
    assert said.endswith(SHARE_WARNING)


def test_summary_tells_populations_and_the_baseline(simulated: Comparison) -> None:
    known = simulated.frame.groupby("model")["n_conversions"].first()
    said = simulated.summary()
    assert said.startswith(
        f"3 models of 8 channels on {known['last']:,} conversions (of them hazard "
        f"{known['hazard']:,})."
    )
    assert ". To no channel they leave " in said
    assert said.count("(hazard)") >= 1


def test_summary_of_one_model_and_of_unscored_ones() -> None:
    odd = rules(PATHS, models=["touch_decay"], half_life_touches=1)
    said = compare(odd).summary()
    assert "There is no other model to disagree with." in said
    assert "None of these models is on the scoreboard." in said
    assert "Not scored: touch_decay." in compare(odd, markov(PATHS)).summary()
    assert not len(compare(odd).scoreboard)
    assert not len(compare(odd).scores_as_table())


def test_table_for_readers() -> None:
    table = BOTH.as_table().set_index("channel")
    assert table.columns.tolist() == [
        *BOTH.models, "from lowest to highest", "intervals meet", "experiment"
    ]  # fmt: skip
    assert table.loc["mail", "first"] == "0.0%"
    assert table.loc["mail", "last"].startswith("66.7% (")
    assert table.loc["mail", "from lowest to highest"] == "0.0% to 66.7%"
    assert table["intervals meet"].tolist() == ["no", "no"]
    assert table["experiment"].tolist() == ["", "20.0% (10.2% to 29.8%)"]
    assert "experiment" not in compare(rules(PATHS)).as_table()


def test_picture_shows_models_range_and_experiment() -> None:
    ax = BOTH.plot()
    drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
    assert drawn["last"] == pytest.approx([1 / 3, 2 / 3])
    assert drawn["experiment"][1] == pytest.approx(0.2)
    assert np.isnan(drawn["experiment"][0])
    bands = [(bar.get_x(), bar.get_width()) for bar in ax.patches]
    assert np.array(bands) == pytest.approx(np.array([[1 / 3, 2 / 3], [0, 2 / 3]]))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["web", "mail"]
    assert BOTH.plot(ax) is ax


def test_picture_reaches_below_zero() -> None:
    negative = shapley(PATHS, game="rate", replicates=20)
    tested = TESTED.assign(increment=-9.0)
    ax = compare(negative, experiments=tested).plot()
    assert ax.get_xlim()[0] < -0.3


def test_picture_adds_small_channels_up() -> None:
    table = pd.DataFrame({"path": [f"c{k:02d}" for k in range(25)], "n": np.arange(25, 0, -1)})
    paths = path_counts_from_frame(table, conversions="n")
    ax = compare(rules(paths, replicates=5), markov(paths, replicates=5)).plot()
    assert ax.get_yticklabels()[-1].get_text() == "(13 other channels)"
    shares = ax.lines[0].get_xdata()
    assert shares.sum() == pytest.approx(1)
    assert shares[-1] == pytest.approx(91 / 325)
    assert len(ax.patches) == 13


def test_what_cannot_stand_side_by_side() -> None:
    simple = rules(PATHS)
    with pytest.raises(ArgumentError, match="needs the credits of at least one model; got none"):
        compare()
    with pytest.raises(ArgumentError, match="Each model may stand once; got first, last, linear,"):
        compare(simple, simple)
    raw = markov(PATHS, normalisation="raw")
    with pytest.raises(ArgumentError, match=r"sum to 1 .* 'markov raw' sum to 1\.67\. Raw effects"):
        compare(simple, raw)
    with pytest.raises(ArgumentError, match="one row a channel; got several of 'mail' in 'shapley"):
        compare(ordered_shapley(PATHS, replicates=20))
    wide = markov(PATHS, confidence=0.9)
    with pytest.raises(ArgumentError, match=r"with the same `confidence`; got 0\.95, 0\.9\."):
        compare(simple, wide)
    worth = partial(rules, OUTCOMES, share_of="value")
    with pytest.raises(ArgumentError, match="same `share_of`; got 'conversions', 'value'"):
        compare(rules(OUTCOMES, models=["first"]), worth(models=["last"]))
    with pytest.raises(ArgumentError, match="shares must be of conversions, too; got 'value'"):
        compare(worth(), experiments=TESTED)


@pytest.mark.parametrize(
    ("experiments", "error", "message"),
    [
        (
            TESTED.drop(columns="std_error"),
            MappingError,
            "without: std_error",
        ),
        (TESTED.assign(channel="mial"), MappingError, "Did you mean 'mail'"),
        (pd.concat([TESTED, TESTED]), DataError, "one row a channel; 'mail' has several"),
        (TESTED.assign(std_error=0.0), DataError, "greater than 0; 'mail' has 0.0"),
        (
            TESTED.assign(increment=np.nan),
            DataError,
            "finite numbers; 'mail' has nan",
        ),
    ],
)
def test_experiments_that_are_none(
    experiments: pd.DataFrame, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compare(rules(PATHS), experiments=experiments)


def test_intervals_of_experiments_have_the_level_of_the_models() -> None:
    wide = compare(rules(PATHS, confidence=0.5), experiments=TESTED)
    mail = wide.ranges.set_index("channel").loc["mail"]
    assert wide.confidence == 0.5
    assert mail["experiment_high"] == pytest.approx((6 + 0.6744898 * 1.5) / 30, abs=1e-7)


def test_credits_are_what_compare_takes() -> None:
    assert isinstance(rules(PATHS), Credits)
    assert BOTH.provenance.parameters["tested"] == ("mail",)


def test_warnings_of_models_are_kept() -> None:
    rated = shapley(PATHS, game="rate", replicates=20)
    beside = compare(rules(PATHS), rated)
    assert beside.warnings == (f"shapley rate: {rated.warnings[0]}",)
    assert "Warnings (1) are in `.warnings`." in beside.summary()
    assert "`.warnings`" not in BOTH.summary()


def test_what_are_no_credits_is_said() -> None:
    credited = rules(OUTCOMES)
    for wrong in ([credited], credited.frame, "first"):
        with pytest.raises(ArgumentError, match="takes credits one by one"):
            compare(wrong)  # type: ignore[arg-type]


def test_models_that_agree_in_all_are_said_to() -> None:
    table = pd.DataFrame({"path": ["web", "web > web"], "buys": [20, 10], "none": [30, 90]})
    counts = path_counts_from_frame(table, conversions="buys", nulls="none")
    assert "All of them give every channel the same share." in compare(rules(counts)).summary()
