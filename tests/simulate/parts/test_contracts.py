from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from journeykit.simulate.parts.contract_events import KINDS
from journeykit.simulate.parts.contract_tables import DESTINATIONS
from journeykit.simulate.world import World
from tests.simulate.parts.worlds import customers_of, days_of, made, persons_of

SEGMENTS = ("household", "landlord", "business", "senior")
NO_EFFECT = {
    "contracts.log_hazard_ratio": {kind: dict.fromkeys(DESTINATIONS, 0.0) for kind in KINDS},
    "contracts.automatic_extra": 0.0,
    "contracts.frailty_sigma": 0.0,
}
NO_CURE = {"contracts.cured.senior": 0.0}


def base(a_year: float) -> dict[str, Any]:
    """Return hazards that are alike in all segments, in all `a_year`, by destination 4:3:2:1."""
    shares = dict(zip(DESTINATIONS, np.array([0.4, 0.3, 0.2, 0.1]) * a_year, strict=True))
    return {"contracts.base_a_year": dict.fromkeys(SEGMENTS, shares)}


@cache
def usual() -> World:
    return made("contracts", 8_000)


@cache
def plain() -> World:
    return made("contracts", 12_000, {**NO_EFFECT, **NO_CURE})


def leaving(world: World) -> pd.DataFrame:
    table = world.hidden["leaving"]
    frame = pd.DataFrame(
        {
            "who": customers_of(table["customer_id"]),
            "number": table["number"].to_numpy(),
            "cured": table["cured"].to_numpy(),
            "start": days_of(table["started_time"]),
            "end": np.nan_to_num(days_of(table["left_time"]), nan=np.inf),
            "destination": table["destination"].to_pylist(),
        }
    )
    frame["segment"] = np.array(world.tables["customers"]["segment"].to_pylist())[frame["who"]]
    frame["readiness"] = world.hidden["customers"]["readiness"].to_numpy()[frame["who"]]
    return frame


def events(world: World) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "who": persons_of(world),
            "time": days_of(world.events["event_time"]),
            "touchpoint": world.events["touchpoint"].to_pylist(),
            "actor": world.events["actor"].to_pylist(),
            "status": world.events["status"].to_pylist(),
        }
    )


def with_contract(world: World) -> pd.DataFrame:
    """Return the events beside the contract they fall in; what falls in none is left out."""
    met = events(world).merge(leaving(world), on="who")
    return met[(met["time"] >= met["start"]) & (met["time"] < met["end"])]


def test_base_hazards_by_segment_and_destination() -> None:
    """About 1,600 ends in 16 cells, |z| < 4 in each; chi-square tells 10 % in all."""
    truth = plain().truth["contracts"]
    z = []
    for segment in SEGMENTS:
        for to in DESTINATIONS:
            rate = truth.base_a_year[segment][to] / 365.25
            expected = truth.days_running[segment] * rate
            z.append((truth.ends[segment][to] - expected) / np.sqrt(expected))
    assert np.abs(z).max() < 4
    assert 5.1 < np.square(z).sum() < 39.3  # chi-square with 16 degrees of freedom
    assert sum(sum(row.values()) for row in truth.ends.values()) > 1_500


def law(world: World, contracts: pd.DataFrame, grid: np.ndarray) -> dict[str, np.ndarray]:
    """Return the law's hazards on a grid, shape (contracts, moments), by a loop over events."""
    part = world.truth["contracts"]
    met = events(world).merge(contracts.reset_index(names="row"), on="who")
    met = met[(met["time"] >= met["start"]) & (met["time"] < met["end"])]
    frailty = np.exp(
        part.frailty_sigma * contracts["readiness"].to_numpy() - part.frailty_sigma**2 / 2
    )
    frailty[contracts["cured"]] = 0.0
    found = {}
    for to in DESTINATIONS:
        log = np.zeros((len(contracts), len(grid)))
        for row, time, kind, actor in zip(
            met["row"], met["time"], met["touchpoint"], met["actor"], strict=True
        ):
            ratio = part.log_hazard_ratio.get(kind, {}).get(to, 0.0)
            if kind == "call_customer_service" and actor == "automatic":
                ratio += part.automatic_extra
            if ratio:
                first, last = np.searchsorted(grid, [time, time + part.window_days[kind]])
                half_life = part.half_life_days[kind]
                age = grid[first:last] - time
                log[row, first:last] += ratio * (0.5 ** (age / half_life) if half_life else 1.0)
        rate = np.array([part.base_a_year[name][to] for name in contracts["segment"]])
        found[to] = (rate * frailty)[:, None] / 365.25 * np.exp(log)
    return found


