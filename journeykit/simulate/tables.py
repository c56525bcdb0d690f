"""The tables of a company's customer journeys: columns and types, for all parts there will be.

Times are timestamps in UTC, money is in cents, customers are texts. A part fills some of them; a
world has the tables that its parts fill.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
WORD = pa.dictionary(pa.int32(), pa.string())

#: Who performs a step.
ACTORS = ("customer", "automatic", "human")
#: What came of a step.
STATUSES = ("ok", "failed")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


#: Table -> columns. ``customer_id`` in `events` is the id under which the company saw the event: a
#: device until its first login there. `identities` links the two.
TABLES: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "events": _schema(
            customer_id=WORD,
            event_time=TIME,
            touchpoint=WORD,
            channel=WORD,
            actor=WORD,
            status=WORD,
            value=pa.int64(),
            cost=pa.int64(),
            session_id=pa.int64(),
        ),
        "touchpoints": _schema(
            touchpoint=pa.string(),
            channel=pa.string(),
            phase=pa.string(),
            owner=pa.string(),
            medium=pa.string(),
            observability=pa.string(),
            initiator=pa.string(),
            stage=pa.string(),
            accountable=pa.string(),
        ),
        "customers": _schema(
            customer_id=WORD,
            segment=WORD,
            region=WORD,
            age=WORD,
            income=WORD,
            household_size=pa.int64(),
            subscriber=pa.bool_(),
            app_user=pa.bool_(),
            entry_time=TIME,
            exit_time=TIME,
        ),
        "identities": _schema(anonymous=WORD, known=WORD, time=TIME, confidence=pa.float64()),
        "orders": _schema(
            customer_id=WORD, order_time=TIME, place=WORD, value=pa.int64(), order_id=pa.int64()
        ),
        "contracts": _schema(
            customer_id=WORD,
            contract_start=TIME,
            contract_end=TIME,
            destination=WORD,
            monthly_fee=pa.int64(),
        ),
        "assignments": _schema(
            customer_id=WORD,
            experiment=WORD,
            arm=WORD,
            probability=pa.float64(),
            eligible_time=TIME,
        ),
        "exposures": _schema(
            customer_id=WORD,
            experiment=WORD,
            eligible_time=TIME,
            exposed_time=TIME,
            ghost=pa.bool_(),
        ),
        "offers": _schema(
            customer_id=WORD,
            offer=WORD,
            eligible_time=TIME,
            arm=WORD,
            probability=pa.float64(),
            accepted=pa.bool_(),
        ),
        "actions": _schema(
            customer_id=WORD, action_time=TIME, context=WORD, action=WORD, probability=pa.float64()
        ),
        "promises": _schema(
            customer_id=WORD,
            queue=WORD,
            made_time=TIME,
            due_time=TIME,
            kept_time=TIME,
            fallback_time=TIME,
            actor=WORD,
        ),
        "survey_invites": _schema(
            customer_id=WORD,
            wave=WORD,
            invited_time=TIME,
            invited=pa.bool_(),
            probability=pa.float64(),
        ),
        "survey_responses": _schema(
            customer_id=WORD,
            wave=WORD,
            response_time=TIME,
            touchpoint=WORD,
            item=WORD,
            score=pa.int64(),
            comment=pa.string(),
        ),
        "sentiment": _schema(customer_id=WORD, event_time=TIME, touchpoint=WORD, score=pa.int64()),
        "spend": _schema(channel=WORD, day=pa.date32(), touches=pa.int64(), cost=pa.int64()),
        "external_events": _schema(event_time=TIME, kind=WORD, scope=WORD, note=pa.string()),
    }
)
