from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import statsmodels.formula.api as smf

from journeykit.errors import DataError, NotObservedError
from journeykit.plan import Plan, deviation_costs, deviations
from journeykit.simulate import world
from tests.plan.worlds import PURCHASE, lived, timed

AB = Plan(name="p", steps=["a", "b"], pause_days=1)


def _case(minutes: float, *, extra: bool = False, day: int = 0) -> list[tuple[str, float]]:
    at = day * 5 * 1440.0
    return [("a", at), *([("x", at + minutes / 2)] if extra else []), ("b", at + minutes)]


def test_minutes_by_hand() -> None:
    made = timed(*(_case(m) for m in (2, 4, 6)), *(_case(m, extra=True) for m in (10, 12)))
    found = deviation_costs(made, AB, small_cell=1)
    row = found.frame.iloc[0]
    assert found.as_planned == pytest.approx(4)
    assert row[["type", "step", "n_event", "verdict"]].tolist() == ["extra", "x", 2, "cannot tell"]
    assert row["estimate"] == pytest.approx(7)
    assert (
        "1 deviations of 5 closed cases: 0 go with more minutes; as planned, a case has 4"
        in repr(found)
    )


def test_it_is_least_squares_with_errors_by_customer() -> None:
    draw = np.random.default_rng(1)
    customers = [
        [
            event for day in range(1 + draw.integers(3))
            for event in _case(5 + draw.exponential(3), extra=draw.random() < 0.4, day=day)
        ]
        for _ in range(80)
    ]  # fmt: skip
    made = timed(*customers)
    table = deviations(made, AB, small_cell=1).cases
    fit = smf.ols("minutes ~ extra", table).fit(
        cov_type="cluster", cov_kwds={"groups": table["customer_id"].astype("category").cat.codes}
    )
    row = deviation_costs(made, AB).frame.iloc[0]
    assert row["estimate"] == pytest.approx(fit.params["extra"])
    assert row["std_error"] == pytest.approx(fit.bse["extra"])


def test_minutes_run_to_what_is_reached() -> None:
    plan = Plan(name="p", steps=["a", "b", "c"], reaches="b", pause_days=1)
    made = timed(*[[("a", 0), ("b", 3), ("c", 60)]] * 4)
    assert deviations(made, plan).cases["minutes"].tolist() == [3.0] * 4
    late = Plan(name="p", steps=["a", "b", "c"], pause_days=1)
    assert deviations(made, late).cases["minutes"].tolist() == [60.0] * 4


def test_deviations_that_always_come_together_are_not_told_apart() -> None:
    both = [("x", 0), ("b", 9)]
    made = timed(*(_case(m) for m in range(1, 13)), *[both] * 12)
    frame = deviation_costs(made, AB).frame
    assert frame[["type", "step", "verdict"]].to_numpy().tolist() == [
        ["extra", "x", "not told apart"],
        ["missing", "a", "not told apart"],
    ]
    assert frame["estimate"].isna().all()


def test_few_customers_tell_nothing() -> None:
    made = timed(*(_case(m) for m in range(1, 13)), _case(4, extra=True))
    row = deviation_costs(made, AB).frame.iloc[0]
    assert row["verdict"] == "too few"
    assert row[["n_event", "n_customers", "estimate"]].isna().all()
    with pytest.raises(DataError, match="1 deviations cannot be told apart by 2 customers"):
        deviation_costs(timed(_case(4), _case(5, extra=True)), AB)


def test_minutes_need_times() -> None:
    made = lived("ab", "axb", "ab", "axb", "ab")
    with pytest.raises(NotObservedError, match="Minutes need times, and these journeys have none"):
        deviation_costs(made, Plan(name="p", steps=["a", "b"]))


def test_a_column_of_costs() -> None:
    made = lived("ab", "axb", "ab", "axb").replace(
        columns={"cost": np.array([1, np.nan, 2, 5, 1, 1.0, np.nan, 2, 6, np.nan])}
    )
    found = deviation_costs(made, Plan(name="p", steps=["a", "b"]), value="cost", small_cell=1)
    assert found.as_planned == pytest.approx(1.0)
    assert found.frame["estimate"].tolist() == pytest.approx([7.0])
    ax = found.plot()
    plt.close(ax.figure)
    assert ax.get_xlabel() == "cost that it adds to a case"


def test_what_was_planted_is_found() -> None:
    made = world(customers=4000, seed=3, parts=("channels", "stages", "orders", "purchases"))
    truth = made.truth["purchases"].model_dump()
    journeys = made.journeys()
    with_cost = journeys.replace(
        columns={**journeys.columns, "cost": made.events["cost"].to_numpy()}
    )
    minutes = deviation_costs(with_cost, PURCHASE, case="session").frame.set_index("type")
    cents = deviation_costs(with_cost, PURCHASE, case="session", value="cost").frame
    for kind, planted in truth["minutes"].items():
        row = minutes.loc[kind]
        assert row["estimate"] - 3.5 * row["std_error"] < planted
        assert planted < row["estimate"] + 3.5 * row["std_error"]
        assert row["verdict"] == ("cannot tell" if planted == 0 else "more")
    assert (
        dict(zip(cents["type"], cents["estimate"].round(6), strict=True)) == truth["handling_cost"]
    )
    total = (cents["estimate"] * cents["n_event"]).sum()
    assert total == pytest.approx(sum(truth["cost"].values()))
