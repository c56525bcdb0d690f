"""Under which id the company sees an event: a device's, until its owner logs in there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.past import SECONDS, Drawn
from journeykit.simulate.touchpoints import touchpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.simulate.past import Past

#: Channels in which customers are met on a device that may not know them.
_WEB = ("website_email", "mobile")
#: Where they say who they are.
LOGINS = ("checkout", "thank_you_page", "contact_form", "help_center_visit")


@dataclass(frozen=True, slots=True)
class Seen:
    """Under which ids the events of a block are seen.

    Attributes
    ----------
    code : array of int64, shape (n_events,)
        Index into the customers of the block, and after those into `devices`.
    devices : pyarrow.Array
    links, owners : pyarrow.Table or None
        The table `identities`, and who each device belongs to in truth.
    """

    code: NDArray[np.int64]
    devices: pa.Array
    links: pa.Table | None = None
    owners: pa.Table | None = None


def known_by_name(events: Mapping[str, NDArray[Any]], /) -> Seen:
    """Return that every event is seen under the customer's own id."""
    return Seen(events["who"], pa.array([], pa.string()))


class IdentityTruth(Truth):
    """What is true of ids.

    Attributes
    ----------
    devices : int
        Devices on which anything happened.
    events_unnamed : int
        Events seen under a device's id.
    events_unlinked : int
        Those of devices that never got to know their owner: no link leads to them.
    """

    devices: int
    events_unnamed: int
    events_unlinked: int


class Identity(Part):
    """Cross-device identities.

    What a customer does on the web happens on one of up to three devices, one a day. Until the
    first login on a device (at checkout, a form, the help center) its events carry the device's
    id; from then on the customer's. The login links the two.

    Parameters
    ----------
    second_device, third_device : float
        Probability that a customer has a second one; and, having two, a third.
    """

    name: ClassVar[str] = "identity"
    second_device: Annotated[float, Field(ge=0, le=1)] = 0.5
    third_device: Annotated[float, Field(ge=0, le=1)] = 0.3

    def draw(self, past: Past, /) -> Drawn:  # noqa: ARG002
        """Add nothing: ids are given when all events are there, by `seen`."""
        return Drawn()

    def seen(self, past: Past, events: Mapping[str, NDArray[Any]], /) -> Seen:
        """Return under which id each event is seen."""
        rows = touchpoints()
        web = np.array([row.channel in _WEB and row.initiator != "firm" for row in rows])
        login = np.array([row.touchpoint in LOGINS for row in rows])
        who, code = events["who"], events["code"]
        at = np.flatnonzero(web[code] | login[code])
        device = 3 * who[at] + self._device(past, who[at], events["second"][at] // SECONDS)
        first_login = np.full(3 * past.n, np.iinfo(np.int64).max)
        logs_in = login[code[at]]
        np.minimum.at(first_login, device[logs_in], events["second"][at][logs_in])
        unnamed = events["second"][at] < first_login[device]
        numbers, index = np.unique(device[unnamed], return_inverse=True)
        seen_as = who.copy()
        seen_as[at[unnamed]] = past.n + index
        linked = first_login[numbers] < np.iinfo(np.int64).max
        events_of = np.bincount(index, minlength=len(numbers))
        past.add(
            Drawn(
                sums={
                    "identity.devices": len(np.unique(device)),
                    "identity.unnamed": int(unnamed.sum()),
                    "identity.unlinked": int(events_of[~linked].sum()),
                }
            )
        )
        return _seen(past, seen_as, numbers, first_login)

    def _device(
        self, past: Past, who: NDArray[np.int64], day: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        second = past.draws.uniform("device.second") < self.second_device
        third = second & (past.draws.uniform("device.third") < self.third_device)
        owned = 1 + second.astype(np.int64) + third
        drawn = past.draws.uniform("device.used", who=who, number=day)
        return np.floor(drawn * owned[who]).astype(np.int64)

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> IdentityTruth:  # noqa: ARG002
        """Return what was counted."""
        return IdentityTruth(
            devices=int(sums["identity.devices"]),
            events_unnamed=int(sums["identity.unnamed"]),
            events_unlinked=int(sums["identity.unlinked"]),
        )


def _seen(
    past: Past,
    seen_as: NDArray[np.int64],
    numbers: NDArray[np.int64],
    first_login: NDArray[np.int64],
) -> Seen:
    from journeykit.simulate.assembly import customer_ids, table_of
    from journeykit.simulate.tables import TABLES

    owner = numbers // 3
    names = np.array(
        [
            f"D{customer:07}-{device + 1}"
            for customer, device in zip(
                past.customers[owner].tolist(), (numbers % 3).tolist(), strict=True
            )
        ],
        dtype=object,
    )
    ids = np.array(customer_ids(past.customers), dtype=object)
    linked = first_login[numbers] < np.iinfo(np.int64).max
    links = {
        "anonymous": names[linked],
        "known": ids[owner[linked]],
        "time": first_login[numbers[linked]] / SECONDS,
        "confidence": np.ones(int(linked.sum())),
    }
    owners = {"device_id": names, "who": owner}
    return Seen(
        seen_as,
        pa.array(names.tolist(), pa.string()),
        table_of(links, TABLES["identities"], None),
        table_of(owners, None, pa.array(ids.tolist())),
    )
