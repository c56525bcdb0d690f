from __future__ import annotations

import pytest

from journeykit import attribution
from tests.attribution.example import OUTCOMES


def test_roles_worked_by_hand() -> None:
    # conversions: mail web (edge) | web | web web mail | (no touch)
    result = attribution.roles(OUTCOMES, replicates=20)
    share = result.frame.set_index(["role", "channel"])["share"]
    assert share.to_dict() == pytest.approx(
        {
            ("introducer", "mail"): 0,
            ("introducer", "web"): 1,
            ("assister", "mail"): 0,
            ("assister", "web"): 1 / 2,
            ("closer", "mail"): 1 / 3,
            ("closer", "web"): 2 / 3,
        }
    )
    assert result.summary() == (
        "Most often: introducer web (100.0%), assister web (50.0%), closer web (66.7%)."
    )
    assert [t.get_text() for t in result.plot().get_yticklabels()] == ["web", "mail"]
