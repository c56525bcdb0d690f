from __future__ import annotations

import json
import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib import pyplot as plt

from journeykit import report
from journeykit.errors import ArgumentError, GuardError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import segments
from journeykit.report.contract import CONTRACT_MIME
from journeykit.report.tables import MOST_CELLS, MOST_ROWS, cell_text


@pytest.fixture(autouse=True)
def _no_display() -> None:
    mpl.use("agg")


def bars() -> plt.Axes:
    _, ax = plt.subplots(figsize=(4, 2))
    ax.bar(["a", "b"], [1, 2])
    return ax


def test_finding() -> None:
    found = report.finding(
        "Half <leave>.",
        key="leave",
        basis="10 of 20",
        verdict="cannot tell",
        estimate=np.float64(0.5),
        conf_low=0.3,
        conf_high=float("nan"),
        n=np.int64(20),
        todo="Wait.",
    )
    bundle = found._repr_mimebundle_()
    assert bundle[CONTRACT_MIME] == {
        "kind": "finding", "text": "Half <leave>.", "key": "leave", "basis": "10 of 20",
        "verdict": "cannot tell", "estimate": 0.5, "conf_low": 0.3, "conf_high": None, "n": 20,
        "customers": None, "todo": "Wait.", "rests_on": "",
    }  # fmt: skip
    json.dumps(bundle[CONTRACT_MIME])
    assert "Half &lt;leave&gt;." in bundle["text/html"]
    with pytest.raises(ArgumentError, match="`verdict` must be one of 'clear', .*; got 'sure'"):
        report.finding("x", verdict="sure")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`text` of a finding must not be empty"):
        report.finding(" ")


@pytest.mark.parametrize(("customers", "told"), [(0, 0), (3, 10), (10, 10), (11, 11), (None, None)])
def test_so_few_customers_of_a_finding_are_no_number(customers: int, told: int) -> None:
    assert report.finding("x", customers=customers).customers == told


def test_term() -> None:
    content = report.term("Churn", "Leaving <for> good.")._repr_mimebundle_()
    assert content[CONTRACT_MIME] == {
        "kind": "term", "name": "Churn", "meaning": "Leaving <for> good.",
    }  # fmt: skip
    assert "Leaving &lt;for&gt; good." in content["text/html"]
    with pytest.raises(ArgumentError, match="A term needs a `name` and a `meaning`"):
        report.term("Churn", " ")


def test_guard() -> None:
    content = report.guard("Ties", status="warned", found="3 %")._repr_mimebundle_()[CONTRACT_MIME]
    assert content == {"kind": "guard", "name": "Ties", "status": "warned", "found": "3 %"}
    with pytest.raises(ArgumentError, match="`status` must be one of 'passed', 'warned'"):
        report.guard("Ties", status="fine", found="")  # type: ignore[arg-type]
    with pytest.raises(GuardError, match=r"^The check “Ties” failed: the sums differ\.$"):
        report.guard("Ties", status="failed", found="the sums differ")


def test_figure_is_repeatable_and_closed() -> None:
    first, second = (report.figure(bars(), alt="Bars: 1, 2", caption="b is double.") for _ in "ab")
    assert first == second
    assert plt.get_fignums() == []
    bundle = first._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<?xml")
    assert bundle["text/plain"] == "Bars: 1, 2"
    assert bundle[CONTRACT_MIME] == {
        "kind": "figure",
        "alt": "Bars: 1, 2",
        "caption": "b is double.",
    }


def test_a_heavy_figure_becomes_pixels() -> None:
    _, ax = plt.subplots()
    ax.scatter(range(20_000), range(20_000))
    bundle = report.figure(ax, alt="A line of dots", caption="Up.")._repr_mimebundle_()
    assert "image/svg+xml" not in bundle
    assert bundle["image/png"].startswith("iVBOR")


def test_a_figure_needs_words() -> None:
    ax = bars()
    with pytest.raises(ArgumentError, match="`alt` of a figure must not be empty"):
        report.figure(ax, alt="", caption="x")
    with pytest.raises(ArgumentError, match="`caption` of a figure must not be empty"):
        report.figure(ax, alt="x", caption="")
    drawing = ax.figure
    ax.remove()
    with pytest.raises(ArgumentError, match="`axes` must belong to a figure"):
        report.figure(ax, alt="x", caption="y")
    plt.close(drawing)


def test_table() -> None:
    frame = pd.DataFrame(
        {
            "path": ["a > b", None],
            "n": [12345, 2],
            "share": [0.25, math.nan],
            "at": pd.to_datetime(["2017-01-31", None]),
            "odds": [math.inf, 1.23456],
        }
    )
    made = report.table(frame, key="top-paths", caption="Paths.", labels={"at": "When"})
    assert made.labels == ("Path", "Number", "Share", "When", "Odds")
    assert made.is_number == (False, True, True, False, True)
    assert made.rows[0] == ("a > b", 12345, 0.25, "2017-01-31 00:00:00", "inf")
    assert made.rows[1] == (None, 2, None, None, 1.23456)
    assert made.cells[0] == ("a > b", "12,345", "25.0%", "2017-01-31 00:00:00", "inf")
    assert made.cells[1] == ("–", "2", "–", "–", "1.235")
    json.dumps(made._repr_mimebundle_(), allow_nan=False)