@pytest.mark.parametrize("half_life", [0.0, 10.0])
def test_leaving_follows_the_law_with_every_event(half_life: float) -> None:
    """Ends against the integrated law, by destination and by what is recent: 800 to 900 ends."""
    lives = dict.fromkeys(KINDS, half_life)
    settings = {
        **base(0.8),
        "contracts.half_life_days": lives,
        "contracts.support_calls": 0.004,
        "contracts.tech_calls": 0.003,
        "contracts.payment_fails": 0.1,
        "contracts.automatic_share": dict.fromkeys(SEGMENTS, 0.5),
        "contracts.log_hazard_ratio.call_tech_support": dict.fromkeys(DESTINATIONS, -0.8),
    }
    world = made("contracts", 3_000, settings)
    contracts = leaving(world).query("end > 0").reset_index(drop=True)
    step = 0.5
    grid = np.arange(0.0, 731.0, step) + step / 2
    hazards = law(world, contracts, grid)
    # Of those who came before the window, what is recent is known after 30 days.
    begin = np.where(contracts["start"] < 0, 30.0, contracts["start"])
    end = contracts["end"].to_numpy()
    at_risk = np.clip(
        np.minimum(end[:, None], grid + step / 2) - np.maximum(begin[:, None], grid - step / 2),
        0,
        step,
    )
    met = events(world).merge(contracts.reset_index(names="row"), on="who")
    met = met[(met["time"] >= met["start"]) & (met["time"] < met["end"])]
    leaves = (end < 731) & (end > begin)
    for to in DESTINATIONS:
        ends = int((leaves & (contracts["destination"] == to)).sum())
        expected = (hazards[to] * at_risk).sum()
        assert abs(ends - expected) / np.sqrt(expected) < 4
    total = sum(hazards.values()) * at_risk
    for kind in KINDS:
        recent = np.zeros(total.shape, dtype=bool)
        just = np.zeros(len(contracts), dtype=bool)
        of_kind = met[met["touchpoint"] == kind]
        for row, time in zip(of_kind["row"], of_kind["time"], strict=True):
            recent[row, slice(*np.searchsorted(grid, [time, time + 15.0]))] = True
            just[row] |= bool(0 < end[row] - time <= 15.0)
        ends, expected = int((leaves & just).sum()), (total * recent).sum()
        assert expected > 5, kind
        assert abs(ends - expected) / np.sqrt(expected) < 4, kind


def test_an_event_raises_the_hazard_by_its_ratio() -> None:
    """Price change, to competitors only: about 300 ends in the window, log ratio 1.5 +- 0.06."""
    raised = {**NO_EFFECT, **NO_CURE, **base(1.0)}
    ratios = {**dict.fromkeys(DESTINATIONS, 0.0), "competitor A": 1.5, "competitor B": 1.5}
    world = made("contracts", 10_000, {**raised, "contracts.log_hazard_ratio.price_change": ratios})
    contracts = leaving(world)
    notice = events(world).query("touchpoint == 'price_change'").set_index("who")["time"]
    told = contracts[contracts["who"].isin(notice.index)].copy()
    told["notice"] = notice.loc[told["who"]].to_numpy()
    told = told[(told["start"] <= 430) & (told["end"] > told["notice"])]
    assert told["who"].is_unique
    days = (np.minimum(told["end"], told["notice"] + 30) - told["notice"]).sum()
    gone = told[told["end"] <= told["notice"] + 30]["destination"].value_counts()
    for to, share in zip(DESTINATIONS, (0.4, 0.3, 0.2, 0.1), strict=True):
        expected = days * share / 365.25 * np.exp(ratios[to])
        assert abs(gone[to] - expected) / np.sqrt(expected) < 4
    expected = days * 0.7 / 365.25
    assert (gone["competitor A"] + gone["competitor B"] - expected) / np.sqrt(expected) > 20


