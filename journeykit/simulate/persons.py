"""The journeys of the persons behind all ids: what no company sees, and a simulated world knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from journeykit.journeys import Journeys
from journeykit.simulate.past import START
from journeykit.simulate.writing import with_contracts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.world import World

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND


def journeys_of(world: World, /) -> Journeys:
    """Return the journeys of all customers of a world; see `World.journeys`."""
    events, customers = world.events, with_contracts(world)
    used = np.unique(_codes(events["touchpoint"]))
    names = events["touchpoint"].chunk(0).dictionary.take(pa.array(used)).to_pylist()
    code = np.searchsorted(used, _codes(events["touchpoint"])).astype(np.uint8)
    begin, end = START * _SECOND, START * _SECOND + world.days * _DAY
    entry = customers["entry_time"].cast(pa.int64()).to_numpy()
    left = customers["exit_time"].cast(pa.int64()).fill_null(end).to_numpy()
    hidden = world.hidden["customers"]
    attributes = customers.drop_columns(["customer_id", "exit_time"])
    for name in hidden.column_names:
        if name not in ("customer_id", *attributes.column_names):
            attributes = attributes.append_column(name, hidden[name])
    return Journeys(
        names=tuple(names),
        touchpoint=code,
        start=np.concatenate([[0], np.cumsum(world.lengths)]),
        time=events["event_time"].cast(pa.int64()).to_numpy(),
        customer_id=customers["customer_id"].cast(pa.string()).combine_chunks(),
        observed_from=np.maximum(entry, begin),
        observed_to=left,
        attributes=attributes.unify_dictionaries().combine_chunks(),
        columns={"session": events["session_id"].fill_null(-1).to_numpy()},
        window=(begin, end),
    )


def _codes(column: pa.ChunkedArray) -> NDArray[np.int32]:
    return np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks])
