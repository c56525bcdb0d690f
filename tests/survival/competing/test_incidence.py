from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.survival import Lifetimes, kaplan_meier, lifetimes_from_frame
from journeykit.survival.competing import cumulative_incidence

MONTHS = [12, 60, 120, 180, 240, 300]


def lives(
    time: Sequence[int],
    cause: Sequence[str | None],
    start: Sequence[int] | None = None,
    **more: Sequence[object],
) -> Lifetimes:
    frame = pd.DataFrame({"start": start or [0] * len(time), "time": time, "to": cause, **more})
    frame["status"] = frame["to"].notna()
    return lifetimes_from_frame(frame, start="start", cause="to", groups=list(more))


def test_worked_by_hand_with_ties_and_late_entry() -> None:
    # At 2 an end of each kind and a censoring tie; the last one is under risk from just after 2.
    found = cumulative_incidence(
        lives([1, 2, 2, 2, 4, 5], ["a", "a", "b", None, "b", None], [0, 0, 0, 0, 0, 2]),
        small_cell=1,
    )
    a, b = found.of("all", "a"), found.of("all", "b")
    assert a["time_days"].tolist() == [1, 2, 4, 5]
    assert a["n_at_risk"].tolist() == [5, 4, 2, 1]
    assert a["n_event"].tolist() == [1, 1, 0, 0]
    assert b["n_event"].tolist() == [0, 1, 1, 0]
    assert b["n_censored"].tolist() == [0, 1, 0, 1]
    steps = [1 / 5, 1 / 5 + 4 / 5 * 1 / 4, 2 / 5, 2 / 5]
    assert a["estimate"].tolist() == pytest.approx(steps, abs=1e-15)
    assert b["estimate"].tolist() == pytest.approx([0, 1 / 5, 2 / 5, 2 / 5], abs=1e-15)
    assert a["surviving"].tolist() == pytest.approx([4 / 5, 2 / 5, 1 / 5, 1 / 5], abs=1e-15)


def test_reading_the_curves_and_not_beyond_them() -> None:
    found = cumulative_incidence(lives([1, 2, 3, 3], ["a", "b", None, None]), small_cell=1)
    at = found.at([0, 1.5, 3, 3.1]).frame
    a = at[at["cause"] == "a"]
    assert a["estimate"].tolist() == pytest.approx([0, 0.25, 0.25, np.nan], nan_ok=True)
    assert a["surviving"].tolist() == pytest.approx([1, 0.75, 0.5, np.nan], nan_ok=True)
    assert a["n_at_risk"].tolist() == [4, 3, 2, 0]
    assert found.summary() == "by day 3 a 25.0%, b 25.0%, still there 50.0%"


