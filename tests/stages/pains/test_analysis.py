"""Pain points: parts by brute force, identities, verdicts in worlds, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.simulate import world
from journeykit.stages import PainPoints, pain_points
from journeykit.study.catalogue import standard_catalogue
from tests.truth.hurt import GOAL, NONE, PARTS, PLANTED, SENT, found_in

ANSWERS = pd.DataFrame(
    {
        "customer_id": [str(i % 40) for i in range(120)],
        "touchpoint": ["checkout", "site_search", "call_hold"] * 40,
        "score": [-0.5, 0.0, 1.0] * 40,
    }
)


@pytest.fixture(scope="module")
def journeys() -> Journeys:
    made = world(customers=700, seed=4, parts=PARTS).journeys()
    ids = [str(i) for i in range(len(made))]
    return made.replace(customer_id=ids)


def found(journeys: Journeys, **given: object) -> PainPoints:
    sent = [name for name in SENT if name in journeys.names]
    return pain_points(journeys, **({"goal": GOAL, "sent": sent, "draws": 60} | given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pains(journeys: Journeys) -> PainPoints:
    return found(
        journeys,
        sentiment=ANSWERS[ANSWERS["touchpoint"] != "call_hold"],
        errors=["newsletter_signup"],
        deadlines_minutes={"checkout": 2.0},
        small_cell=1,
    )


def visits_of(journeys: Journeys) -> list[tuple[list[str], list[int]]]:
    """Return steps and microseconds of every visit seen whole, slowly."""
    own = [name for name in journeys.names if name not in SENT]
    cut = journeys.only(*own).cases(goal=list(GOAL), timeout="30min")
    table = cut.to_frame()
    table = table[(table["ended"] != "open") & ~table["edge"]]
    return [
        (rows["touchpoint"].tolist(), rows["event_time"].astype("int64").tolist())
        for _, rows in table.assign(
            event_time=table["event_time"].astype("datetime64[us, UTC]")
        ).groupby(["customer_id", "journey"])
    ]


def test_parts_agree_with_brute_force(journeys: Journeys, pains: PainPoints) -> None:
    n: dict[tuple[str, str], list[int]] = {}
    following: list[tuple[str, str, float]] = []
    for steps, times in visits_of(journeys):
        for at, step in enumerate(steps):
            if step in GOAL:
                continue
            ends = at == len(steps) - 1
            seen = n.setdefault((step, "exit"), [0, 0])
            seen[0] += 1
            seen[1] += ends
            if not ends:
                following.append((step, steps[at + 1], (times[at + 1] - times[at]) / 6e7))
    waits = pains.waits.set_index("touchpoint")["limit_minutes"]
    for step, after, minutes in following:
        for part, event in (("repeats", step == after), ("time", minutes > waits[step])):
            seen = n.setdefault((step, part), [0, 0])
            seen[0] += 1
            seen[1] += event
    parts = pains.parts.set_index(["touchpoint", "part"])
    told = parts[parts.index.get_level_values("part").isin(["exit", "repeats", "time"])]
    assert {key: [row["n"], row["n_event"]] for key, row in told.iterrows()} == n
    for step in ("site_search", "view_product"):
        into = sum(after == step != before for before, after, _ in following)
        others = sum(before != step for before, _, _ in following)
        assert parts.loc[(step, "repeats"), "reference"] == pytest.approx(into / others)
        slow = np.quantile([m for before, _, m in following if before != step], 0.9)
        assert waits[step] == pytest.approx(slow)


def test_a_deadline_is_a_promise(pains: PainPoints) -> None:
    row = pains.parts.set_index(["touchpoint", "part"]).loc[("checkout", "time")]
    assert (row["reference"], row["verdict"]) == (0.0, "not tested")
    assert pains.waits.set_index("touchpoint").loc["checkout", "limit_minutes"] == 2.0


def test_errors_and_answers_are_counted(journeys: Journeys, pains: PainPoints) -> None:
    parts = pains.parts.set_index(["touchpoint", "part"])
    signup = parts.loc[("newsletter_signup", "errors")]
    code = journeys.names.index("newsletter_signup")
    assert signup["n"] == signup["n_event"] == (journeys.touchpoint == code).sum()
    sad = parts.loc[("checkout", "negative sentiment")]
    assert (sad["n"], sad["n_customers"], sad["estimate"], sad["reference"]) == (40, 40, 1.0, 0.0)
    assert pains.share_answered == pytest.approx(80 / journeys.n_events)


def test_errors_in_a_column(journeys: Journeys) -> None:
    status = np.where(np.arange(journeys.n_events) % 4 == 0, "failed", "done").astype(object)
    marked = journeys.replace(columns={"status": status})
    told = found(marked, error_values={"status": ["failed"]}).parts
    errors = told[told["part"] == "errors"]
    assert errors["n_event"].sum() == (status == "failed").sum() - _few(errors)


def _few(errors: pd.DataFrame) -> int:
    """No touchpoint of these worlds has fewer customers than are shown."""
    assert errors["n_event"].notna().all()
    return 0


def test_lost_at_checkout_are_those_who_left_it(pains: PainPoints) -> None:
    parts = pains.parts.set_index(["touchpoint", "part"])
    row = pains.frame.set_index("touchpoint").loc["checkout"]
    left = parts.loc[("checkout", "exit"), "n_event"]
    assert row["rank"] == 1
    assert 0.9 * left < row["estimate"] <= left
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_draws_depend_on_customers_and_seed_only(journeys: Journeys) -> None:
    pd.testing.assert_frame_equal(found(journeys).frame, found(journeys).frame)
    assert not found(journeys).frame.equals(found(journeys, seed=1).frame)


def test_channel_owner_and_risk_of_leaving_stand_beside(journeys: Journeys) -> None:
    leaving = pd.DataFrame(
        {
            "touchpoint": ["checkout", "checkout"], "lag_days": [30.0, 0.0],
            "hazard_ratio": [9.0, 2.0], "conf_low": [8.0, 1.5], "conf_high": [10.0, 3.0],
            "reading": ["lowered", "raised"],
        }
    )  # fmt: skip
    frame = found(journeys, catalogue=standard_catalogue(), leaving=leaving).frame
    row = frame.set_index("touchpoint").loc["checkout"]
    assert (row["channel"], row["owner"]) == ("website_email", "website_email")
    assert (row["leaving_ratio"], row["leaving_reading"]) == (2.0, "raised")
    assert frame.loc[frame["touchpoint"] != "checkout", "leaving_ratio"].isna().all()


def test_few_customers_are_not_shown(journeys: Journeys) -> None:
    parts = found(journeys, small_cell=200).parts
    shown = parts[parts["n_customers"].notna()]
    assert (shown["n_customers"] >= 200).all()
    hidden = parts[parts["n_customers"].isna()]
    assert len(hidden)
    assert hidden["estimate"].isna().all()
    assert (hidden["verdict"] == "too few").all()


def test_planted_friction_is_first_and_frequent_steps_never() -> None:
    for seed in range(2):
        made = world(
            customers=1500,
            seed=seed,
            parts=PARTS,
            settings={"orders.friction": dict(PLANTED), "browsing.help_loop": 0.5},
        )
        rank = found_in(made).frame.set_index("touchpoint")["rank"].dropna()
        assert rank.to_dict() == {"checkout": 1}


def test_without_friction_nothing_is_clear() -> None:
    for seed in range(2):
        made = world(
            customers=1500, seed=seed, parts=PARTS, settings={"orders.friction": dict(NONE)}
        )
        result = found_in(made)
        assert result.frame["rank"].isna().all()
        assert result.summary().startswith("No pain point is clear")


def test_the_picture_and_the_summary_tell_the_caveat(pains: PainPoints) -> None:
    ax = pains.plot()
    assert ax.get_yticklabels()[0].get_text() == "checkout"
    assert "at most" in ax.get_xlabel()
    assert "checkout (" in pains.summary()
    assert "would have left anyway" in pains.summary()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"goal": ()}, ArgumentError, "`goal` must name at least one touchpoint; got none."),
        ({"goal": ["cart"]}, MappingError, "`goal` names touchpoints that do not exist: 'cart'."),
        (
            {"deadlines_minutes": {"checkout": 30.0}},
            ArgumentError,
            "`deadlines_minutes` must be shorter than the pause that ends a visit, 30 minutes; "
            "got 30 for 'checkout'. A longer `pause` lets visits last.",
        ),
        ({"least_ratio": 0.5}, ArgumentError, "`least_ratio` must be at least 1; got 0.5."),
        ({"slow": 1.0}, ArgumentError, "`slow` must lie strictly between 0 and 1; got 1.0."),
        ({"draws": 5}, ArgumentError, "`draws` must be a whole number at least 20; got 5."),
        (
            {"error_values": {"state": ["failed"]}},
            MappingError,
            "`error_values` names event columns that do not exist: 'state'.",
        ),
        (
            {"sentiment": ANSWERS.assign(score=3)},
            DataError,
            "`sentiment` must have a `score` from -1 to 1; it has not in 120 of 120 rows.",
        ),
        (
            {"sentiment": ANSWERS.drop(columns="score")},
            MappingError,
            "`sentiment` names columns that do not exist: 'score'.",
        ),
        (
            {"leaving": pd.DataFrame({"touchpoint": ["checkout"]})},
            MappingError,
            "`leaving` names columns that do not exist: 'lag_days'",
        ),
    ],
)
def test_what_is_refused(
    journeys: Journeys, given: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as told:
        found(journeys, **given)
    assert message in told.value.args[0]


def test_cut_journeys_times_and_visits_are_needed(journeys: Journeys) -> None:
    with pytest.raises(ArgumentError, match="already cut"):
        found(journeys.sessions())
    with pytest.raises(NotObservedError, match="needs the time"):
        found(journeys.replace(time=None))
    nobody = journeys.replace(observed_to=journeys.time[journeys.start[1:] - 1] + 1).take(
        np.arange(1)
    )
    short = nobody.replace(
        touchpoint=nobody.touchpoint[-1:], start=np.array([0, 1]), time=nobody.time[-1:], columns={}
    )
    with pytest.raises(DataError, match="No visit is seen whole"):
        found(short)


def test_where_nothing_is_on_the_way_nothing_is_clear(journeys: Journeys) -> None:
    """Visits that reach the goal by no step at all leave nothing to compare."""
    only = journeys.only("newsletter_signup", "thank_you_page")
    pains = pain_points(only, goal=["thank_you_page"], draws=20)
    assert pains.frame["verdict"].tolist() == ["not on the way"]
    assert pains.summary().startswith("No pain point is clear")