def test_what_happens_during_contracts_at_its_rates() -> None:
    """Rates within 4 standard errors; n from 900 calls of tech support to 35,000 mails."""
    world = usual()
    contracts, met = leaving(world), with_contract(world)
    days = (np.minimum(contracts["end"], 731) - np.maximum(contracts["start"], 0)).clip(0)
    n = met["touchpoint"].value_counts()
    rates = {"call_customer_service": 0.0015, "call_tech_support": 0.0008}
    for kind, rate in {**rates, "email_marketing": 1 / 90}.items():
        assert abs(n[kind] - rate * days.sum()) / np.sqrt(rate * days.sum()) < 4
    calls = met[met["touchpoint"] == "call_customer_service"]
    shares = {"household": 0.4, "landlord": 0.4, "business": 0.2, "senior": 0.1}
    for segment, share in shares.items():
        machine = (calls[calls["segment"] == segment]["actor"] == "automatic").to_numpy()
        assert abs(machine.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(machine))
    month = 365.25 / 12
    months = (
        np.ceil((np.minimum(contracts["end"], 731) - contracts["start"]) / month - 1e-9)
        - 1
        - np.floor(np.maximum(-contracts["start"], 0) / month)
    )
    expected = 0.03 * months.clip(0).sum()
    assert abs(n["payment_failed"] - expected) / np.sqrt(expected) < 4
    failed = met[met["touchpoint"] == "payment_failed"]
    assert (failed["status"] == "failed").all()
    assert ((failed["time"] - failed["start"]) / month % 1).round(4).isin([0, 1]).all()
    called = met[met["touchpoint"] == "call_accounts_receivable"]
    can = failed[(failed["end"] > failed["time"] + 1.3) & (failed["time"] < 729)]
    delay = called.merge(can, on="who", suffixes=("", "_failed")).eval("time - time_failed")
    followed = delay.between(1, 1.3001).sum()
    assert abs(followed / len(can) - 0.5) < 4 * 0.5 / np.sqrt(len(can))


def test_set_days_of_a_contract() -> None:
    met = with_contract(usual())
    age = met["time"] - met["start"]
    assert age[met["touchpoint"] == "survey_post_sale"].to_numpy() == pytest.approx(90)
    assert age[met["touchpoint"] == "call_followup"].to_numpy() == pytest.approx(300)
    bills = age[met["touchpoint"] == "bill_sent"].to_numpy()
    assert np.abs(bills / 91 - np.rint(bills / 91)).max() < 1e-6
    contracts = leaving(usual())
    for kind, day, share in (("survey_post_sale", 90, 0.9), ("call_followup", 300, 0.8)):
        then = contracts["start"] + day
        live = (then >= 0) & (then < 731) & (contracts["end"] > then)
        n = int((met["touchpoint"] == kind).sum())
        assert abs(n / live.sum() - share) < 4 * np.sqrt(share * (1 - share) / live.sum())
    running = contracts.query("start <= 430 and end > 460")
    notices = met[met["touchpoint"] == "price_change"]
    assert notices["who"].is_unique
    assert set(running["who"]) <= set(notices["who"])
    assert notices["time"].between(430, 460).all()
    assert notices["time"].mean() == pytest.approx(445, abs=4 * 8.66 / np.sqrt(len(notices)))


def test_only_mails_come_after_the_end() -> None:
    world = usual()
    met = events(world)
    inside = with_contract(world).groupby("touchpoint").size()
    whole = met.groupby("touchpoint").size().drop("thank_you_page")
    outside = whole - inside.reindex(whole.index).fillna(0)
    assert (outside.drop("email_marketing") == 0).all()
    contracts = leaving(world)
    first = contracts[contracts["number"] == 0]
    second = contracts[contracts["number"] == 1].set_index("who")["start"]
    again = second.reindex(first["who"]).fillna(np.inf).to_numpy()
    gap = (np.minimum(again, 731) - np.maximum(first["end"], 0)).clip(0).sum()
    gone = contracts[(contracts["number"] == 1) & np.isfinite(contracts["end"])]
    gap += (731 - gone["end"]).clip(0, 731).sum()
    expected = gap / 90
    assert expected > 3_000
    assert abs(outside["email_marketing"] - expected) / np.sqrt(expected) < 4


def test_who_has_a_contract() -> None:
    world = usual()
    contracts = leaving(world)
    entry = days_of(world.tables["customers"]["entry_time"])
    first = contracts[contracts["number"] == 0].set_index("who")
    late = np.flatnonzero(entry < 0)
    at_entry = first.reindex(late)["start"].to_numpy() == entry[late]
    assert abs(at_entry.mean() - 0.6) < 4 * 0.49 / np.sqrt(len(late))
    orders = events(world).query("touchpoint == 'thank_you_page'").set_index("who")["time"]
    buyers = orders[~orders.index.isin(late[at_entry])]
    start = first.reindex(buyers.index)["start"]
    subscribed = start.notna()
    assert abs(subscribed.mean() - 0.6) < 4 * 0.49 / np.sqrt(len(buyers))
    assert start[subscribed].to_numpy() == pytest.approx(buyers[subscribed].to_numpy())
    senior = first[first["segment"] == "senior"]["cured"]
    assert abs(senior.mean() - 0.35) < 4 * 0.477 / np.sqrt(len(senior))
    assert not first[first["segment"] != "senior"]["cured"].any()
    assert np.isinf(contracts[contracts["cured"]]["end"]).all()


