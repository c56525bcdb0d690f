"""Tables of cadence: sends a week, and responses by position and by gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.maps.rates import rates, watched, without_small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.maps.sending.sends import Sends

_GAPS = (1, 3, 7, 14, 30)
_GAP_NAMES = (
    "up to 1 day",
    "1 to 3 days",
    "3 to 7 days",
    "7 to 14 days",
    "14 to 30 days",
    "more than 30 days",
    "first seen",
)


def by_position(seen: Sends, most: int, small_cell: int, confidence: float, /) -> pd.DataFrame:
    """Estimate the response by how many were sent to the customer before."""
    names = [*(f"{k + 1}" for k in range(most)), f"more than {most}"]
    return _by("position", names, np.minimum(seen.position, most), seen, small_cell, confidence)


def by_gap(seen: Sends, small_cell: int, confidence: float, /) -> pd.DataFrame:
    """Estimate the response by the time since the send before."""
    group = np.where(seen.gap < 0, len(_GAPS) + 1, np.searchsorted(_GAPS, seen.gap / DAY))
    return _by("gap", _GAP_NAMES, group, seen, small_cell, confidence)


def _by(
    label: str,
    names: Sequence[str],
    group: NDArray[np.integer],
    seen: Sends,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    kept = np.flatnonzero(seen.followed & ~seen.overtaken)
    found = rates(
        group[kept],
        seen.responded[kept],
        seen.customer[kept],
        n_groups=len(names),
        confidence=confidence,
    )
    frame = pd.DataFrame({label: list(names)} | found._asdict())
    columns = ["n", "n_event", "estimate", "conf_low", "conf_high"]
    met = frame[frame["n"] > 0].reset_index(drop=True)
    return without_small(met, hide=columns, small_cell=small_cell)


def sends_per_week(
    journeys: Journeys, seen: Sends, small_cell: int, confidence: float
) -> pd.DataFrame:
    """Estimate sends a customer and week, of the time watched, by touchpoint and of all."""
    from scipy.special import ndtri

    _, before, after = watched(journeys, "`cadence`")
    first = journeys.start[:-1][journeys.length > 0]
    weeks = np.zeros(len(journeys))
    weeks[journeys.length > 0] = (before[first] + after[first]) / (7 * DAY)
    total, customers = weeks.sum(), max(int((weeks > 0).sum()), 1)
    z = float(ndtri((1 + confidence) / 2))
    rows = []
    met = np.unique(seen.touchpoint)
    for name, mask in [
        *((journeys.names[at], seen.touchpoint == at) for at in met),
        ("(any)", np.ones(len(seen.touchpoint), dtype=bool)),
    ]:
        count = np.bincount(seen.customer[mask], minlength=len(journeys))
        rate = count.sum() / total if total > 0 else np.nan
        spread = ((count - rate * weeks) ** 2).sum() * customers / max(customers - 1, 1)
        # On the log scale: a rate is above 0.
        error = np.sqrt(spread) / total / rate if total > 0 else np.nan
        bounds = rate * np.exp(-z * error), rate * np.exp(z * error)
        rows.append((name, int(count.sum()), int((count > 0).sum()), total, rate, *bounds))
    columns = ["touchpoint", "n", "n_customers", "n_weeks", "estimate", "conf_low", "conf_high"]
    frame = pd.DataFrame(rows, columns=columns)
    hide = ["n", "estimate", "conf_low", "conf_high"]
    return without_small(frame, hide=hide, small_cell=small_cell)
