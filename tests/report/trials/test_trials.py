"""What may be asked for, which worlds there are, and how the page tells of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from journeykit.errors import DataError, ParameterError
from journeykit.report import finding, make
from journeykit.report.execution.execute import nbformat
from journeykit.report.jobs import Job, job_from, plan
from journeykit.report.pages.page import read_page
from journeykit.report.trials import replicates
from journeykit.report.trials.replicates import tried
from journeykit.report.trials.section import with_trials
from journeykit.report.trials.trial import Trial, trial_from, trial_of
from journeykit.report.trials.worlds import (
    World,
    check_trial,
    exposures_of,
    seed_of,
    worlds_of,
)
from journeykit.study import load_study
from tests.report.conftest import code, markdown, notebook, shown

STUDY = """\
name: made
events: {source: e.csv, customer: c, time: t, touchpoint: p, attributes: [kind, until]}
churn: {rule: contract_end, attribute: until}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))
    rows = [
        f"{c},2026-01-0{day},{p},{'ab'[c % 2]},2026-03-0{1 + c % 9}\n"
        for c in range(30)
        for day, p in ((1, "visit"), (2 + c % 5, "mail"), (7, "buy"))[: 2 + c % 2]
    ]
    (tmp_path / "e.csv").write_text("c,t,p,kind,until\n" + "".join(rows))
    (tmp_path / "study.yaml").write_text(STUDY + "outcome: {conversions: [buy]}\n")
    (tmp_path / "cat.csv").write_text("touchpoint,initiator\nmail,firm\nvisit,customer\n")
    return tmp_path


def test_options_make_a_trial() -> None:
    none = {"null": None, "recovery": False, "replicates": None, "seed": None}
    assert trial_of(**none) is None
    assert trial_of(**{**none, "null": "exposure"}) == Trial("exposure", False, 20, 0)
    assert trial_of(**{**none, "recovery": True, "replicates": 5, "seed": 3}) == Trial(
        "", True, 5, 3
    )
    for name in ("replicates", "seed"):
        with pytest.raises(ParameterError, match=rf"`--{name}` needs `--null WHAT` or"):
            trial_of(**{**none, name: 5})
    with pytest.raises(ParameterError, match="must say what is to tell nothing; got empty"):
        trial_of(**{**none, "null": ""})
    trial = Trial("exposure", True, 5, 3)
    assert trial_from(json.loads(json.dumps(trial.to_json()))) == trial
    assert trial_from(None) is None


def test_what_a_study_cannot_be_tried_on_is_said_first(folder: Path) -> None:
    study = load_study(folder)
    with pytest.raises(ParameterError, match=r"must be one of exposure, attributes; got 'expos"):
        check_trial(study, Trial("exposur"))
    with pytest.raises(ParameterError, match="Did you mean 'exposure'"):
        plan(study, ["paths"], {}, trial=Trial("exposur"))
    (folder / "study.yaml").write_text(STUDY)
    with pytest.raises(ParameterError, match=r"needs to know what counts as success; add `out"):
        check_trial(load_study(folder), Trial("exposure"))
    (folder / "study.yaml").write_text(STUDY.replace("kind, ", ""))
    study = load_study(folder)
    with pytest.raises(ParameterError, match="needs attributes of customers, and the study has"):
        worlds_of(study, study.journeys(), Trial("attributes"))


def test_exposures_are_the_firms_or_all_that_is_no_success(folder: Path) -> None:
    names = ("buy", "mail", "visit")
    assert exposures_of(load_study(folder), names) == ["mail", "visit"]
    study = load_study(folder)
    (null,) = worlds_of(study, study.journeys(), Trial("exposure"))
    assert "(all 2 kinds in the data, as the catalogue names none of the firm's" in null.words
    assert "what customers do by themselves," not in null.words
    catalogued = (folder / "study.yaml").read_text() + "catalogue: cat.csv\n"
    (folder / "study.yaml").write_text(catalogued)
    assert exposures_of(load_study(folder), names) == ["mail"]
    study = load_study(folder)
    (null,) = worlds_of(study, study.journeys(), Trial("exposure"))
    assert "the firm's touches (1 of the 2 kinds of touch in the data, by the cat" in null.words
    assert "may still tell something: what customers do by themselves, the season" in null.words
    assert null.exchanged is not None
    # All 30 enter in one week with a visit, and are at risk when the first 15 buy on day 7 at once.
    assert null.exchanged() == {"touchpoints": ["mail"], "n_at_risk": 30}
    assert exposures_of(load_study(folder), ("buy", "visit")) == ["visit"]


