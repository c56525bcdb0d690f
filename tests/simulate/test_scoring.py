"""Scoring, on toy methods whose coverage is known: intent is standard normal in every world."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from journeykit import simulate
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MethodError
from journeykit.simulate import Coverage, World, coverage, false_findings
from journeykit.simulate.many import seed_of
from journeykit.stats import wilson_interval

WORLDS = 400
SMALL = {"customers": 40, "parts": [], "days": 60, "progress": False}
quick = partial(coverage, worlds=WORLDS, processes=1, **SMALL)


def intent(world: World) -> np.ndarray:
    return world.hidden["customers"]["intent"].to_numpy()


def means(world: World, width: float = 1.959964, shift: float = 0.0) -> pd.DataFrame:
    """The mean of intent, with its exact interval and one that is too narrow."""
    x = intent(world)
    half = np.array([width, 1.0]) / np.sqrt(len(x))
    middle = x.mean() + shift
    return pd.DataFrame(
        {
            "name": ["right", "narrow"],
            "estimate": middle,
            "conf_low": middle - half,
            "conf_high": middle + half,
            "truth": 0.0,
            "null": [0.0, np.nan],
        }
    )


def same_five_times(world: World) -> pd.DataFrame:
    return pd.concat([means(world)] * 5)


def sometimes(world: World) -> pd.DataFrame:
    """Says nothing, not all, or nothing of use, in known worlds."""
    number = SEEDS[world.seed]
    frame = means(world)
    if number % 10 == 0:
        raise DataError("nothing to count")
    if number % 10 == 1:
        return frame[frame["name"] == "right"]
    if number % 10 == 2:
        return frame.assign(conf_high=np.nan)
    if number % 10 == 3:
        return pd.concat([frame, frame.assign(truth=np.nan)])
    return frame


SEEDS = {seed_of(number, seed=0): number for number in range(WORLDS)}


def fails(world: World) -> pd.DataFrame:
    if SEEDS[world.seed] == 7:
        raise ZeroDivisionError("by nothing")
    return means(world)


def warns(world: World) -> pd.DataFrame:
    import warnings

    warnings.warn("this may mislead", JourneyKitWarning, stacklevel=1)
    return means(world)


def p_values(world: World) -> pd.DataFrame:
    x = intent(world)
    return pd.DataFrame(
        {
            "name": ["mean", "slope"],
            "p_value": [stats.ttest_1samp(x, 0).pvalue, np.nan if SEEDS[world.seed] < 3 else 0.2],
        }
    )


def flags(world: World, column: str = "app_user") -> pd.DataFrame:
    share = np.mean(world.tables["customers"][column].to_pylist())
    return pd.DataFrame({"name": ["any"], "flagged": [share > 0]})


def of(result: Coverage) -> pd.DataFrame:
    return result.frame.set_index("name")


@pytest.fixture(scope="module")
def scored() -> Coverage:
    return quick(means)


def test_coverage_is_what_is_known(scored: Coverage) -> None:
    """400 worlds of 40 customers: 95 % and, one standard error wide, 68.3 %."""
    frame = of(scored)
    for name, share in (("right", 0.95), ("narrow", 0.6827)):
        row = frame.loc[name]
        hits = round(row["coverage"] * WORLDS)
        assert stats.binomtest(hits, WORLDS, share).pvalue > 1e-3
        low, high = map(float, wilson_interval(hits, WORLDS))
        assert (row["conf_low"], row["conf_high"]) == pytest.approx((low, high))
        assert tuple(row[["n_worlds", "n_missing", "n", "n_empty"]]) == (WORLDS, 0, WORLDS, 0)
        assert row["bias_conf_low"] < 0 < row["bias_conf_high"]
        half = 1.966 * (1 / 40 / WORLDS) ** 0.5
        assert row["bias_conf_high"] - row["bias"] == pytest.approx(half, rel=0.1)
    assert frame.loc["right", "mean_width"] == pytest.approx(2 * 1.959964 / 40**0.5)
    # 0 is the truth, so what excludes the null value does not cover, and the other way round.
    assert frame.loc["right", "share_flagged"] == pytest.approx(1 - frame.loc["right", "coverage"])
    assert np.isnan(frame.loc["narrow", "share_flagged"])
    assert scored.off()["name"].tolist() == ["narrow"]


def test_it_says_so(scored: Coverage) -> None:
    frame = of(scored)
    low, high = frame["coverage"].min(), frame["coverage"].max()
    assert scored.summary() == (
        f"95% intervals of 2 estimates held the truth in {low:.1%} to {high:.1%} of 400 worlds; "
        f"narrow {low:.1%} differs"
    )
    table = scored.as_table().set_index("name")
    row = frame.loc["right"]
    assert table.loc["right", "coverage"] == (
        f"{row['coverage']:.1%} ({row['conf_low']:.1%} to {row['conf_high']:.1%})"
    )
    assert table.loc["narrow", "flagged"] == ""
    ax = scored.plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["right", "narrow"]
    assert ax.lines[0].get_xdata()[0] == 0.95
    assert ax.lines[1].get_xdata().tolist() == frame["coverage"].tolist()
    parameters = scored.provenance.parameters
    assert (parameters["method"], parameters["worlds"], scored.provenance.seed) == ("means", 400, 0)


def only_right(world: World) -> pd.DataFrame:
    return means(world).head(1)


def test_one_estimate_is_told_with_its_interval() -> None:
    one = quick(only_right, worlds=30)
    row = one.frame.iloc[0]
    assert one.summary() == (
        f"95% intervals of right held the truth in {row['coverage']:.1%} "
        f"({row['conf_low']:.1%} to {row['conf_high']:.1%}) of 30 worlds"
    )
    assert repr(one) == f"<Coverage: {one.summary()}>"


def test_bias_is_found() -> None:
    frame = of(quick(partial(means, shift=0.1), worlds=100))
    assert frame.loc["right", "bias"] == pytest.approx(0.1, abs=4 * (1 / 40 / 100) ** 0.5)
    assert frame.loc["right", "estimate"] == frame.loc["right", "bias"]


def test_rows_of_one_world_count_once() -> None:
    """Five equal rows: the same shares, and no narrower an interval."""
    once, five = of(quick(means, worlds=150)), of(quick(same_five_times, worlds=150))
    assert five["n"].tolist() == [750] * 2
    assert five["n_worlds"].tolist() == [150] * 2
    assert five["coverage"].tolist() == pytest.approx(once["coverage"].tolist())
    bounds = ["bias_conf_low", "bias_conf_high"]
    assert five[bounds].to_numpy() == pytest.approx(once[bounds].to_numpy())
    # Wilson's at an effective n whose variance was estimated is a little wider, never narrower.
    width = five["conf_high"] - five["conf_low"]
    plain = once["conf_high"] - once["conf_low"]
    assert (width / plain).between(1 - 1e-9, 1.5).all()


def test_what_is_missing_is_counted() -> None:
    result = quick(sometimes, worlds=100)
    frame = of(result)
    assert frame.loc["right", ["n_worlds", "n_missing", "n", "n_empty"]].tolist() == [
        80, 20, 80, 20
    ]  # fmt: skip
    assert frame.loc["narrow", ["n_worlds", "n_missing", "n", "n_empty"]].tolist() == [
        70, 30, 70, 20
    ]  # fmt: skip
    assert result.reasons == {"DataError: nothing to count": 10}
    table = result.as_table()[["worlds", "missing", "empty rows"]]
    assert table.to_numpy().tolist() == [["80", "20", "20"], ["70", "30", "20"]]
    assert result.summary().endswith("; 30 worlds told nothing for narrow")


def test_no_number_depends_on_the_processes() -> None:
    one, two = (coverage(means, worlds=60, processes=n, **SMALL) for n in (1, 2))
    pd.testing.assert_frame_equal(two.frame, one.frame, check_exact=True)
    other = quick(means, worlds=60, seed=1)
    assert other.frame["estimate"].tolist() != one.frame["estimate"].tolist()


def test_the_first_worlds_are_those_of_a_longer_run() -> None:
    seen = [means(simulate.world(customers=40, seed=seed, parts=[], days=60)) for seed in SEEDS]
    few = quick(means, worlds=20)
    expected = np.mean([frame["estimate"].iloc[0] for frame in seen[:20]])
    assert of(few).loc["right", "estimate"] == pytest.approx(expected)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_method_that_fails_tells_its_world(processes: int) -> None:
    with pytest.raises(MethodError) as caught:
        coverage(
            fails, worlds=WORLDS, processes=processes, settings={"calendar.season": 0}, **SMALL
        )
    seed = seed_of(7, seed=0)
    assert str(caught.value) == (
        "The method fails failed in world 7: ZeroDivisionError: by nothing. The world is "
        f"world(customers=40, seed={seed}, settings={{'calendar.season': 0}}, parts=(), days=60)."
    )


def test_a_method_s_warnings_are_not_shown() -> None:
    assert len(quick(warns, worlds=3).frame) == 2


def test_arguments_are_checked() -> None:
    cases = [
        (lambda: quick(lambda world: None, worlds=2), "must return a pandas.DataFrame; got NoneT"),
        (
            lambda: quick(lambda world: means(world).drop(columns="truth"), worlds=2),
            "must return a column `truth`; got name, estimate, conf_low, conf_high, null.",
        ),
        (
            lambda: false_findings(lambda world: pd.DataFrame({"name": ["x"]}), worlds=2, **SMALL,
                                   processes=1),
            "must return a column `flagged` or `p_value`; got name.",
        ),
        (lambda: quick(means, worlds=0), "`worlds` must be a whole number at least 1; got 0."),
        (lambda: quick(means, processes=0), "`processes` must be a whole number at least 1; got 0"),
        (lambda: quick(means, nominal=1), "`nominal` must lie strictly between 0 and 1; got 1."),
        (
            lambda: quick(means, settings={"calendar.seasons": 1}),
            "The world has no parameter 'calendar.seasons'. Did you mean 'season'?",
        ),
        (
            lambda: coverage(partial(lambda world: None), worlds=9, processes=2, **SMALL),
            "cannot be sent to other processes: ",
        ),
    ]  # fmt: skip
    for call, message in cases:
        with pytest.raises(ArgumentError) as caught:
            call()
        assert message in str(caught.value)


def test_worlds_that_all_say_nothing_are_an_error() -> None:
    def nothing(world: World) -> pd.DataFrame:
        raise DataError("no journeys")

    with pytest.raises(DataError) as caught:
        quick(nothing, worlds=3)
    assert str(caught.value).endswith(
        "nothing gave no row in any of 3 worlds. It said: DataError: no journeys"
    )


PROMPT = """
import pandas as pd
from journeykit.simulate import coverage
def method(world):
    one = {"name": ["x"], "estimate": 1.0, "conf_low": 0.0, "conf_high": 2.0, "truth": 1.0}
    return pd.DataFrame(one)