def test_long_tables_travel_up_to_a_limit() -> None:
    made = report.table(pd.DataFrame({"n": range(MOST_ROWS + 5)}), key="n", caption="N.", shown=3)
    assert (len(made.rows), len(made.cells), made.n) == (MOST_ROWS, MOST_CELLS, MOST_ROWS + 5)
    assert made.shown == 3
    assert made._repr_html_().count("<td>") == 3


def test_a_finding_says_which_signal_it_rests_on_to_programs_only() -> None:
    found = report.finding("Mail leads.", rests_on="exposure")
    bundle = found._repr_mimebundle_()
    assert bundle[CONTRACT_MIME]["rests_on"] == "exposure"
    assert "exposure" not in bundle["text/html"]
    with pytest.raises(ArgumentError, match="rests_on"):
        report.finding("Mail leads.", rests_on="exposures")  # type: ignore[arg-type]


def test_a_row_may_pool_the_rest() -> None:
    frame = pd.DataFrame({"path": ["a", "others"]})
    told = report.table(frame, key="n", caption="N.", identity=["path"], rest="others")
    assert (told.rest, report.table(frame, key="n", caption="N.").rest) == ("others", None)
    with pytest.raises(ArgumentError, match="`rest` needs `identity`"):
        report.table(frame, key="n", caption="N.", rest="others")


def test_rows_are_known_by_their_identity() -> None:
    frame = pd.DataFrame({"path": ["a", "b"], "n": [1, 2]})
    assert report.table(frame, key="n", caption="N.", identity=["path"]).identity == ("path",)
    with pytest.raises(MappingError, match="`identity` names columns that do not exist: 'pth'"):
        report.table(frame, key="n", caption="N.", identity=["pth"])


def test_comments_do_not_tell_who_wrote_them() -> None:
    said = "Call me at +49 170 1234567 or ann@example.org, 3 times broken."
    frame = pd.DataFrame({"comment": [said, None], "n": [20, 30]})
    made = report.table(frame, key="c", caption="C.", comments=["comment"])
    assert made.rows == (
        ("Call me at [phone] or [e-mail], 3 times broken.", 20), (None, 30),
    )  # fmt: skip
    assert frame["comment"][0] == said
    with pytest.raises(MappingError, match="`comments` names columns that do not exist: 'text'"):
        report.table(frame, key="c", caption="C.", comments=["text"])


def test_small_cells_are_hidden_and_said_to_be() -> None:
    frame = pd.DataFrame(
        {"path": list("abcd"), "n": [500, 300, 40, 3], "n_event": [100, 4, 20, 1], "share": 0.25}
    )
    made = report.table(
        frame, key="n", caption="Ways.", identity=["path"], counts={"n": None, "n_event": "n"}
    )
    # The 3 is small, and 40 goes with it: the sum would tell. Of those who did it, in the rows that
    # are left, the 4 is small, and 100 goes with it.
    assert made.rows == (("a", 500, None, 0.25), ("b", 300, None, 0.25))
    assert made.caption == (
        "Ways. 2 rows are left out and 2 numbers are hidden: of fewer than 10 customers, or such "
        "that they would tell of so few."
    )
    grouped = report.table(
        frame.assign(source=["x", "x", "x", "y"]), key="n", caption="Ways.",
        counts={"n": None}, within=["source"],
    )  # fmt: skip
    # The only row of y goes, and nothing of x is small.
    assert [row[0] for row in grouped.rows] == ["a", "b", "c"]
    whole = report.table(frame, key="n", caption="Ways.", counts={"n": None}, small_cell=3)
    assert (whole.rows[3], whole.caption) == (("d", 3, 1, 0.25), "Ways.")


