"""Satisfaction by channel: by hand, against other software, and where channels are equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.maps import satisfaction
from journeykit.maps.satisfied.channel_means import compare_means, means
from journeykit.study import Catalogue
from journeykit.study.catalogue import Touchpoint


def answers(
    rng: np.random.Generator, sizes: tuple[int, ...], *, effect: float = 0.0
) -> pd.DataFrame:
    """Scores 1 to 5, skewed, of customers who speak of several channels; the first is worse."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    who = rng.integers(0, int(sum(sizes) / 1.6), len(group))
    mood = rng.normal(0, 0.6, who.max() + 1)
    latent = 0.8 + mood[who] + rng.normal(size=len(group)) - effect * (group == 0)
    return pd.DataFrame(
        {
            "customer_id": [f"c{code}" for code in who],
            "touchpoint": [f"t{code}" for code in group],
            "score": np.digitize(latent, [-1, -0.3, 0.4, 1.1]) / 2 - 1,
        }
    )


def test_means_and_errors_by_hand() -> None:
    score = np.array([1.0, 0.0, -1.0, 1.0, 0.0])
    found = means(score, np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2]), n_groups=2)
    assert found.mean.tolist() == pytest.approx([0, 0.5])
    assert found.n_customers.tolist() == [2, 2]
    # Customers' residuals in the first group: 1 and -1; effective 9 / 5; in the second .5 and -.5.
    assert found.covariance[0, 0] == pytest.approx(2 / 9 * (9 / 5) / (4 / 5))
    assert found.covariance[1, 1] == pytest.approx(0.5 / 4 * 2)
    # Customer 1 speaks of both: -1 / 3 * .5 / 2, both inflated.
    assert found.covariance[0, 1] == pytest.approx(-1 / 12 * np.sqrt(9 / 4 * 2))


def test_welch_where_each_customer_answers_once() -> None:
    from statsmodels.stats.oneway import anova_oneway

    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), (30, 40, 50, 80))
    score = rng.normal(0.1 * group, 1 + 0.3 * group)
    found = means(score, group, np.arange(len(group)), n_groups=4)
    ours = compare_means(found, np.arange(4), confidence=0.95)
    theirs = anova_oneway([score[group == g] for g in range(4)], use_var="unequal")
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_a_mixed_model_agrees() -> None:
    found = satisfaction(answers(np.random.default_rng(5), (300,) * 4, effect=0.4), Catalogue())
    ours = found.frame.set_index("channel")["estimate"]
    theirs = found.mixed.set_index("channel")
    # Both are unbiased here: customers choose channels by chance.
    apart = (theirs["estimate"] - ours) / theirs["std_error"]
    assert apart.abs().max() < 1.5
    assert found.spread["mixed_p_value"].iloc[0] < 1e-4
    assert found.spread["p_value"].iloc[0] < 0.01


def test_a_mixed_model_that_cannot_be_fitted_is_missing() -> None:
    frame = answers(np.random.default_rng(5), (60, 60))
    once = frame.assign(customer_id=[f"c{at}" for at in range(len(frame))])
    assert satisfaction(once, Catalogue()).spread["mixed_p_value"].isna().all()
    assert len(satisfaction(frame, Catalogue(), mixed_answers=0).mixed) == 0


@pytest.mark.parametrize("sizes", [(400,) * 6, (60, 100, 200, 400)])
def test_equal_channels_show_no_difference(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    catalogue = Catalogue()
    found = [
        satisfaction(answers(rng, sizes), catalogue, mixed_answers=0).spread["verdict"].iloc[0]
        for _ in range(60)
    ]
    assert found.count("no difference found") >= 53  # below: 1 in 1,000 at a level of .05
    worse = [
        satisfaction(answers(rng, (400,) * 6, effect=0.35), catalogue, mixed_answers=0)
        .spread["verdict"]
        .iloc[0]
        for _ in range(20)
    ]
    assert worse.count("differs") >= 17


def test_variance_between_channels_is_corrected_for_chance() -> None:
    rng = np.random.default_rng(2)
    drawn = [
        satisfaction(answers(rng, (80,) * 5), Catalogue(), mixed_answers=0)
        .spread["variance"]
        .iloc[0]
        for _ in range(80)
    ]
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / np.sqrt(len(drawn))
    assert min(drawn) < 0


def test_words_shares_and_picture() -> None:
    frame = answers(np.random.default_rng(7), (200, 200, 40, 12))
    journeys = Journeys(
        names=("t0", "t1", "t2", "t3"),
        touchpoint=np.repeat(np.arange(4, dtype=np.uint8), (1000, 400, 400, 0)),
        start=np.array([0, 1800]),
    )
    found = satisfaction(frame, Catalogue(), journeys=journeys)
    by_channel = found.frame.set_index("channel")
    assert by_channel.loc["t0", "share"] == pytest.approx(0.2)
    assert np.isnan(by_channel.loc["t3", "share"])
    # Twelve answers are shown, but not compared.
    assert found.n_few == 12
    assert np.isnan(by_channel.loc["t3", "p_value"])
    assert found.spread["n_channels"].iloc[0] == 3
    assert "10.0% to 50.0% of touches: who did not may think otherwise" in found.summary()
    found.plot().figure.draw_without_rendering()
    hidden = satisfaction(frame, Catalogue(), small_cell=100)
    assert hidden.frame["estimate"].notna().sum() == 2


def test_channels_come_from_the_catalogue() -> None:
    catalogue = Catalogue(
        {f"t{at}": Touchpoint(f"t{at}", channel="ab"[at // 2]) for at in range(4)}
    )
    frame = answers(np.random.default_rng(7), (50, 50, 50, 50))
    assert satisfaction(frame, catalogue).frame["n"].tolist() == [100, 100]
    one = satisfaction(frame[frame["touchpoint"] < "t2"], catalogue)
    assert one.spread["verdict"].iloc[0] == "cannot tell"
    assert "cannot tell" in one.summary()


def test_what_is_wrong_is_said() -> None:
    frame = answers(np.random.default_rng(7), (50, 50))
    with pytest.raises(MappingError, match="`sentiment` names columns that do not exist: 'score'"):
        satisfaction(frame.drop(columns="score"), Catalogue())
    with pytest.raises(DataError, match="numbers from -1 to 1; 100 of 100 rows do not"):
        satisfaction(frame.assign(score=4), Catalogue())
    with pytest.raises(DataError, match="`sentiment` has no answer"):
        satisfaction(frame.head(0), Catalogue())
    other = Journeys(names=("x",), touchpoint=np.zeros(1, dtype=np.uint8), start=np.array([0, 1]))
    with pytest.raises(MappingError, match="no touch in any channel"):
        satisfaction(frame, Catalogue(), journeys=other)