def test_worlds_differ_by_number_kind_and_seed(folder: Path) -> None:
    study = load_study(folder)
    journeys = study.journeys()
    (null,) = worlds_of(study, journeys, Trial("attributes", False, 2, 7))
    assert (null.kind, null.truth) == ("null", None)
    # When contracts ended is no attribute to be dealt out.
    assert null.replicate(0).attributes["until"].equals(journeys.attributes["until"])
    assert null.replicate(0).fingerprint == null.replicate(0).fingerprint
    assert null.replicate(0).fingerprint != null.replicate(1).fingerprint
    trial = Trial("exposure", True, 2, 7)
    null, recovery = worlds_of(study, journeys, trial)
    assert null.replicate(0).n_events == journeys.n_events
    assert recovery.truth is not None
    assert recovery.truth() is journeys
    assert recovery.replicate(1).n_customers == 30
    seeds = {seed_of(Trial(seed=seed), n, what) for seed in (0, 1) for n in (0, 1) for what in "ab"}
    assert len(seeds) == 8


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str]]:
    """Reports that are not run: every third one of a world fails."""
    seen = list[tuple[Path, str]]()

    def make_all(jobs: Any, *, out: Path, slots: int, advance: Any, options: Any) -> list[Any]:
        made = []
        for at, job in enumerate(jobs):
            seen.append((job.study.path, job.study.journeys().fingerprint))
            advance(at, 3, 3)
            (out / f"{len(seen)}").mkdir(parents=True)
            page = out / f"{len(seen)}" / "report.html"
            good = len(seen) % 3 != 0
            text = {"findings": [{"key": "a", "verdict": "clear", "estimate": 1, "conf_low": 0,
                                  "conf_high": 2}]}  # fmt: skip
            page.with_name("results.json").write_text(json.dumps(text))
            cause = f"{job.study.path} is bad."
            made.append(replicates_made(page, good=good, cause=cause))
        return made

    monkeypatch.setattr(replicates, "make_all", make_all)
    return seen


def replicates_made(page: Path, *, good: bool, cause: str) -> Any:
    from journeykit.report.run import Made

    return Made("paths", "ok" if good else "failed", page, cause="" if good else cause)


@pytest.mark.parametrize("slots", [1, 2])
def test_failures_are_counted_and_nothing_is_left(
    slots: int, folder: Path, fake: list[tuple[Path, str]]
) -> None:
    trial = Trial("attributes", True, 4)
    jobs = plan(load_study(folder), ["paths"], {}, trial=trial)
    refused = replace(jobs[0], refused="No.")
    told = list[tuple[int, int]]()
    again, done = tried(
        (refused, *jobs), slots=slots, options={}, told=lambda n, of: told.append((n, of))
    )
    assert (again.scores, done.study) == (None, jobs[0].study)
    assert done.scores is not None
    assert told[-1] == (9, 9)
    # Four null worlds, the truth, four drawn anew; the 3rd, 6th and 9th of them fail.
    assert len({fingerprint for _, fingerprint in fake}) == 9
    assert fake[4][1] == jobs[0].study.journeys().fingerprint
    null, recovery = done.scores["null"], done.scores["recovery"]
    assert (null["n_worlds"], null["n_failed"]) == (3, 1)
    assert null["findings"][0]["clear"]["n"] == 3
    assert (recovery["n_worlds"], recovery["n_failed"]) == (2, 2)
    assert recovery["intervals"][0]["held"]["n_event"] == 2
    # Where worlds lay for a moment is not told, and they are gone.
    assert [one["cause"] for one in null["causes"]] == ["…/null-2/study.yaml is bad."]
    assert not any(path.exists() for path, _ in fake)
    assert len(list((folder / "cache" / "journeys").iterdir())) == 1
    assert job_from(json.loads(json.dumps(done.to_json()))) == done


