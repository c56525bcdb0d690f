"""States against the values of R's survival and the rows of its tmerge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival.states import Multistate, multistate, multistate_from_frame

if TYPE_CHECKING:
    from pathlib import Path

MONTHS = [12, 60, 120, 180, 240, 300]
SPAN = 500 * DAY
HEALTHY = "(s0)"


def oracle(shared: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(shared / "oracles/survival/expected.csv", dtype={"at": str})
    return table[table["oracle"] == name]


def competing(shared: Path) -> Multistate:
    frame = pd.read_csv(shared / "oracles/survival/inputs/mgus2_competing.csv")
    frame["target"] = frame["ev"].map({1: "pcm", 2: "death"})
    return multistate_from_frame(
        frame.assign(start=0, source=HEALTHY), customer_id="id", stop="etime", groups=["sex"]
    )


def expected_rows(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles/survival/inputs/mgus2_multistate_expected.csv")


def three_states(shared: Path) -> Multistate:
    rows = expected_rows(shared)
    again = rows["id"].eq(rows["id"].shift())
    rows["source"] = rows["st"].shift().where(again, HEALTHY)
    rows["target"] = rows["st"].where(rows["st"] != "censor")
    return multistate_from_frame(rows, customer_id="id", start="tstart", stop="tstop")


def as_journeys(shared: Path) -> Journeys:
    """Lay the table out as a log; who is followed until a time is watched just beyond it."""
    table = pd.read_csv(shared / "oracles/survival/inputs/mgus2.csv").sort_values("id")
    log = pd.concat(
        [
            pd.DataFrame({"id": table["id"], "day": 0.0, "touchpoint": 0}),
            pd.DataFrame({"id": table["id"], "day": table["ptime"], "touchpoint": 1})[
                table["pstat"] == 1
            ],
            pd.DataFrame({"id": table["id"], "day": table["futime"], "touchpoint": 2})[
                table["death"] == 1
            ],
        ]
    ).sort_values(["id", "day"], kind="stable")
    counts = log.groupby("id").size().to_numpy()
    return Journeys(
        names=("start", "ill", "dead"),
        touchpoint=log["touchpoint"].to_numpy(dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(counts)]),
        time=np.rint(log["day"].to_numpy() * DAY).astype(np.int64),
        observed_from=np.zeros(len(table), dtype=np.int64),
        observed_to=np.rint(table["futime"].to_numpy() * DAY).astype(np.int64) + 1,
        window=(0, SPAN),
    )


def test_competing_exits_equal_survfit(shared: Path) -> None:
    data, checked = competing(shared), 0
    for name, by in (("aj_mgus2", None), ("aj_mgus2_sex", "sex")):
        at = data.occupancy(by=by, times_days=MONTHS).frame
        at = at.set_index(["group", "state", "time_days"])
        for row in oracle(shared, name).itertuples():
            if str(row.quantity).startswith("rmean"):
                continue
            kind, _, state = str(row.quantity).partition("_")
            group, _, month = str(row.at).rpartition("@")
            key = (group.removeprefix("sex=") or "all", state, float(month))
            value = at.loc[key, {"cif": "estimate", "se": "std_error"}[kind]]
            assert value == pytest.approx(row.value, rel=row.rtol), (key, kind)
            checked += 1
    assert checked == 24 + 48


def test_days_in_states_equal_survfit(shared: Path) -> None:
    wanted = pd.concat(
        [
            table[table["quantity"].str.startswith(what)].assign(three=three)
            for name, what, three in (
                ("aj_mgus2", "rmean_240", False),
                ("ms_mgus2_occupancy", "sojourn_240", True),
            )
            for table in [oracle(shared, name)]
        ]
    )
    assert len(wanted) == 6
    for row in wanted.itertuples():
        data = three_states(shared) if row.three else competing(shared)
        days = data.time_in_states(until_days=240).frame.set_index("state")["estimate"]
        assert days[row.at] == pytest.approx(row.value, rel=row.rtol)
        assert days.sum() == pytest.approx(240, abs=1e-9)


def test_three_states_equal_survfit(shared: Path) -> None:
    data, checked = three_states(shared), 0
    at = data.occupancy(times_days=MONTHS).frame.set_index(["state", "time_days"])
    n = data.transitions().frame.set_index(["source", "target"])["n"]
    for row in oracle(shared, "ms_mgus2_occupancy").itertuples():
        kind, _, state = str(row.quantity).partition("_")
        if kind in ("P", "se"):
            value = at.loc[(state, float(str(row.at))), "estimate" if kind == "P" else "std_error"]
            assert value == pytest.approx(row.value, rel=row.rtol, abs=1e-12)
            checked += 1
        if kind == "transitions":
            left = state.removeprefix("from_")
            spells = data.frame[data.frame["source"] == left]
            stayed = {"(censored)": int(spells["target"].isna().sum()), left: 0}
            if left == "death":
                assert spells.empty
                assert row.value == 0
                continue
            assert stayed.get(str(row.at), n.get((left, row.at))) == row.value
            checked += 1
    assert checked == 36 + 6


def test_builder_equals_tmerge_row_by_row(shared: Path) -> None:
    data = multistate(
        as_journeys(shared),
        states={"ill": "pcm", "dead": "death"},
        start_state=HEALTHY,
        absorbing=["death"],
    )
    # Ill and dead within one month: there is no stretch of illness to be under risk in.
    assert data.n_instant == 9
    found = data.frame
    wanted = expected_rows(shared).sort_values(["id", "tstart"], ignore_index=True)
    assert len(found) == len(wanted) == 1490
    ends = np.rint(found["stop_days"] * DAY) + found["target"].isna()
    assert found["start_days"].to_numpy() == pytest.approx(wanted["tstart"], abs=1e-9)
    assert ends.to_numpy() / DAY == pytest.approx(wanted["tstop"], abs=1e-9)
    assert found["target"].astype(object).fillna("censor").tolist() == wanted["st"].tolist()
    number = found.groupby("customer_id").cumcount() + 1
    assert number.tolist() == wanted["enum"].tolist()
    identity = sorted(wanted["id"].unique())
    assert (pd.factorize(found["customer_id"])[0] == np.searchsorted(identity, wanted["id"])).all()
