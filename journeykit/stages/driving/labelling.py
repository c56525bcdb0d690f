"""What may move customers on: touchpoints, channels, content; and the groups it may differ by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from journeykit.checks import check_known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study.catalogue import Catalogue

#: Group of customers whose attribute is empty.
MISSING = "(not told)"


class Candidate(NamedTuple):
    """Events of one possible driver: journeys and times, in order."""

    kind: str
    name: str
    who: NDArray[np.int64]
    time: NDArray[np.int64]


def candidates(
    journeys: Journeys,
    leading: set[str],
    /,
    *,
    catalogue: Catalogue | None,
    content: str | None,
) -> list[Candidate]:
    """List touchpoints, channels of several touchpoints and values of a column, by name.

    Events that lead to rungs belong to none.
    """
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    time = journeys.need_time("`drivers`")
    names = np.array(journeys.names, dtype=object)
    leads = np.isin(names, list(leading))
    code = np.where(leads, -1, np.arange(len(names)))[journeys.touchpoint]
    found = list(_each("touchpoint", list(names), code, owner, time))
    if catalogue is not None:
        known = sorted({catalogue.channel_of(name) for name in names[~leads]})
        place = [-1 if lead else known.index(catalogue.channel_of(name)) for name, lead in
                 zip(names, leads, strict=True)]  # fmt: skip
        found += _each("channel", known, np.array(place)[journeys.touchpoint], owner, time)
    if content is not None:
        check_known("content", [content], list(journeys.columns), what="columns of events")
        values, of_event = np.unique(_texts(journeys.columns[content]), return_inverse=True)
        blank = np.isin(values, ["", "None", "nan"])
        of_event = np.where(leads[journeys.touchpoint] | blank[of_event], -1, of_event)
        found += _each("content", values.tolist(), of_event, owner, time)
    return found


def _texts(column: NDArray[np.generic]) -> NDArray[np.str_]:
    return column.astype(str)


def _each(
    kind: str,
    names: list[str],
    code: NDArray[np.int64],
    owner: NDArray[np.int64],
    time: NDArray[np.int64],
) -> Iterator[Candidate]:
    """Split the events by driver."""
    order = np.argsort(code, kind="stable")
    ends = np.searchsorted(code[order], np.arange(len(names) + 1))
    for at, name in enumerate(names):
        mine = order[ends[at] : ends[at + 1]]
        if len(mine):
            yield Candidate(kind, str(name), owner[mine], time[mine])


def groups_of(journeys: Journeys, by: str | None, /) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of the groups, and each journey's; one called ``all`` without `by`."""
    if by is None:
        return ("all",), np.zeros(len(journeys), dtype=np.int64)
    check_known("by", [by], journeys.attributes.column_names, what="attributes")
    column = journeys.attributes[by]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = column.cast(pa.string()).fill_null(MISSING).to_numpy()
    names, code = np.unique(texts.astype(str), return_inverse=True)
    return tuple(names.tolist()), code
