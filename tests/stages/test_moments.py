"""After which moments customers move on: cut by hand, found where planted, and not elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate.world import world
from journeykit.stages import Ladder, passion_points
from journeykit.stages.following import entries
from journeykit.stages.moments import stays_in

LADDER = Ladder(
    rungs={
        "familiarity": {"touchpoints": ["view_microsite"]},
        "engagement": {"touchpoints": ["whitepaper_download"]},
        "deliberation": {"touchpoints": ["contact_form"]},
    }
)
MOVERS = ("call_sales", "tradeshow_scan", "networking_contact")
#: Nobody buys: then all that moves customers on are the movers.
NO_ORDERS = {
    "orders.baseline_a_day": 0,
    **{
        f"orders.effect.{name}": 0
        for name in (
            "email_promo", "ad_impression", "catalog_mailed", "sms_sent", "app_session",
            "influencer_referral",
        )
    },
}  # fmt: skip


def shop(customers: int, seed: int, **settings: float) -> Journeys:
    made = world(
        customers=customers,
        seed=seed,
        parts=("channels", "stages", "orders", "ladder"),
        settings=NO_ORDERS | {f"stages.{name}": value for name, value in settings.items()},
    )
    return made.journeys()


def found(journeys: Journeys) -> pd.DataFrame:
    return passion_points(journeys, LADDER, horizon_days=10, sent=MOVERS, seed=1).frame


def test_stays_are_cut_by_hand() -> None:
    names = ("a", "b", "c", "talk")
    ladder = Ladder(rungs={name: {"touchpoints": [name]} for name in "abc"})
    events = [
        (0, 1, "a"), (0, 2, "talk"), (0, 3, "b"), (0, 4, "talk"), (0, 5, "a"), (0, 6, "talk"),
        (0, 7, "b"), (0, 8, "talk"), (0, 9, "c"), (0, 10, "talk"),
        (1, 1, "talk"), (1, 2, "a"), (1, 3, "talk"),
        (2, 5, "c"),
    ]  # fmt: skip
    who = np.array([event[0] for event in events])
    made = Journeys(
        names=names,
        touchpoint=np.array([names.index(event[2]) for event in events], dtype=np.uint8),
        start=np.searchsorted(who, np.arange(4)),
        time=np.array([event[1] * DAY for event in events]),
        observed_from=np.zeros(3, dtype=np.int64),
        observed_to=np.full(3, 20 * DAY),
    )
    # In b from day 3 to c on day 9; from day 5 to 7 the customer has fallen back to a.
    cut = stays_in(made, entries(made, ladder), 1, set("abc"))
    assert cut.time is not None
    assert len(cut) == 1
    told = [(int(at) // DAY, cut.names[code]) for at, code in zip(cut.time, cut.touchpoint)]  # noqa: B905
    assert told == [(4, "talk"), (8, "talk"), (9, "(moves on)")]
    assert cut.attributes["in stage"].to_pylist() == [[5 * DAY, 7 * DAY]]
    assert cut.observed_from is not None
    assert cut.observed_from.tolist() == [3 * DAY]
    # In a: moving on is the first rung above, whichever; the second customer never moves on.
    cut = stays_in(made, entries(made, ladder), 0, set("abc"))
    assert cut.time is not None
    assert (cut.time // DAY).tolist() == [2, 3, 3]
    assert cut.length.tolist() == [2, 1]


def test_what_is_sent_only_to_those_in_the_stage_is_no_moment() -> None:
    """Half fall back unseen by any other event and move on later: the call moves nobody."""
    rng = np.random.default_rng(4)
    names = ("a", "b", "c", "call")
    n, rows = 4_000, []
    for who in range(n):
        entry = rng.uniform(0, 40)
        fallen = rng.random() < 0.5
        left = entry + rng.uniform(1, 3) if fallen else np.inf
        moves = entry + rng.exponential(400 if fallen else 20)
        call = entry + rng.exponential(15)
        rows += [(who, entry, "b")]
        rows += [(who, left, "a")] if left < moves else []
        rows += [(who, moves, "c")] if moves < 150 else []
        rows += [(who, call, "call")] if call < min(moves, left, 150) else []
    rows.sort(key=lambda row: row[:2])
    whose = np.array([row[0] for row in rows])
    made = Journeys(
        names=names,
        touchpoint=np.array([names.index(row[2]) for row in rows], dtype=np.uint8),
        start=np.searchsorted(whose, np.arange(n + 1)),
        time=np.array([round(row[1] * DAY) for row in rows]),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, 150 * DAY),
        window=(0, 150 * DAY),
    )
    ladder = Ladder(rungs={name: {"touchpoints": [name]} for name in "abc"})
    frame = passion_points(made, ladder, horizon_days=10, sent=["call"]).frame
    row = frame.set_index(["stage", "touchpoint"]).loc[("b", "call")]
    assert row["verdict"] == "no difference shown"
    assert row["p_value"] > 0.001


def test_a_rung_that_time_alone_leads_to_is_not_searched() -> None:
    after = {"after": "engagement", "after_days": 20}
    ladder = Ladder(rungs={**dict(list(LADDER.rungs.items())[:2]), "later": after})
    result = passion_points(shop(1_500, 2), ladder, horizon_days=10, sent=MOVERS)
    assert result.stages["stage"].tolist() == ["familiarity"]
    alone = {"engagement": LADDER.rungs["engagement"], "later": after}
    with pytest.raises(DataError, match="time alone leads up"):
        passion_points(shop(300, 2), Ladder(rungs=alone), horizon_days=10)


def test_a_planted_moment_is_found_in_its_stage_alone() -> None:
    strong = {f"log_hazard_ratio.call_sales.{name}": 1.8
              for name in ("household", "landlord", "business", "senior")}  # fmt: skip
    frame = found(shop(4_000, 3, **strong)).set_index(["stage", "touchpoint"])
    assert frame.loc[("engagement", "call_sales"), "verdict"] == "holds"
    assert frame.loc[("engagement", "call_sales"), "risk_ratio"] > 2
    # It does not move anybody out of familiarity.
    assert frame.loc[("familiarity", "call_sales"), "verdict"] == "no difference shown"
    assert frame.loc[("engagement", "networking_contact"), "verdict"] == "no difference shown"


def test_what_leads_to_a_rung_is_not_tested() -> None:
    result = passion_points(shop(1_500, 2), LADDER, horizon_days=10, sent=MOVERS)
    leading = {"view_microsite", "whitepaper_download", "contact_form", "(moves on)"}
    assert not leading & set(result.frame["touchpoint"])
    assert result.stages["stage"].tolist() == ["familiarity", "engagement"]
    assert result.stages["n_tried"].sum() == result.frame["p_value"].notna().sum()
    assert result.summary().startswith(f"{result.stages['n_tried'].sum()} touchpoints in 2 stages")
    assert len(result.plot().get_yticks()) == 12


def test_the_stages_are_one_family() -> None:
    """Whatever is discovered has a q-value of at most q over the number of stages."""
    made = shop(4_000, 3, **{"log_hazard_ratio.call_sales.household": 1.8})
    frame = found(made)
    seen = frame[frame["verdict"].isin(["holds", "not confirmed"])]
    assert len(seen)
    assert (seen["q_value"] <= 0.05 / 2).all()


def test_what_cannot_be_searched() -> None:
    made = shop(300, 1)
    with pytest.raises(ArgumentError, match="`horizon_days` must be a number greater than 0"):
        passion_points(made, LADDER, horizon_days=0)
    with pytest.raises(MappingError, match="'segmnt'"):
        passion_points(made, LADDER, horizon_days=10, held_equal=["segmnt"])
    with pytest.raises(MappingError, match="'cal_sales'"):
        passion_points(made, LADDER, horizon_days=10, sent=["cal_sales"])
    with pytest.raises(DataError, match="There is no touchpoint to try"):
        passion_points(
            made.only("view_microsite", "whitepaper_download", "contact_form"),
            LADDER,
            horizon_days=10,
        )
    with pytest.raises(DataError, match="No stage can be searched. familiarity: "):
        passion_points(made, LADDER, horizon_days=800)
