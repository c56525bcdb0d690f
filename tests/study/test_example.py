"""The made-up customers: who they are to the cell, on every machine."""

from __future__ import annotations

import csv
from collections import Counter

from journeykit.study.example import example_tables


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(example_tables()[name].splitlines()))


def test_the_example_is_always_the_same() -> None:
    events = rows("events.csv")
    assert events[0] == {
        "customer_id": "example-56", "time": "2025-01-01 12:42", "touchpoint": "view_product",
        "amount": "",
    }  # fmt: skip
    assert Counter(row["touchpoint"] for row in events) == {
        "view_product": 205, "purchase": 118, "email_promo": 89, "app_session": 75,
        "help_center_visit": 18, "call_customer_service": 16,
    }  # fmt: skip


def test_the_example_is_in_order_and_in_half_a_year() -> None:
    times = [row["time"] for row in rows("events.csv")]
    assert times == sorted(times)
    assert times[0] > "2025-01-01"
    assert times[-1] < "2025-07-01"


def test_who_is_in_the_example() -> None:
    customers = rows("customers.csv")
    assert Counter(row["came_by"] for row in customers) == {"search": 30, "friend": 30}
    assert {row["customer_id"] for row in customers} == {
        row["customer_id"] for row in rows("events.csv")
    }


def test_only_purchases_have_an_amount() -> None:
    for row in rows("events.csv"):
        assert bool(row["amount"]) == (row["touchpoint"] == "purchase")
        assert not row["amount"] or 500 <= int(row["amount"]) < 7_500