def test_the_share_of_a_hidden_count_is_hidden_with_it() -> None:
    frame = pd.DataFrame({"group": list("abc"), "n": [50, 400, 550], "n_event": [2, 100, 110]})
    frame = frame.assign(
        estimate=frame["n_event"] / frame["n"], conf_low=[0.01, 0.21, 0.17],
        conf_high=[0.14, 0.29, 0.24], lost=(1 - frame["n_event"] / frame["n"]).round(2),
        share=frame["n"] / 1000,
    )  # fmt: skip
    made = report.table(frame, key="n", caption="Groups.", counts={"n": None, "n_event": "n"})
    # The 2 and, as the sum would tell, the 100; what each group is of all stays.
    assert made.columns == tuple(frame.columns)
    for row, of_all in zip(made.rows[:2], ((50, 0.05), (400, 0.4)), strict=True):
        assert (row[1], row[2:7], row[7]) == (of_all[0], (None,) * 5, of_all[1])
    assert made.rows[2] == ("c", 550, 110, 0.2, 0.17, 0.24, 0.8, 0.55)
    assert made.cells[0][3:5] == ("–", "–")
    assert "2 numbers are hidden with their shares: of fewer than 10 customers" in made.caption
    # Bounds around another share stay, and so does what is equal to it in one row only.
    others = frame.assign(
        share=[0.04, 0.4, 0.55], estimate=0.5, conf_low=[0.03, 0.36, 0.51],
        conf_high=[0.07, 0.44, 0.59], lost=0.1,
    )  # fmt: skip
    made = report.table(others, key="n", caption="Groups.", counts={"n": None, "n_event": "n"})
    assert made.rows[0] == ("a", 50, None, 0.5, 0.03, 0.07, 0.1, 0.04)
    assert "2 numbers are hidden: of" in made.caption


def test_segments_are_published_without_shares_of_few() -> None:
    # 400 customers of each group; who of them buys within a week of the visit.
    bought = {"x": 4, "y": 120, "z": 200}
    group = np.repeat(list(bought), 400)
    buys = np.concatenate([np.arange(400) < n for n in bought.values()])
    length = 1 + buys
    start = np.concatenate([[0], np.cumsum(length)])
    touchpoint = np.ones(start[-1], dtype=np.uint8)
    touchpoint[start[1:][buys] - 1] = 0
    time = np.zeros(start[-1], dtype=np.int64)
    time[start[1:][buys] - 1] = DAY
    journeys = Journeys(
        names=("buy", "visit"), touchpoint=touchpoint, start=start, time=time,
        observed_from=np.zeros(1200, dtype=np.int64), observed_to=np.full(1200, 30 * DAY),
        attributes=pa.table({"group": group}),
    )  # fmt: skip
    frame = segments(journeys, outcome=["buy"], attributes=["group"], horizon_days=7).frame
    columns = ["group", "n", "n_event", "estimate", "conf_low", "conf_high", "share"]
    few = frame["n_event"].between(1, 9)
    assert few.sum() == 1
    made = report.table(
        frame[columns], key="segments", caption="S.", counts={"n": None, "n_event": "n"}
    )
    hidden = [row for row in made.rows if row[2] is None]
    assert len(hidden) == 2
    assert all(row[2:6] == (None,) * 4 and row[1] and row[6] for row in hidden)


@pytest.mark.parametrize("key", ["../up", "A b", "", "a_b", "-a", "a.csv"])
def test_a_key_is_a_safe_file_name(key: str) -> None:
    with pytest.raises(ArgumentError, match="`key` must be lower-case words joined by hyphens"):
        report.table(pd.DataFrame({"n": [1]}), key=key, caption="x")


def test_shown_rows() -> None:
    with pytest.raises(ArgumentError, match="`shown` must be a whole number from 1 to 1000; got 0"):
        report.table(pd.DataFrame({"n": [1]}), key="n", caption="x", shown=0)


def test_bounds_are_shown_as_one_interval() -> None:
    frame = pd.DataFrame(
        {"share": [0.5, 0.1], "conf_low": [0.431, None], "conf_high": [0.5, None], "n": [3, 4]}
    )
    made = report.table(frame, key="k", caption="C", percent=["share", "conf_low", "conf_high"])
    assert made.columns == ("share", "conf_low", "conf_high", "n")
    assert made.labels == ("Share", "95% interval", "Number")
    assert made.cells == (("50.0%", "43.1 to 50.0%", "3"), ("10.0%", "–", "4"))
    assert made.rows[0] == (0.5, 0.431, 0.5, 3)


def test_an_empty_table() -> None:
    made = report.table(pd.DataFrame({"n": []}), key="k", caption="C")
    assert (made.cells, made.n) == ((), 0)


def test_a_wide_figure_is_drawn_narrower_so_that_phones_show_its_letters() -> None:
    _, ax = plt.subplots(figsize=(12, 4))
    svg = report.figure(ax, alt="Empty axes", caption="Nothing.").svg
    width = float(svg.partition('width="')[2].partition("pt")[0])
    assert width < 5.6 * 72


@pytest.mark.parametrize(
    ("value", "percent", "text"),
    [
        (1234567.0, False, "1,234,567"),
        (12345.6, False, "12,346"),
        (0.000123456, False, "0.0001235"),
        (-3, False, "-3"),
        (0.1234, True, "12.3%"),
        ("x", True, "x"),
        (True, False, "True"),
        (None, True, "–"),
    ],
)
def test_cells(value: object, percent: bool, text: str) -> None:
    assert cell_text(value, percent=percent) == text
