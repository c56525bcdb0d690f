from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from journeykit.errors import ArgumentError, MappingError
from journeykit.simulate.marginal import marginal_hazard_ratio
from journeykit.simulate.parts.contract_events import KINDS
from journeykit.simulate.parts.contract_tables import DESTINATIONS
from tests.simulate.parts.test_contracts import NO_CURE, NO_EFFECT, base, events, leaving
from tests.simulate.parts.worlds import made

ALIKE: dict[str, Any] = {**NO_EFFECT, **NO_CURE, **base(1.0)}


def raised(kind: str, log_ratio: float) -> dict[str, Any]:
    path = f"contracts.log_hazard_ratio.{kind}"
    return {**ALIKE, path: dict.fromkeys(DESTINATIONS, log_ratio)}


def test_without_frailty_a_step_is_found_again() -> None:
    """Price change, met once: log ratio 1.1 with a standard error of 0.05."""
    world = made("contracts", 16_000, raised("price_change", 1.1))
    found = marginal_hazard_ratio(world, "price_change", window_days=30)
    assert found.std_error < 0.055
    assert abs(found.log_hazard_ratio - 1.1) < 4 * found.std_error
    for to in DESTINATIONS[:2]:
        of = marginal_hazard_ratio(world, "price_change", window_days=30, destination=to)
        assert of.std_error < 0.1
        assert abs(of.log_hazard_ratio - 1.1) < 4 * of.std_error
    for harmless in ("email_marketing", "call_tech_support"):
        none = marginal_hazard_ratio(world, harmless, window_days=30)
        assert abs(none.log_hazard_ratio) < 4 * none.std_error


def test_effects_on_one_destination_stay_there() -> None:
    ratios = {**dict.fromkeys(DESTINATIONS, 0.0), "lapse": 1.5}
    path = "contracts.log_hazard_ratio.price_change"
    world = made("contracts", 12_000, {**ALIKE, path: ratios})
    lapse, others = (
        marginal_hazard_ratio(world, "price_change", window_days=30, destination=to)
        for to in ("lapse", "competitor A")
    )
    assert abs(lapse.log_hazard_ratio - 1.5) < 4 * lapse.std_error < 0.5
    assert abs(others.log_hazard_ratio) < 4 * others.std_error < 0.75


def test_frailty_attenuates_it() -> None:
    """Log ratio 1.1 for each, felt over 300 days, sigma 2: about 0.85 with an error of 0.045."""
    settings = {
        **raised("price_change", 1.1),
        "contracts.window_days": dict.fromkeys(KINDS, 300.0),
    }
    plain, frail = (
        marginal_hazard_ratio(
            made("contracts", 26_000, {**settings, "contracts.frailty_sigma": sigma}),
            "price_change",
            window_days=300,
        )
        for sigma in (0.0, 2.0)
    )
    assert abs(plain.log_hazard_ratio - 1.1) < 4 * plain.std_error < 0.14
    assert 0.6 < frail.log_hazard_ratio < 1.1 - 4 * frail.std_error


def test_immortal_time() -> None:
    """No effect at all: comparing who was ever called is far off, comparing risk sets is not.

    At 1.5 ends a year, 29 % live to day 300; those ever called lived that long by their nature.
    """
    world = made("contracts", 20_000, {**ALIKE, **base(1.5)})
    contracts = leaving(world).query("number == 0 and start >= 0 and start < 330")
    call = events(world).query("touchpoint == 'call_followup'").groupby("who")["time"].min()
    ever = call.reindex(contracts["who"]).to_numpy() < contracts["end"]
    alive = contracts["end"] > contracts["start"] + 300
    survival = [alive[ever].mean(), alive[~ever].mean()]
    assert survival[0] > 0.99
    assert survival[1] < 0.2
    days = contracts["end"].clip(upper=731) - contracts["start"]
    gone = contracts["end"] < 731
    crude = np.log(gone[ever].sum() / days[ever].sum() / (gone[~ever].sum() / days[~ever].sum()))
    error = np.sqrt(1 / gone[ever].sum() + 1 / gone[~ever].sum())
    assert crude < -10 * error
    found = marginal_hazard_ratio(world, "call_followup", window_days=30)
    assert abs(found.log_hazard_ratio) < 4 * found.std_error < 0.75
    late = marginal_hazard_ratio(world, "call_followup", window_days=300)
    assert abs(late.log_hazard_ratio) < 4 * late.std_error < 0.5


def test_refusals() -> None:
    world = made("contracts", 200)
    with pytest.raises(MappingError, match="destinations that do not exist: 'competitor C'"):
        marginal_hazard_ratio(world, "price_change", window_days=30, destination="competitor C")
    with pytest.raises(ArgumentError, match="0 such risk sets"):
        marginal_hazard_ratio(world, "pos_receipt", window_days=30)
    with pytest.raises(ArgumentError, match="no contracts"):
        marginal_hazard_ratio(made("ladder", 50), "price_change", window_days=30)
    none = world.null("contracts.subscribes", "contracts.already")
    with pytest.raises(ArgumentError, match="no contracts"):
        marginal_hazard_ratio(none, "price_change", window_days=30)