def test_some_return_after_a_while() -> None:
    """Of leavers with 400 days to go, 0.15 (1 - exp(-400 / 90)) return within them."""
    world = made("contracts", 12_000, {**NO_EFFECT, **base(2.0), "contracts.frailty_sigma": 0.5})
    contracts = leaving(world)
    first = contracts[(contracts["number"] == 0) & (contracts["end"] < 331)].set_index("who")
    second = contracts[contracts["number"] == 1].set_index("who")["start"]
    delay = (second.reindex(first.index) - first["end"]).to_numpy()
    back = delay <= 400
    p = 0.15 * (1 - np.exp(-400 / 90))
    assert len(first) > 2_000
    assert abs(back.mean() - p) < 4 * np.sqrt(p * (1 - p) / len(first))
    assert np.median(delay[back]) == pytest.approx(90 * np.log(2), rel=4 / np.sqrt(back.sum()))
    assert contracts.groupby("who").size().max() == 2


def test_the_table_knows_what_the_company_knows() -> None:
    """Starts before the window are known; what ended before it, or ends after dropping out, not."""
    world = made("contracts", 4_000, {"population.dropout_a_year": 0.4})
    table, contracts = world.tables["contracts"], leaving(world)
    out = np.nan_to_num(days_of(world.tables["customers"]["exit_time"]), nan=731.0)
    out = out[contracts["who"]]
    known = contracts[(contracts["end"] >= 0) & (contracts["start"] < out)]
    seen = known["end"] < out[known.index]
    assert customers_of(table["customer_id"]).tolist() == known["who"].tolist()
    assert days_of(table["contract_start"]) == pytest.approx(known["start"].to_numpy())
    ends = days_of(table["contract_end"])
    assert ends[seen] == pytest.approx(known["end"][seen].to_numpy())
    assert np.isnan(ends[~seen]).all()
    told = table["destination"].to_pylist()
    assert told == [
        where if ended else None for where, ended in zip(known["destination"], seen, strict=True)
    ]
    fee = {"household": 2900, "landlord": 3900, "business": 4900, "senior": 2900}
    assert table["monthly_fee"].to_pylist() == known["segment"].map(fee).tolist()
    truth = world.truth["contracts"]
    assert truth.contracts == table.num_rows
    assert truth.late_entries == (known["start"] < 0).sum() > 300
    assert truth.ended_before == (contracts["end"] < 0).sum() > 30
    assert truth.returns == (known["number"] == 1).sum()
    counted = known[seen].groupby(["segment", "destination"]).size()
    assert counted.to_dict() == {
        (name, to): n for name, row in truth.ends.items() for to, n in row.items() if n
    }
    days = np.minimum(known["end"], out[known.index]) - np.maximum(known["start"], 0)
    assert truth.days_running == pytest.approx(days.groupby(known["segment"]).sum().to_dict())
    # Somebody whose contract ended after dropping out: the end is hidden, and was drawn.
    assert (np.isfinite(known["end"]) & ~seen).any()


def test_cumulative_incidences_and_survival_sum_to_one() -> None:
    """Aalen-Johansen with late entry, against constant hazards: 0.09, 0.06, 0.09 and 0.06 a year.

    Without frailty 12,000 customers give standard errors below 0.012.
    """
    settings = {**NO_EFFECT, **NO_CURE, "population.segments": {"household": 1}}
    world = made("contracts", 12_000, settings)
    table = world.tables["contracts"]
    start, end = days_of(table["contract_start"]), days_of(table["contract_end"])
    left = ~np.isnan(end)
    entry, leave = np.maximum(-start, 0), np.where(left, end, 731.0) - start
    destination = np.array([to or "" for to in table["destination"].to_pylist()])
    time = np.unique(leave[left])
    at_risk = np.searchsorted(np.sort(entry), time) - np.searchsorted(np.sort(leave), time)
    by_destination = {
        to: np.bincount(np.searchsorted(time, leave[destination == to]), minlength=len(time))
        for to in DESTINATIONS
    }
    jumps = sum(by_destination.values()) / at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - jumps)[:-1]])
    incidence = {to: np.cumsum(before * n / at_risk) for to, n in by_destination.items()}
    survival = np.cumprod(1 - jumps)
    assert np.abs(survival + sum(incidence.values()) - 1).max() < 1e-12
    at = np.searchsorted(time, 600.0) - 1
    variance = survival[at] ** 2 * (jumps[: at + 1] / at_risk[: at + 1]).sum()
    assert np.sqrt(variance) < 0.012
    assert abs(survival[at] - np.exp(-0.3 * 600 / 365.25)) < 4 * np.sqrt(variance)
    for to, rate in zip(DESTINATIONS, (0.09, 0.06, 0.09, 0.06), strict=True):
        expected = rate / 0.3 * (1 - np.exp(-0.3 * 600 / 365.25))
        assert abs(incidence[to][at] - expected) < 4 * np.sqrt(variance)