coverage(method, worlds=6, customers=5, parts=[], days=60, processes=2)
"""


def test_a_method_of_a_notebook_or_an_unguarded_script_is_told_how(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROMPT], capture_output=True, text=True, check=False
    )
    assert (
        "The method method is defined in a notebook or at a prompt, where other processes cannot "
        "find it. Put it into a module and import it, or use `processes=1`." in done.stderr
    )
    script = tmp_path / "script.py"
    script.write_text(PROMPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert "MethodError: A worker process died." in done.stderr
    assert "under `if __name__ == '__main__':`" in done.stderr


def test_the_bar_is_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    quick(means, worlds=3, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Worlds" in shown.err


def test_false_findings_are_counted() -> None:
    found = false_findings(p_values, worlds=WORLDS, processes=1, **SMALL)
    frame = found.frame.set_index("name")
    n = int(frame.loc["mean", "n_flagged"])
    assert stats.binomtest(n, WORLDS, 0.05).pvalue > 1e-3
    assert frame.loc["mean", "share"] == n / WORLDS
    low, high = map(float, wilson_interval(n, WORLDS))
    assert tuple(frame.loc["mean", ["conf_low", "conf_high"]]) == pytest.approx((low, high))
    assert frame.loc["slope", ["n_worlds", "n_missing", "n", "n_empty", "n_flagged"]].tolist() == [
        WORLDS - 3, 3, WORLDS - 3, 3, 0
    ]  # fmt: skip
    assert found.summary().startswith(f"flagged mean in {n / WORLDS:.1%} (")
    assert found.summary().endswith("of 400 worlds; 3 worlds told nothing for slope")
    # At half the level, the p-values below it.
    strict = false_findings(p_values, worlds=100, processes=1, alpha=1e-6, **SMALL)
    assert strict.frame["n_flagged"].iloc[0] == 0
    assert strict.plot().lines[0].get_xdata()[0] == 1e-6
    assert strict.as_table()["flagged"].iloc[1].startswith("0.0% (0.0% to ")


def test_power_and_false_findings_are_one_call_apart() -> None:
    few = {**SMALL, "customers": 20}
    power = false_findings(flags, worlds=50, processes=1, **few)
    null = false_findings(flags, null=["population.app_user"], worlds=50, processes=1, **few)
    assert (power.frame["share"].tolist(), null.frame["share"].tolist()) == ([1.0], [0.0])
    assert null.summary() == (
        "flagged any in 0.0% (0.0% to 7.1%) of 50 worlds where population.app_user is zero"
    )
    assert null.provenance.parameters["settings"] == {"population.app_user": 0}
    with pytest.raises(ArgumentError, match="The world has no parameter 'population.app'"):
        false_findings(flags, null=["population.app"], worlds=2, processes=1, **few)
