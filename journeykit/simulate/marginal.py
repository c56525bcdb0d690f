"""The hazard ratio of leaving after a touchpoint, computed on the contracts of a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc

from journeykit.checks import check_known
from journeykit.errors import ArgumentError
from journeykit.simulate.hazard_ratio import HazardRatio, hazard_ratio
from journeykit.simulate.parts.contract_tables import DESTINATIONS
from journeykit.simulate.past import SECONDS, START

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Indices
    from journeykit.simulate.world import World

_MICROSECONDS = 1_000_000
#: Customer and second in one whole number: room for 2^35 seconds, a thousand years.
_SPAN = 1 << 35


def marginal_hazard_ratio(
    world: World, touchpoint: str, /, *, window_days: float, destination: str | None = None
) -> HazardRatio:
    """Compute the hazard ratio of leaving after a touchpoint, on the contracts of a world.

    The risk sets run on the age of contracts: a contract is at risk from its start, or where that
    lies before the window from `window_days` into the window on, since what was met before is in no
    table; up to its end, dropping out or the last day. Only touches during the same contract
    count. Leaving for other destinations takes a contract out of the risk sets. The customer's
    other touches, segment and frailty are averaged over, not held: see `hazard_ratio`. Without
    frailty, curing, differences between segments and other effects it is the exponential of the
    conditional log hazard ratio, where that is a step of the same window and touches are further
    apart: exposure is yes or no, whereas the effects of two touches in a window add up.

    What all contracts meet on the same day of their age, such as a bill, leaves no risk set with
    exposed and unexposed, and so has no ratio on this clock.

    Parameters
    ----------
    world : World
        With the part `contracts`.
    touchpoint : str
        As the persons behind all ids met it.
    window_days : float
    destination : str, optional
        Where to; by default anywhere.

    Raises
    ------
    ArgumentError
        Unknown destination, or a world without contracts; and as `hazard_ratio`.
    """
    if "contracts" not in world.tables or world.tables["contracts"].num_rows == 0:
        raise ArgumentError("This world has no contracts; add the part 'contracts'.")
    if destination is not None:
        check_known("destination", [destination], DESTINATIONS, what="destinations")
    who, start, end, left = _contracts(world, destination)
    met_by, met_at = _met(world, touchpoint)
    spell = np.searchsorted(who * _SPAN + start, met_by * _SPAN + met_at, side="right") - 1
    during = (spell >= 0) & (who[spell] == met_by) & (met_at < end[spell])
    spell, met_at = spell[during], met_at[during]
    unseen = np.where(start < 0, round(window_days * SECONDS), start)
    return hazard_ratio(
        np.minimum(unseen - start, end - start) / SECONDS,
        (end - start) / SECONDS,
        left,
        spell,
        (met_at - start[spell]) / SECONDS,
        window_days=window_days,
        cluster=who,
    )


def _contracts(
    world: World, destination: str | None
) -> tuple[Indices, Indices, Indices, NDArray[np.bool_]]:
    """Return customer, start and end in seconds since the world's first, and whether left."""
    table, customers = world.tables["contracts"], world.tables["customers"]
    who = _numbers(table["customer_id"])
    dropped = _seconds(customers["exit_time"], otherwise=world.days * SECONDS)
    end = _seconds(table["contract_end"], otherwise=-1)
    left = table["contract_end"].is_valid().to_numpy()
    end = np.where(left, end, dropped[who])
    if destination is not None:
        words = table["destination"].cast(pa.string())
        left = left & pc.fill_null(pc.equal(words, destination), False).to_numpy()
    return who, _seconds(table["contract_start"], otherwise=0), end, left


def _met(world: World, touchpoint: str) -> tuple[Indices, Indices]:
    """Return customers and seconds of the events of a touchpoint."""
    met = pc.equal(world.events["touchpoint"].cast(pa.string()), touchpoint).to_numpy()
    who = np.repeat(np.arange(world.customers), world.lengths)
    return who[met], _seconds(world.events["event_time"].filter(pa.array(met)), otherwise=0)


def _numbers(ids: pa.ChunkedArray) -> Indices:
    """Return the customers' numbers, which are in their ids."""
    texts = ids.cast(pa.string())
    numbers: Indices = pc.utf8_slice_codeunits(texts, 1).cast(pa.int64()).to_numpy()
    return numbers


def _seconds(times: pa.ChunkedArray, *, otherwise: int) -> Indices:
    empty = START * _MICROSECONDS + otherwise * _MICROSECONDS
    values: Indices = times.cast(pa.int64()).fill_null(empty).to_numpy()
    return (values - START * _MICROSECONDS) // _MICROSECONDS