def test_frailty_selects_those_who_stay() -> None:
    """With frailty exp(s z - s^2/2), those at a high readiness leave at their own rate."""
    settings = {**NO_EFFECT, **NO_CURE, **base(0.5), "contracts.frailty_sigma": 1.0}
    contracts = leaving(made("contracts", 12_000, settings))
    days = (np.minimum(contracts["end"], 731) - contracts["start"]).to_numpy()
    ends = np.isfinite(contracts["end"]).to_numpy()
    z_score = contracts["readiness"].to_numpy()
    for low, high in ((-9, -0.5), (-0.5, 0.5), (0.5, 9)):
        group = (z_score > low) & (z_score <= high)
        expected = (days * np.exp(z_score - 0.5))[group].sum() * 0.5 / 365.25
        assert abs(ends[group].sum() - expected) / np.sqrt(expected) < 4
    late = contracts[(contracts["start"] < 0) & (contracts["end"] > 0)]["readiness"]
    assert late.mean() < -0.1  # sd 0.02: the late entries are survivors


@pytest.mark.parametrize(
    ("what", "touched"),
    [
        ("contracts.log_hazard_ratio.call_tech_support", "call_tech_support"),
        ("contracts.log_hazard_ratio.price_change", "price_change"),
        ("contracts.automatic_extra", "call_customer_service"),
        ("contracts.window_days.payment_failed", "payment_failed"),
    ],
)
def test_an_effect_at_zero_leaves_all_others_as_they_were(what: str, touched: str) -> None:
    """Only customers who met the touchpoint may have another end, and some of them do."""
    world = made("contracts", 4_000, {**base(1.0), **NO_CURE})
    null = world.null(what)
    ends = [leaving(one).query("number == 0").set_index("who")["end"] for one in (world, null)]
    assert (ends[0].index == ends[1].index).all()
    changed = set(ends[0].index[(ends[0] != ends[1]).to_numpy()])
    met = set(events(world).query("touchpoint == @touched")["who"])
    before = set(leaving(world).query("start < 0")["who"])  # met what no table shows
    assert changed
    assert changed <= met | before


@pytest.mark.parametrize(
    ("what", "gone"),
    [
        ("contracts.followups", {"call_followup"}),
        ("contracts.surveys", {"survey_post_sale"}),
        ("contracts.receivable_calls", {"call_accounts_receivable"}),
        ("contracts.marketing_mails", {"email_marketing"}),
    ],
)
def test_a_harmless_touch_that_is_not_there_changes_nothing_else(what: str, gone: set[str]) -> None:
    world = made("contracts", 600)
    null = world.null(what)
    assert world.hidden["leaving"].equals(null.hidden["leaving"])
    rows = [row for row in world.events.to_pylist() if row["touchpoint"] not in gone]
    assert rows == null.events.to_pylist()
    assert world.events.num_rows > len(rows)


def test_without_contracts_there_are_none() -> None:
    world = made("contracts", 300).null("contracts.subscribes", "contracts.already")
    assert world.tables["contracts"].num_rows == 0
    assert set(world.events["touchpoint"].to_pylist()) == {"thank_you_page"}
    stay = made("contracts", 300, {**base(0.0)})
    assert stay.tables["contracts"]["contract_end"].null_count == stay.tables["contracts"].num_rows


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made("contracts", 700)
    monkeypatch.setattr("journeykit.simulate.world.BLOCK", 111)
    parts = made("contracts", 700)
    assert whole.tables["contracts"].to_pylist() == parts.tables["contracts"].to_pylist()
    assert whole.hidden["leaving"].to_pylist() == parts.hidden["leaving"].to_pylist()
    assert whole.events.to_pylist() == parts.events.to_pylist()
    assert whole.truth["contracts"].ends == parts.truth["contracts"].ends
