"""Which source column plays which part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from journeykit.errors import ArgumentError

#: Names of the columns every log has; declared columns may not take them.
RESERVED = ("customer", "time", "touchpoint", "order")


@dataclass(frozen=True, slots=True)
class EventMapping:
    """Source columns by part.

    Attributes
    ----------
    customer : tuple of str
        One column, or several that together name the customer.
    time, touchpoint : str
    extra : dict
        Name in the log to source column, in the order of the log: ``order`` if declared, event
        columns, attributes, ``account`` if declared.
    columns, attributes : tuple of str
        Names in the log of the per-event and the per-customer columns.
    """

    customer: tuple[str, ...]
    time: str
    touchpoint: str
    extra: dict[str, str]
    columns: tuple[str, ...]
    attributes: tuple[str, ...]

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the source columns, each once."""
        parts = (*self.customer, self.time, self.touchpoint, *self.extra.values())
        return tuple(dict.fromkeys(parts))


def event_mapping(
    *,
    customer: str | Sequence[str],
    time: str,
    touchpoint: str,
    columns: Mapping[str, str] | Sequence[str],
    attributes: Sequence[str],
    account: str | None,
    order: str | None,
) -> EventMapping:
    """Check the mapping arguments of `read_events` and put them in order."""
    customers = (customer,) if isinstance(customer, str) else tuple(customer)
    if not customers:
        raise ArgumentError("`customer` must name at least one column; got none.")
    for name, value in (("columns", columns), ("attributes", attributes)):
        if isinstance(value, str):
            raise ArgumentError(f"`{name}` must be a list of names; got the text {value!r}.")
    named = columns.items() if isinstance(columns, Mapping) else ((name, name) for name in columns)
    event_columns = dict(named)
    extra = {"order": order} if order is not None else {}
    kept = {name: name for name in attributes} | ({"account": account} if account else {})
    names = [*event_columns, *kept]
    _check_text((*customers, time, touchpoint, *extra.values(), *event_columns.values(), *names))
    _check_free([*event_columns, *attributes, *(["account"] if account else [])])
    return EventMapping(
        customer=customers,
        time=time,
        touchpoint=touchpoint,
        extra=extra | event_columns | kept,
        columns=tuple(event_columns),
        attributes=tuple(kept),
    )


def _check_text(names: tuple[object, ...]) -> None:
    for name in names:
        if not isinstance(name, str) or not name:
            raise ArgumentError(f"Column names must be text that is not empty; got {name!r}.")


def _check_free(names: list[str]) -> None:
    """Refuse names that the log could not tell apart (SQL does not see upper and lower case)."""
    taken = set(RESERVED)
    for name in names:
        if name.casefold() in taken:
            raise ArgumentError(
                f"`columns` and `attributes` name {name!r} twice, or as one of "
                f"{', '.join(RESERVED)}, which every log has; give it another name with "
                f"columns={{'other_name': {name!r}}}."
            )
        taken.add(name.casefold())