def test_before_anyone_has_gone_the_upper_bound_is_that_of_none_seen() -> None:
    data = lives([20] * 6 + [30] * 6, ["a", "b", "a", None, None, None] * 2)
    at = cumulative_incidence(data, small_cell=1).at([0, 10]).frame
    assert at["estimate"].tolist() == [0, 0, 0, 0]
    # Wilson's of 0 among 12: z^2 / (12 + z^2).
    assert at["conf_high"].tolist() == pytest.approx([0, 0.24249, 0, 0.24249], abs=1e-4)


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(1, 6), st.sampled_from(["a", "b", "c", None])),
        min_size=2,
        max_size=40,
    ).filter(lambda rows: any(row[2] for row in rows)),
    st.randoms(use_true_random=False),
)
@pytest.mark.filterwarnings("ignore::journeykit.errors.JourneyKitWarning")
def test_laws(rows: list[tuple[int, int, str | None]], random: object) -> None:
    start = [row[0] for row in rows]
    stop = [row[0] + row[1] for row in rows]
    cause = [row[2] for row in rows]
    found = cumulative_incidence(lives(stop, cause, start), small_cell=1)
    frame = found.frame
    total = frame.groupby("time_days")["estimate"].sum()
    left = frame.groupby("time_days")["surviving"].first()
    assert np.abs(total + left - 1).max() <= 1e-12
    # Survival is Kaplan and Meier's of leaving at all.
    curve = kaplan_meier(lives(stop, cause, start), small_cell=1).frame
    assert left.to_numpy() == pytest.approx(curve["estimate"].to_numpy(), abs=1e-12)
    # The order of rows does not matter; the unit of time only scales time.
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = cumulative_incidence(
        lives(
            [7 * stop[i] for i in order], [cause[i] for i in order], [7 * start[i] for i in order]
        ),
        small_cell=1,
    ).frame
    assert again["estimate"].to_numpy() == pytest.approx(frame["estimate"].to_numpy(), abs=1e-12)
    assert again["time_days"].to_numpy() == pytest.approx(7 * frame["time_days"].to_numpy())
    # An interval cut in two is the same customer.
    cut = pd.DataFrame({"who": order, "start": start, "time": stop, "to": cause})
    longer = cut[cut["time"] - cut["start"] > 1]
    halves = pd.concat(
        [
            cut.drop(longer.index),
            longer.assign(time=longer["start"] + 1, to=None),
            longer.assign(start=longer["start"] + 1),
        ]
    )
    halves["status"] = halves["to"].notna()
    split = cumulative_incidence(
        lifetimes_from_frame(halves, customer_id="who", start="start", cause="to"), small_cell=1
    ).frame.set_index(["cause", "time_days"])
    whole = frame.set_index(["cause", "time_days"])
    same = split.loc[whole.index]
    for name in ("estimate", "std_error", "n_at_risk"):
        assert same[name].to_numpy() == pytest.approx(whole[name].to_numpy(), abs=1e-12)


def test_without_censoring_it_is_a_share_with_wilsons_interval() -> None:
    found = cumulative_incidence(lives([1] * 20, ["a"] * 6 + ["b"] * 14), small_cell=1)
    row = found.of("all", "a").iloc[0]
    assert row["estimate"] == pytest.approx(0.3)
    assert row["std_error"] == pytest.approx(np.sqrt(0.3 * 0.7 / 20))
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((0.1454773, 0.5189728), abs=1e-6)


def test_the_horizon_censors_and_groups_of_few_are_not_shown() -> None:
    data = lives([1, 2, 3, 4, 1], ["a", "b", "a", "b", "b"], kind=["x", "x", "x", "x", "y"])
    found = cumulative_incidence(data, by="kind", horizon_days=3, small_cell=2)
    assert found.suppressed == ("y",)
    # Two came to (a), one to (b): one is few, so both are pooled.
    assert found.causes == ("(other)",)
    assert found.merged == ("a", "b")
    assert found.frame["time_days"].tolist() == [1, 2, 3]
    assert found.frame["n_censored"].tolist() == [0, 0, 1]


def test_rare_ends_are_pooled_until_nothing_can_be_subtracted() -> None:
    cause = ["a"] * 30 + ["b"] * 12 + ["c"] * 3 + ["d"] * 15
    found = cumulative_incidence(lives([5] * 60, cause))
    # c alone would be (all who left) less the others, so the rarest of the others joins it.
    assert found.causes == ("a", "d", "(other)")
    assert found.merged == ("b", "c")
    last = found.frame.set_index("cause")["n_event"]
    assert last.to_dict() == {"a": 30, "d": 15, "(other)": 15}
    assert "2 rare ends pooled" in found.summary()


def test_messages() -> None:
    with pytest.raises(ArgumentError, match="do not say which end each event was"):
        cumulative_incidence(lifetimes_from_frame(pd.DataFrame({"time": [1], "status": [1]})))
    with pytest.raises(ArgumentError, match="No group has 10 customers or more"):
        cumulative_incidence(lives([1, 2], ["a", None]))
    with pytest.raises(ArgumentError, match="Nobody comes to any end"):
        cumulative_incidence(lives([1, 2], ["a", None]), small_cell=1, horizon_days=0.5)
    with pytest.raises(ArgumentError, match="after the first entry; nobody is under risk by day 1"):
        cumulative_incidence(lives([3], ["a"], [2]), small_cell=1, horizon_days=1)
    twice = pd.DataFrame(
        {"who": [1, 1], "start": [0, 1], "time": [1, 2], "status": [1, 1], "to": ["a", "b"]}
    )
    with pytest.raises(DataError, match="1 of 1 end more than once"):
        cumulative_incidence(
            lifetimes_from_frame(twice, customer_id="who", start="start", cause="to")
        )
    with pytest.warns(JourneyKitWarning, match="drops to 0 at day 1, where all 1 under risk"):
        cumulative_incidence(lives([1, 3, 4], ["a", "b", None], [0, 2, 2]), small_cell=1)


