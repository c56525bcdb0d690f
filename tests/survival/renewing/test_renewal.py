from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import hyp2f1

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.renewing import ContractRenewal, contract_renewal, renewal_counts

TRUE = (0.7, 2.0)


@pytest.fixture(scope="module")
def published(shared: Path) -> ContractRenewal:
    """Both groups of the paper, fitted on the first seven of twelve years."""
    table = pd.read_csv(shared / "oracles/survival/inputs/sbg_fader_hardie_retention.csv")
    counts = renewal_counts(table, stayed=["high_end", "regular"], period="year")
    return contract_renewal(counts, fitted_periods=7)


def contracts(rng: np.random.Generator, n: int, *, late: float = 0.0) -> Lifetimes:
    """Yearly contracts, watched for one to six years; a share of customers enters late."""
    leaves = rng.beta(*TRUE, n)
    end = rng.geometric(np.maximum(leaves, 1e-12), n).astype(float)
    start = np.where(rng.random(n) < late, rng.integers(1, 4, n), 0).astype(float)
    until = start + rng.integers(1, 7, n)
    seen = end > start
    frame = pd.DataFrame(
        {"start": start, "time": np.minimum(end, until), "status": (end <= until) * 1}
    )
    return lifetimes_from_frame(frame[seen], start="start")


def truth(n: int) -> NDArray[np.float64]:
    k = np.arange(n)
    return np.asarray(np.cumprod((TRUE[1] + k) / (sum(TRUE) + k)))


def test_the_published_fit(published: ContractRenewal) -> None:
    # Fader, Hardie (2007).
    for group, alpha, beta, likelihood in (
        ("high_end", 0.668, 3.806, -1611.2),
        ("regular", 0.704, 1.182, -1680.3),
    ):
        fit = published.fits[group]
        assert fit.at.parameters == pytest.approx([alpha, beta], abs=6e-4)
        assert fit.at.log_likelihood == pytest.approx(likelihood, abs=0.05)


def test_years_that_were_not_used_are_projected_and_foretold(published: ContractRenewal) -> None:
    frame = published.retention(periods=14).frame
    regular = frame[frame["group"] == "regular"].set_index("period")
    assert regular["projected"].tolist() == [False] * 7 + [True] * 7
    assert regular.loc[12, "value"] == pytest.approx(0.173)
    assert regular.loc[12, "conf_low"] < 0.173 < regular.loc[12, "conf_high"]
    assert regular.loc[12, "estimate"] == pytest.approx(0.170, abs=5e-4)
    assert np.isnan(regular.loc[13, "value"])
    assert regular.loc[13, "n_at_risk"] == 0
    # Retention rises although nobody's own does.
    assert (np.diff(regular["rate"]) > 0).all()


def test_residual_lifetime_is_its_closed_form(published: ContractRenewal) -> None:
    # Fader, Hardie (2010), equation for DERL, after m = n - 1 renewals.
    made = np.array([0, 1, 4])
    frame = published.value(renewed=made.tolist(), discount=0.1).frame
    for group, fit in published.fits.items():
        a, b = fit.at.parameters
        closed = (b + made) / (a + b + made) * hyp2f1(1, b + made + 1, a + b + made + 1, 1 / 1.1)
        found = frame[frame["group"] == group]
        assert found["estimate"].to_numpy() == pytest.approx(closed, rel=1e-9)
        assert (found["conf_low"] < closed).all()
    paid = published.value(per_period=9, discount=0.1).frame["estimate"].to_numpy()
    assert paid == pytest.approx(9 * frame.loc[frame["renewed"] == 0, "estimate"].to_numpy())


def test_a_horizon_ends_the_sum() -> None:
    model = contract_renewal(contracts(np.random.default_rng(1), 3000), period_days=1)
    value = model.value(horizon_periods=5).frame["estimate"].iloc[0]
    assert value == pytest.approx(model.retention(periods=5).frame["estimate"].sum())


def test_counts_and_lifetimes_agree() -> None:
    counts = renewal_counts(
        pd.DataFrame({"period": [0, 1, 2, 3], "all": [500, 350, 280, 240]}), stayed=["all"]
    )
    rows = pd.DataFrame(
        {
            "time": np.repeat([1, 2, 3, 3], [150, 70, 40, 240]) * 30.4,
            "status": np.repeat([1, 1, 1, 0], [150, 70, 40, 240]),
        }
    )
    one = contract_renewal(counts)
    two = contract_renewal(lifetimes_from_frame(rows), period_days=30.4)
    pd.testing.assert_frame_equal(one.frame, two.frame)