def test_a_world_that_cannot_be_made_is_a_failure(
    folder: Path, fake: list[tuple[Path, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(number: int) -> Any:
        raise DataError(f"No world {number // 2}.")

    truthless = World("recovery", "x", "Where", "X.", broken, lambda: broken(9))
    monkeypatch.setattr(replicates, "worlds_of", lambda *_: (truthless,))
    jobs = plan(load_study(folder), ["paths"], {}, trial=Trial("", True, 3))
    (job,) = tried(jobs, slots=1, options={}, told=lambda *_: None)
    assert job.scores is not None
    assert fake == []
    recovery = job.scores["recovery"]
    assert (recovery["n_worlds"], recovery["n_failed"], recovery["intervals"]) == (0, 3, [])
    assert recovery["causes"] == [
        {"cause": "No world 0.", "n": 2},
        {"cause": "No world 1.", "n": 1},
    ]
    assert recovery["no_truth"] == "No world 4."


def share(n_event: int, n: int) -> dict[str, Any]:
    return {"n_event": n_event, "n": n, "share": n_event / n, "conf_low": 0.009, "conf_high": 0.24}


SCORES = {
    "replicates": 20,
    "seed": 0,
    "null": {
        "what": "exposure", "where": "Where exposures tell nothing", "words": "Nothing is left.",
        "n_worlds": 19, "n_failed": 1,
        "causes": [{"cause": "<i>ann@example.org</i> was not there.", "n": 1}],
        "findings": [
            {"key": "best", "rests_on": "exposure", "n_worlds": 19, "clear": share(1, 19),
             "flagged": share(3, 19)},
            {"key": "not-here", "rests_on": "exposure", "n_worlds": 19, "clear": share(0, 19),
             "flagged": share(0, 19)},
            {"key": "other", "rests_on": "attributes", "n_worlds": 19, "clear": share(19, 19),
             "flagged": share(19, 19)},
            {"key": "silent", "rests_on": "", "n_worlds": 19, "clear": share(0, 19),
             "flagged": share(0, 19)},
        ],
        "exchanged": {
            "touchpoints": ["<s>ad</s>", *(f"t{n}" for n in range(13))], "n_at_risk": 199,
        },
    },
    "recovery": {
        "what": "x", "where": "Where the truth is known", "words": "The truth is known.",
        "n_worlds": 20, "n_failed": 0, "causes": [],
        "no_truth": "",
        "intervals": [
            {"kind": "finding", "key": "best", "n_worlds": 20, "held": share(18, 20),
             "n_left_out": 0},
            {"kind": "table", "key": "t", "n_worlds": 20, "held": share(180, 200),
             "n_left_out": 7},
            {"kind": "kpi", "key": "gone", "n_worlds": 0, "n_left_out": 20,
             "held": {"n_event": 0, "n": 0, "share": None, "conf_low": None, "conf_high": None}},
        ],
    },
}  # fmt: skip
SHOWN = """
import pandas as pd
display(report.finding("<b>Mail</b> wins.", key="best", verdict="clear", rests_on="exposure"))
display(report.finding("[<b>Young</b>](http://x.example) leave.", key="other", verdict="clear"))
report.table(pd.DataFrame({"path": ["a"]}), key="t", caption="All <u>ways</u>. And more.")
"""


def test_the_page_tells_of_it_and_shows_hostile_text_as_text(
    job_of: Callable[..., Job], tmp_path: Path
) -> None:
    job = job_of(markdown("## Part"), code(SHOWN, count=None))
    scores = copy.deepcopy(SCORES)
    made = make(replace(job, trial=Trial("exposure", True), scores=scores), out=tmp_path)
    assert made.status == "ok", made.cause
    html = made.page.read_text()
    assert "How this report behaves where the truth is known</h2>" in html
    for said in (
        "<h3>Where exposures tell nothing</h3>",
        "The table has the findings that rest on what customers met. Where the verdict of one is a "
        "test at 5%,",
        "Called clear where exposures tell nothing</th>",
        "&lt;b&gt;Mail&lt;/b&gt; wins.</td><td>1 of 19 worlds (0.9% to 24%)</td>",
        "<td>not here</td><td>0 of 19 worlds (0.9% to 24%)</td>",
        "<p>These say that they rest on something else, or on nothing; this null does not test "
        "them, and they are clear here too: "
        "“[&lt;b&gt;Young&lt;/b&gt;](http://x.example) leave.”</p>",
        "<strong>What was exchanged</strong> (warned): Up to the first success of a customer: "
        "&lt;s&gt;ad&lt;/s&gt;, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10 and 2 more. The median "
        "number of customers at risk at a first success was 199, fewer than 200: some of the "
        "signal stays",
        "<strong>Findings stay quiet where nothing is to be found</strong> (passed): ",
        "no more often than 5% allows as far as so many worlds "
        "tell: “&lt;b&gt;Mail&lt;/b&gt; wins.” in 1 of 19 worlds "
        "(0.9% to 24%); “not here” in 0 of 19 worlds",
        "<h3>Do the intervals hold?</h3>",
        "18 of 20 worlds: 90%",
        "All &lt;u&gt;ways&lt;/u&gt;</td><td>180 of 200 intervals in 20 worlds: 90%",
        "7 without a counterpart",
        "cannot tell: no interval has a true value",
        "19 of 20 without the signal were made. 1 failed: &lt;i&gt;",
        "was not there. 20 of 20 of known truth were made.",
    ):
        assert said in html
    for hostile in (
        "<b>Mail",
        "<b>Young",
        "<s>",
        'href="http',
        "<u>ways",
        "<i>",
        "ann@example.org",
    ):
        assert hostile not in html
    results = json.loads((made.page.parent / "results.json").read_text())
    best, *others = results["trials"]["null"]["findings"]
    assert [one["rests_on"] for one in others] == ["exposure", "attributes", ""]
    assert [one["rests_on"] for one in results["findings"]] == ["exposure", ""]
    assert (best["key"], best["clear"]["n_event"], best["clear"]["share"]) == (
        "best", 1, 0.05263157895,
    )  # fmt: skip
    assert "ann@example.org" not in json.dumps(results)
    tables = made.page.parent / "tables"
    null = (tables / "trials-null.csv").read_text().splitlines()
    assert null[1].startswith("best,19,19,1,")
    assert len(null) == 3
    assert (tables / "trials-recovery.csv").read_text().splitlines()[2].startswith("table,t,20,180")
    manifest = json.loads((made.page.parent / "manifest.json").read_text())
    assert manifest["trial"] == {
        "null": "exposure", "recovery": True, "replicates": 20, "seed": 0,
    }  # fmt: skip
    written = nbformat.read(made.page.parent / "notebook.ipynb", as_version=4)
    nbformat.validate(written)


def told_of(null: dict[str, Any], *cells: Any) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return the words and tables of a null world on a page, and its guards."""
    made = notebook(markdown("# Why?"), *cells)
    page = read_page(with_trials(made, {**SCORES, "null": null}))
    guards = {one["name"]: (one["status"], one["found"]) for one in page.guards}
    text = "".join("".join(section.body) for section in page.sections)
    return text.partition("Where exposures tell nothing")[2].partition("Do the inter")[0], guards


def scored(*findings: tuple[str, str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        **SCORES["null"],
        "findings": [
            {"key": key, "rests_on": rests_on, "n_worlds": 20, "clear": clear, "flagged": clear}
            for key, rests_on, clear in findings
        ],
        **more,
    }  # type: ignore[dict-item]


QUIET = "Findings stay quiet where nothing is to be found"


def test_a_finding_too_often_clear_without_its_signal_is_warned_of() -> None:
    # At 5 %, 5 or more in 20 have a probability of 0.26 %, 4 or more 1.6 %; of two looked at, each
    # is warned of at 1.25 %.
    loud, quiet = ({**share(n, 20), "conf_low": low} for n, low in ((5, 0.112), (4, 0.0807)))
    _, guards = told_of(scored(("a", "exposure", loud), ("b", "exposure", quiet)))
    assert guards[QUIET] == (
        "warned",
        "Called clear without the signal they rest on, more often than 5% allows: “a” in 5 of 20 "
        "worlds (11% to 24%). That they are clear is no sign of it, unless what "
        "this null leaves as it was told it.",
    )
    quiet = {**share(2, 20), "conf_low": 0.0279}
    _, guards = told_of(scored(("b", "exposure", quiet), ("a", "", loud)))
    assert guards[QUIET] == (
        "passed",
        "Called clear without the signal they rest on, no more often than 5% allows as far as "
        "so many worlds tell: “b” in 2 of 20 worlds (2.8% to 24%).",
    )


def test_what_the_report_itself_says_decides_what_is_tested() -> None:
    """In a null world the largest may be another thing, which rests on something else."""
    resting, not_resting = (
        code(
            "report.finding(...)",
            shown(finding("Mail leads.", key="a", rests_on=on)._repr_mimebundle_()),
        )
        for on in ("exposure", "")
    )
    null = scored(("a", "", share(20, 20)))
    text, guards = told_of(null, resting)
    assert "The table has the findings that rest on what customers met." in text
    assert "In none of these worlds was claimed: “Mail leads.”" in text
    assert "No finding of this report" not in text
    assert QUIET not in guards
    text, guards = told_of(scored(("a", "exposure", share(20, 20))), not_resting)
    assert "No finding of this report says that it rests on what customers met." in text
    assert QUIET not in guards


def test_a_null_on_which_nothing_rests_tests_nothing() -> None:
    text, guards = told_of(scored(("a", "attributes", share(20, 20)), ("b", "", share(0, 20))))
    assert "No finding of this report says that it rests on what customers met. So this" in text
    assert "too: “a”</p>" in text
    assert "<table" not in text
    assert QUIET not in guards
    text, guards = told_of(scored(n_worlds=0))
    assert "No report on such a world could be made" in text
    assert QUIET not in guards


def test_of_a_parameter_it_is_not_known_what_rests_on_it() -> None:
    null = scored(("a", "attributes", share(20, 20)), ("b", "", share(0, 20)),
                  what="orders.effect")  # fmt: skip
    del null["exchanged"]
    text, guards = told_of(null)
    assert "does not say which of its findings rest on a parameter of a simulated world" in text
    assert "<td>a</td><td>20 of 20 worlds" in text
    assert "<td>b</td><td>0 of 20 worlds" in text
    assert "rest on something else" not in text
    assert {QUIET, "What was exchanged"}.isdisjoint(guards)


@pytest.mark.parametrize(
    ("n", "status", "words"),
    [
        (200, "passed", "a, b. The median number of customers at risk at a first success was 200."),
        (
            12,
            "warned",
            "was 12, fewer than 200: some of the signal stays, since the customer's own",
        ),
        (None, "warned", "No first success was seen of a customer who was watched, so nothing was"),
    ],
)
def test_how_many_were_at_risk_is_told(n: int | None, status: str, words: str) -> None:
    _, guards = told_of(scored(exchanged={"touchpoints": ["a", "b"], "n_at_risk": n}))
    assert guards["What was exchanged"][0] == status
    assert words in guards["What was exchanged"][1]


def test_a_report_that_failed_tells_only_that() -> None:
    broken = notebook(
        markdown("# Why?"),
        code("1/0", {"output_type": "error", "ename": "E", "evalue": "x", "traceback": []}),
    )
    assert with_trials(broken, SCORES) is broken