def test_pictures() -> None:
    cause = ["a $"] * 30 + ["b"] * 12
    data = lives(list(range(1, 43)), cause, kind=["x", "y"] * 21)
    stacked = cumulative_incidence(data).plot()
    assert stacked.get_ylim() == (0, 1)
    texts = [text.get_text() for text in stacked.get_legend().get_texts()]  # type: ignore[union-attr]
    assert texts == [r"a \$", "b", "still there"]
    curves = cumulative_incidence(data, by="kind", small_cell=5)
    assert len(curves.plot().lines) == 4
    assert curves.plot(group="x").get_title(loc="left") == "x"


# ---------------------------------------------------------------- values computed with R


def oracle(shared: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(shared / "oracles/survival/expected.csv", dtype={"at": str})
    return table[table["oracle"] == name]


def gammopathy(shared: Path) -> Lifetimes:
    frame = pd.read_csv(shared / "oracles/survival/inputs/mgus2_competing.csv")
    frame["to"] = frame["ev"].map({1: "pcm", 2: "death"})
    frame["status"] = frame["ev"] > 0
    return lifetimes_from_frame(frame, stop="etime", cause="to", groups=["sex"])


def test_equal_to_survfit_with_its_standard_errors(shared: Path) -> None:
    data = gammopathy(shared)
    checked = 0
    for name, by in (("aj_mgus2", None), ("aj_mgus2_sex", "sex")):
        at = cumulative_incidence(data, by=by).at(MONTHS).frame
        at = at.set_index(["group", "cause", "time_days"])
        for row in oracle(shared, name).itertuples():
            if row.quantity.startswith("rmean"):
                continue
            what, cause = row.quantity.split("_")
            group, _, day = row.at.rpartition("@")
            key = (group.removeprefix("sex=") or "all", cause, float(day))
            column = {"cif": "estimate", "se": "std_error"}[what]
            assert at.loc[key, column] == pytest.approx(row.value, rel=row.rtol), row
            checked += 1
    assert checked == 72


def test_equal_to_cmprsk_whose_variance_is_larger(shared: Path) -> None:
    at = cumulative_incidence(gammopathy(shared), by="sex").at(MONTHS).frame
    at = at.set_index(["group", "cause", "time_days"])
    checked = 0
    for row in oracle(shared, "cuminc_mgus2_male").itertuples():
        what, _, names = row.quantity.partition("_")
        male, cause = names.split()
        key = ("FM"[int(male)], {"1": "pcm", "2": "death"}[cause], float(row.at))
        if what == "est":
            assert at.loc[key, "estimate"] == pytest.approx(row.value, rel=row.rtol)
        else:
            assert 0.95 < at.loc[key, "std_error"] ** 2 / row.value < 1
        checked += 1
    assert checked == 48


def test_one_minus_kaplan_meier_says_too_much(shared: Path) -> None:
    data = gammopathy(shared)
    frame = data.frame.assign(
        time=data.frame["exit_days"], status=(data.frame["cause"] == "pcm").fillna(False)
    )
    naive = kaplan_meier(lifetimes_from_frame(frame)).survival_at(MONTHS).frame
    wrong = oracle(shared, "naive_1minusKM_mgus2_pcm")
    assert (1 - naive["estimate"]).tolist() == pytest.approx(wrong["value"].tolist(), rel=1e-6)
    right = cumulative_incidence(data).at(MONTHS).frame
    right = right[right["cause"] == "pcm"]["estimate"]
    assert right.iloc[-1] == pytest.approx(0.1091517, abs=1e-6)
    assert (1 - naive["estimate"]).iloc[-1] == pytest.approx(0.2605046, abs=1e-6)