def test_late_entry_is_conditioned_on() -> None:
    rng = np.random.default_rng(2)
    model = contract_renewal(contracts(rng, 60_000, late=0.7), period_days=1)
    off = model.fits["all"].at.theta
    error = np.sqrt(np.diag(model.fits["all"].at.covariance))
    assert (np.abs(off - np.log(TRUE)) < 4 * error).all()
    assert model.fits["all"].p_value > 1e-3


def test_groups_and_small_ones() -> None:
    lives = contracts(np.random.default_rng(3), 400)
    frame = lives.frame.assign(kind=np.where(np.arange(len(lives.frame)) < 395, "a", "b"))
    grouped = lifetimes_from_frame(
        frame, start="entry_days", stop="exit_days", event="event", groups=["kind"]
    )
    model = contract_renewal(grouped, period_days=1, by="kind")
    assert tuple(model.fits) == ("a",)
    assert model.suppressed == ("b",)
    assert "not shown, too few customers: b" in model.summary()


def test_a_model_that_does_not_fit_warns() -> None:
    # Everybody may leave after two years only.
    table = pd.DataFrame({"period": range(6), "all": [5000, 4900, 3000, 2950, 2900, 2850]})
    with pytest.warns(JourneyKitWarning, match="The model does not fit 'all': chi-squared"):
        contract_renewal(renewal_counts(table, stayed=["all"]))


def test_intervals_of_shares_stay_below_1() -> None:
    few = pd.DataFrame({"period": range(4), "g": [12, 3, 1, 1]})
    found = contract_renewal(renewal_counts(few, stayed=["g"])).frame.set_index("parameter")
    for name in ("mean", "polarization"):
        row = found.loc[name]
        assert 0 < row["conf_low"] < row["estimate"] < row["conf_high"] < 1


def test_what_is_refused() -> None:
    lives = contracts(np.random.default_rng(4), 300)
    with pytest.raises(ArgumentError, match="`period_days` must say how long a contract runs"):
        contract_renewal(lives)
    counts = renewal_counts(pd.DataFrame({"period": [0, 1], "all": [9, 5]}), stayed=["all"])
    with pytest.raises(ArgumentError, match="must be left out for renewal counts"):
        contract_renewal(counts, period_days=30)
    with pytest.raises(ArgumentError, match="No group has 10 customers or more"):
        contract_renewal(counts)
    with pytest.raises(DataError, match="Retention of 'all' must rise .* 4 of 9 decisions"):
        contract_renewal(counts, small_cell=1)
    same = pd.DataFrame({"period": range(5), "all": [1000, 500, 250, 125, 62]})
    with pytest.raises(DataError, match="Retention of 'all' must rise from renewal to renewal"):
        contract_renewal(renewal_counts(same, stayed=["all"]))
    stays = pd.DataFrame({"period": range(3), "all": [100, 100, 100]})
    with pytest.raises(DataError, match="0 of 200 decisions in 2 periods were not to renew"):
        contract_renewal(renewal_counts(stays, stayed=["all"]))
    model = contract_renewal(lives, period_days=1)
    with pytest.raises(ArgumentError, match="Without `horizon_periods` the sum has no end"):
        model.value()
    with pytest.raises(ArgumentError, match="`discount` must be at least 0; got -1"):
        model.value(discount=-1)


def test_the_picture_says_where_the_data_end(published: ContractRenewal) -> None:
    ax = published.retention(periods=16).plot()
    assert [text.get_text() for text in ax.texts] == ["projected"]
    assert ax.texts[0].xy[0] == 7  # type: ignore[attr-defined]
    assert [line.get_linestyle() for line in ax.lines[:3]] == ["None", "-", "--"]
    plt.close("all")


def scores(worlds: int, *, customers: int, seed: int) -> NDArray[np.float64]:
    """How often intervals hold the truth: retention after 1, 3, 6 (seen) and 12 renewals."""
    rng = np.random.default_rng(seed)
    hits, at = np.zeros(5), np.array([1, 3, 6, 12]) - 1
    worth = (truth(400) / 1.1 ** np.arange(400)).sum()
    for _ in range(worlds):
        model = contract_renewal(contracts(rng, customers, late=0.3), period_days=1)
        frame = model.retention(periods=12).frame.iloc[at]
        hits[:4] += (frame["conf_low"] <= truth(12)[at]) & (truth(12)[at] <= frame["conf_high"])
        value = model.value(discount=0.1).frame.iloc[0]
        hits[4] += value["conf_low"] <= worth <= value["conf_high"]
    return hits / worlds


def test_intervals_cover_retention_beyond_the_data() -> None:
    # 100 worlds: 95 % within three standard errors is above 88.4 %. The changelog has 1,000.
    assert (scores(100, customers=800, seed=5) > 0.884).all()
