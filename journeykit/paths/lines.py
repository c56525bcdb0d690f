"""Journeys to look at: one line each, a sample, without names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.checks import check_whole
from journeykit.counts.kernels import path_hashes
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import is_open
from journeykit.journeys.fingerprint import hash_customers
from journeykit.results import Provenance, Result
from journeykit.stats.hashing import hash_strings, mix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

OTHER, OPEN = "(other)", "(open)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Ribbons(Result):
    """``line step touchpoint time_days``, one row per event of the journeys drawn, in their order.

    `line` counts them from 1, `step` the events of a line from 1; `time_days` since its first
    event, empty without times. A journey that is open ends with a row ``(open)`` at the end of
    its watching. No customer is named, but a line is one person's journey all the same: it is for
    those who may see the data.

    Attributes
    ----------
    touchpoints : tuple of str
        Touchpoints with a colour of their own, the most frequent of all journeys.
    n_journeys : int
        Journeys with an event, of which the lines are a sample.
    n_rare : int
        Journeys that could not be drawn, because fewer than `small_cell` customers went that way.
    """

    touchpoints: tuple[str, ...]
    n_journeys: int
    n_rare: int
    rows: ClassVar[str] = "events"

    def summary(self) -> str:
        """Say how many of how many journeys are drawn."""
        lines = self.frame["line"].nunique()
        still = int((self.frame["touchpoint"] == OPEN).sum())
        often = f" on ways that many went ({self.n_rare:,} others are rarer)" if self.n_rare else ""
        return (
            f"{lines:,} of {self.n_journeys - self.n_rare:,} journeys{often}, drawn at random; "
            f"{still:,} of them are still open"
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        axis: Literal["step", "time"] = "step",
        most_steps: int = 30,
    ) -> Axes:
        """Draw a line a journey, coloured by touchpoint, alike journeys beside each other.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        axis : {"step", "time"}
            With time a touchpoint lasts until the next event.
        most_steps : int
            Steps drawn of a line; how many more there are is written at its end.
        """
        from journeykit.draw import ribbon_chart

        check_whole("most_steps", most_steps, least=1)
        if axis not in ("step", "time"):
            raise ArgumentError(f"`axis` must be one of step, time; got {axis!r}.")
        if axis == "time" and self.frame["time_days"].isna().any():
            raise NotObservedError(
                "`axis` 'time' needs the time of each event; these journeys come from a path "
                "table without times. `axis` 'step' draws them."
            )
        frame = self.frame
        named = frame["touchpoint"].isin([*self.touchpoints, OPEN])
        last = ~frame["line"].duplicated(keep="last")
        begin = frame["time_days"] if axis == "time" else frame["step"] - 0.5
        end = begin.shift(-1).mask(last, begin) if axis == "time" else begin + 1
        if axis == "step":
            cut = frame["step"] > most_steps
            more = frame[cut].groupby("line")["step"].count()
        else:
            cut, more = pd.Series(False, index=frame.index), pd.Series(dtype=np.int64)
        ax = ribbon_chart(
            line=frame["line"][~cut] - 1,
            begin=begin[~cut],
            end=end[~cut],
            place=frame["touchpoint"].where(named, OTHER)[~cut],
            touchpoints=self.touchpoints,
            edges=(OTHER, "", OPEN),
            more={int(line) - 1: (most_steps + 0.5, f"+{n}") for line, n in more.items()},
            ax=ax,
        )
        unit = "days since the first event" if axis == "time" else "step"
        ax.set_xlabel(f"{unit} ({frame['line'].nunique():,} of {self.n_journeys:,} journeys)")
        return ax


def ribbons(
    journeys: Journeys, /, *, n: int = 40, top: int = 7, small_cell: int = 1, seed: int = 0
) -> Ribbons:
    """Draw journeys by lot and put alike ones beside each other, to be looked at.

    Every journey with an event has the same chance; which are drawn depends on `seed`, the
    customer's id and the number of the customer's journey alone. Lines are ordered by their
    touchpoints from the first on, the more frequent before the rarer, shorter ones first.

    Parameters
    ----------
    journeys : Journeys
    n : int
        Lines, fewer if there are fewer.
    top : int
        Touchpoints that have a colour, at most 7; the others share one.
    small_cell : int
        Draw only journeys that as many customers went in the same way, for readers who must not
        recognise anybody. Rare ways are then missing from the picture.
    seed : int

    Raises
    ------
    DataError
        When there is no event, or no way that enough customers went.
    """
    check_whole("n", n, least=1)
    check_whole("top", top, least=1)
    check_whole("small_cell", small_cell, least=1)
    filled = np.flatnonzero(journeys.length > 0)
    if len(filled) == 0:
        raise DataError(f"There is no event in {len(journeys):,} journeys; nothing can be drawn.")
    often = filled[_customers_alike(journeys, filled) >= small_cell] if small_cell > 1 else filled
    if len(often) == 0:
        raise DataError(
            f"None of {len(filled):,} journeys goes a way that {small_cell} customers went; lower "
            "`small_cell`, or merge repeats with `collapse_repeats`."
        )
    volume = np.bincount(journeys.touchpoint, minlength=len(journeys.names))
    by_volume = np.argsort(-volume, kind="stable")
    rank = np.empty(len(by_volume), dtype=np.int64)
    rank[by_volume] = np.arange(len(by_volume))
    key = _key(journeys, seed)[often]
    drawn = often[np.argsort(key, kind="stable")[:n]].tolist()
    paths = {
        one: rank[journeys.touchpoint[journeys.start[one] : journeys.start[one + 1]]].tolist()
        for one in drawn
    }
    lines = sorted(drawn, key=lambda one: (paths[one], one))
    shown = by_volume[: min(top, 7, int((volume > 0).sum()))]
    return Ribbons(
        frame=_frame(journeys, np.array(lines)),
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={"n": n, "top": top, "small_cell": small_cell},
            seed=seed,
        ),
        touchpoints=tuple(journeys.names[code] for code in shown),
        n_journeys=len(filled),
        n_rare=len(filled) - len(often),
    )


def _customers_alike(journeys: Journeys, which: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count for each of some journeys the customers with one that looks the same, open or not."""
    names = hash_strings(pa.array(journeys.names, pa.string()))
    start, stop = journeys.start[:-1][which], journeys.start[1:][which]
    path = path_hashes(journeys.touchpoint, start, stop, names)
    looks = np.column_stack([path, is_open(journeys)[which]])
    _, look = np.unique(looks, axis=0, return_inverse=True)
    pairs = np.unique(np.column_stack([look, journeys.customer_index[which]]), axis=0)
    return np.bincount(pairs[:, 0])[look]


def _key(journeys: Journeys, seed: int) -> NDArray[np.uint64]:
    """Hash each journey by its customer's id and its number among the customer's journeys."""
    who = journeys.customer_index
    number = np.arange(len(who)) - np.searchsorted(who, who)
    customer = hash_customers(journeys.customer_id)[who]
    return mix(customer ^ mix(number), seed=seed)


def _frame(journeys: Journeys, lines: NDArray[np.int64]) -> pd.DataFrame:
    length = journeys.length[lines]
    still = is_open(journeys)[lines]
    rows = length + still
    line = np.repeat(np.arange(len(lines)), rows)
    step = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows)
    over = step == length[line]
    event = journeys.start[lines][line] + step - over
    touchpoint = np.array(journeys.names, dtype=object)[journeys.touchpoint[event]]
    touchpoint[over] = OPEN
    days = np.full(len(line), np.nan)
    if journeys.time is not None:
        time = journeys.time[event]
        if journeys.observed_to is not None:
            time = np.where(over, journeys.observed_to[lines][line], time)
        days = (time - journeys.time[journeys.start[lines]][line]) / DAY
    return pd.DataFrame(
        {"line": line + 1, "step": step + 1, "touchpoint": touchpoint, "time_days": days}
    )
