"""The law of the ledger, and names that load on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import journeykit.events
from journeykit.errors import DataError
from journeykit.events import Ledger, LedgerRow


def test_steps_worked_by_hand() -> None:
    ledger = Ledger((LedgerRow("read", "no time", 1, 3),), customers=9, events=97)
    after = ledger.then("window", "before the window", customers=7, events=90)
    assert after.frame.to_numpy().tolist() == [
        ["read", "no time", 1, 3],
        ["window", "before the window", 2, 7],
        ["kept", "", 7, 90],
    ]
    assert (after.input_customers, after.input_events) == (10, 100)
    assert ledger.events == 97


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_any_number_of_steps_sums_to_the_input(steps: list[tuple[int, int]]) -> None:
    ledger = Ledger((), customers=400, events=400)
    for customers, events in steps:
        ledger = ledger.then(
            "s", "r", customers=ledger.customers - customers, events=ledger.events - events
        )
    assert ledger.frame[["customers", "events"]].sum().tolist() == [400, 400]


def test_a_step_only_takes_out() -> None:
    with pytest.raises(DataError, match="'s' would keep 3 events of 1 customers out of 2 and 1"):
        Ledger((), customers=1, events=2).then("s", "r", customers=1, events=3)


def test_names_load_on_first_use() -> None:
    code = (
        "import sys, journeykit.events as e; assert 'read_events' in dir(e); "
        "print([m for m in ('duckdb', 'pandas', 'pyarrow', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        journeykit.events.nothing  # noqa: B018
