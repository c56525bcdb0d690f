from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from journeykit.survival.buying import PurchaseHistories, purchase_histories, repeat_purchase
from journeykit.survival.buying.models import expected_new
from tests.survival.buying.test_histories import SHOP, made


def test_repeat_purchases_of_the_shop_week_by_week(cdnow: PurchaseHistories) -> None:
    found = repeat_purchase(cdnow).tracking()
    frame = found.frame
    # 2,457 in the 39 weeks of the fit and 1,882 in the 39 after them.
    assert frame["value"].iloc[-1] == 2457 + 1882
    assert frame["time_days"].iloc[-1] == 545
    assert not frame.loc[frame["time_days"] <= 272, "projected"].any()
    assert frame.loc[frame["time_days"] > 272, "projected"].all()
    # The paper: within 2 % in the calibration period, 4 % under at the end of the year and a half.
    assert frame["estimate"].iloc[-1] / 4339 == pytest.approx(0.96, abs=0.01)
    assert "foretold: 4,161 repeat purchases by day 545, 4,339 seen (-4.1%)" in found.summary()
    ax = found.plot()
    assert ax.lines[0].get_ydata()[-1] == 4339
    assert [line.get_linestyle() for line in ax.lines[:3]] == ["-", "-", "--"]
    plt.close("all")


def test_everyone_counts_from_their_own_first_day_to_their_own_last(
    cdnow: PurchaseHistories,
) -> None:
    model = repeat_purchase(cdnow)
    days = purchase_histories(made(SHOP[:3], until=[100, 80, 100]), orders=["buy"])
    found = replace(model, histories=days).tracking().frame
    assert found["time_days"].tolist() == [*range(7, 95, 7), 94]
    assert found["value"].tolist() == [0, *([1] * 4), *([2] * 9)]
    # First purchases on days 5, 30 and 60; the second is watched until day 79 only.
    ages = np.array([94, 49, 39]) / 7
    wanted = expected_new(model.model, model.at.theta, ages).sum()
    assert found["estimate"].iloc[-1] == pytest.approx(wanted)
