from __future__ import annotations

import numpy as np
import pytest

from journeykit.simulate.parts.holdouts import HoldoutsTruth
from journeykit.simulate.world import World, world

N = 4_000
#: Half held out: the difference is as sharp as it can be.
HALF = {
    "channels.touchpoints.email_promo.holdout": 0.5,
    "channels.touchpoints.sms_sent.holdout": 0.5,
}


def truth(made: World) -> HoldoutsTruth:
    told = made.truth["holdouts"]
    assert isinstance(told, HoldoutsTruth)
    return told


def orders_by_customer(made: World) -> np.ndarray:
    ids = made.tables["orders"].to_pandas()["customer_id"].astype(str).str[1:].astype(int)
    return np.bincount(ids, minlength=made.customers)


def test_differences_are_those_of_the_tables() -> None:
    made = world(customers=N, seed=1)
    arms = made.tables["assignments"].to_pandas()
    assert set(truth(made).channels) == {
        "email_promo", "ad_impression", "catalog_mailed", "sms_sent", "social_owned_touch",
    }  # fmt: skip
    for name, experiment in truth(made).channels.items():
        mine = arms[(arms["experiment"] == name) & (arms["arm"] == "holdout")]
        held = mine["customer_id"].astype(str).str[1:].astype(int)
        mask = np.isin(np.arange(N), held)
        treated, out = orders_by_customer(made)[~mask], orders_by_customer(made)[mask]
        assert (experiment.treated, experiment.held_out) == (len(treated), len(out))
        assert experiment.difference == pytest.approx(treated.mean() - out.mean())
        variance = treated.var(ddof=1) / len(treated) + out.var(ddof=1) / len(out)
        assert experiment.std_error == pytest.approx(np.sqrt(variance))


def test_differences_estimate_their_effects_all_that_follows_included() -> None:
    """Mails begin loops of remarketing, messages bring about sessions: both are in the effect."""
    errors = []
    for seed in range(25):
        told = truth(world(customers=N, seed=seed, settings=HALF)).channels.values()
        errors += [(one.difference - one.effect) / one.std_error for one in told]
    # 125 of them: mean 0 and spread 1 within their own errors.
    assert abs(np.mean(errors)) < 4 / np.sqrt(len(errors))
    assert 0.8 < np.std(errors) < 1.2


def test_a_mail_is_worth_its_loops_too() -> None:
    made = world(customers=20_000, seed=3, settings=HALF)
    without = made.null("channels.touchpoints.email_promo.touches_a_day")
    lost = made.tables["orders"].num_rows - without.tables["orders"].num_rows
    told = truth(made).channels["email_promo"]
    assert abs(lost - told.effect * told.treated) < 4 * np.sqrt(lost)
    assert made.truth["remarketing"].orders > 20


def test_without_channels_or_orders_there_are_no_experiments() -> None:
    for parts in (["orders"], ["channels"], []):
        assert truth(world(customers=50, parts=[*parts, "holdouts"])).channels == {}
