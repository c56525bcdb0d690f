"""Made-up customers of a small shop: what `journeykit init` puts where one's own data go."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random

_CUSTOMERS = 60
_BEGIN, _END = datetime(2025, 1, 1), datetime(2025, 7, 1)  # noqa: DTZ001 - the shop's own clock
#: How customers came -> the chance that a visit is their last.
_LAST_VISIT = {"search": 0.28, "friend": 0.1}
#: Shorter than the silence that the example's study calls leaving.
_MOST_DAYS_AWAY = 44
_EMAILS = tuple(datetime(2025, month, 4, 9) for month in (2, 3, 4, 5, 6))  # noqa: DTZ001

_Row = tuple[str, ...]


def example_tables() -> dict[str, str]:
    """Return `events.csv` and `customers.csv` as text: 60 customers in half a year.

    The same on every machine: only `Random.random` is drawn from, whose sequence Python keeps.
    """
    chance = Random(2025)  # noqa: S311 - an example, no secret
    ways = list(_LAST_VISIT)
    customers = [(f"example-{n:02}", ways[n % 2]) for n in range(1, _CUSTOMERS + 1)]
    events = sorted(
        (
            (customer, f"{at:%Y-%m-%d %H:%M}", *what)
            for customer, way in customers
            for at, *what in _events(_LAST_VISIT[way], chance)
            if at < _END
        ),
        key=itemgetter(1),
    )
    heading = ("customer_id", "time", "touchpoint", "amount")
    return {
        "events.csv": _text([heading, *events]),
        "customers.csv": _text([("customer_id", "came_by"), *customers]),
    }


def _events(last_visit: float, chance: Random) -> Iterator[tuple[datetime, str, str]]:
    """Yield the events of one customer, whose visits may go on beyond the end."""
    first = at = _BEGIN + timedelta(minutes=int(chance.random() * 100 * 1440))
    while True:
        yield at, "app_session" if chance.random() < 0.3 else "view_product", ""
        if chance.random() < 0.4:
            at += timedelta(minutes=2 + int(chance.random() * 20))
            yield at, "purchase", str(500 + 10 * int(chance.random() * 700))
            if chance.random() < 0.35:
                at += timedelta(minutes=60 + int(chance.random() * 5000))
                service = chance.random() < 0.5
                yield at, "call_customer_service" if service else "help_center_visit", ""
        if chance.random() < last_visit:
            break
        # Often soon, seldom late; no logarithm, whose last digit differs between machines.
        at += timedelta(minutes=30 + int(_MOST_DAYS_AWAY * 1440 * chance.random() ** 2))
    # Those who have left go on to get mail: it is no sign of life.
    for sent in _EMAILS:
        if sent > first and chance.random() < 0.35:
            yield sent, "email_promo", ""


def _text(rows: list[_Row]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
