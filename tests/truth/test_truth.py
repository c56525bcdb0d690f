"""The claims hold: the fast run of all checks, and what attribution does not tell."""

from __future__ import annotations

import pytest

from tests.truth.attributed import against_increments
from tests.truth.check import Check
from tests.truth.checks import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])
def test_the_claim_holds(check: Check) -> None:
    result = check.run(full=False, processes=1)
    assert len(result.frame) > 0
    # Of a method that mostly has nothing to say, nothing is known.
    assert (result.frame["n_worlds"] >= 0.9 * check.fast).all()
    assert check.judge(result.frame) == []


def test_rules_and_chains_credit_placebos() -> None:
    """They are not causal: at 20,000 customers, channels without any effect get credit."""
    frame = against_increments(20_000, replicates=50).set_index("model")
    models = frame.drop("truth")
    assert models.index.tolist() == ["first", "last", "linear", "markov"]
    assert (models[["clean_low", "confounded_low"]] > 0.01).all().all()
    assert models["distance"].between(0.05, 0.5).all()
    # Touches make a third of the orders; models give them more than half.
    assert frame.loc["truth", "no_channel"] == pytest.approx(0.68, abs=0.03)
    assert (models["no_channel"] < 0.5).all()
