"""The shop's customers of the published fits, where the shared folder is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival.buying import PurchaseHistories, purchase_histories


@pytest.fixture(scope="module")
def cdnow_table(shared: Path) -> pd.DataFrame:
    """Weeks and counts as the package BTYD has them."""
    return pd.read_csv(shared / "oracles/survival/inputs/cdnow_cbs.csv")


@pytest.fixture(scope="module")
def cdnow_journeys(shared: Path) -> Journeys:
    """Every order; customers are watched until the end of June 1998."""
    log = pd.read_csv(shared / "oracles/survival/inputs/cdnow_elog.csv")
    log = log.sort_values(["sampleid", "date"], kind="stable")
    date = pd.to_datetime(log["date"].astype(str)).to_numpy().astype("datetime64[D]")
    begins = np.flatnonzero(np.diff(log["sampleid"], prepend=-1) != 0)
    window = (
        int(np.datetime64("1997-01-01").astype(int)) * DAY,
        int(np.datetime64("1998-07-01").astype(int)) * DAY,
    )
    n = len(begins)
    return Journeys(
        names=("order",),
        touchpoint=np.zeros(len(log), dtype=np.uint8),
        start=np.append(begins, len(log)),
        time=date.astype(np.int64) * DAY,
        customer_id=log["sampleid"].to_numpy()[begins],
        observed_from=np.full(n, window[0]),
        observed_to=np.full(n, window[1]),
        columns={"sales": log["sales"].to_numpy(copy=True)},
        window=window,
        clock="day",
    )


@pytest.fixture(scope="module")
def cdnow(cdnow_journeys: Journeys) -> PurchaseHistories:
    """Calibrated on 39 weeks, 39 weeks held out."""
    return purchase_histories(
        cdnow_journeys, orders=["order"], value="sales", holdout_from="1997-10-01"
    )
