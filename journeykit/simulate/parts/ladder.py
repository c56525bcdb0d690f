"""What the company sees of the ladder: a marker on entering a rung, then orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.parts.orders import first_orders
from journeykit.simulate.parts.population import SEGMENTS
from journeykit.simulate.parts.spells import Spells
from journeykit.simulate.parts.stages import RUNGS, by_move, moves_seen
from journeykit.simulate.past import Drawn, Touches, sort_key, whole_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Columns, Past

LADDER = (*RUNGS, "conversion", "retention")
#: Touch that tells of the entry into a rung; no other part may leave one of these.
MARKERS = ("view_microsite", "whitepaper_download", "contact_form")


class LadderTruth(Truth):
    """What is true of the ladder, orders included.

    Attributes
    ----------
    markers : mapping of str to str
        Touchpoint: the rung whose entry it marks.
    occupancy : mapping of str to list of int
        Stage: customers in it at the end of each full week, of those observed up to then.
    occupancy_entered_inside : mapping of str to list of int
        The same among those who entered inside the window: what a replay of the events gives.
    moves : mapping of str to mapping of str to int
        Segment, move between rungs before the first order, of those who entered inside.
    days : mapping of str to mapping of str to float
        Segment, stage: days observed there, of those who entered inside.
    conversions : mapping of str to mapping of str to int
        Segment, rung: first orders inside the window that were made from it, of those who entered
        inside.
    """

    markers: dict[str, str]
    occupancy: dict[str, list[int]]
    occupancy_entered_inside: dict[str, list[int]]
    moves: dict[str, dict[str, int]]
    days: dict[str, dict[str, float]]
    conversions: dict[str, dict[str, int]]


class Ladder(Part):
    """The stages as a rule on events replays them.

    Before the first order the stage is the one of `Stages`, and each entry into it, the first at
    the customer's entry included, leaves a marker at that second: ``view_microsite`` for
    familiarity, ``whitepaper_download`` for engagement, ``contact_form`` for deliberation. From the
    first order on it is conversion, and from `retention_days` later on retention; no marker is left
    any more.

    So at every time the stage of a customer who entered inside the window is exactly that of the
    last marker, order and thirtieth day after the first order seen. Of those who entered before, it
    is exact from the first of these inside the window on; until then nothing tells the stage.

    Parameters
    ----------
    retention_days : float
        Days from the first order to retention.
    """

    name: ClassVar[str] = "ladder"
    retention_days: Annotated[float, Field(gt=0)] = 30.0

    def draw(self, past: Past, /) -> Drawn:
        """Mark the rungs up to the first order, and go on from there."""
        climbed = past.hidden("stages")
        order = first_orders(past)
        none = np.zeros(0)
        nobody: Columns = {"who": none.astype(np.int64), "entered_time": none, "stage": none}
        rungs = nobody if climbed is None else climbed
        before = rungs["entered_time"] < order[rungs["who"]]
        who, time = rungs["who"][before], rungs["entered_time"][before]
        stage = rungs["stage"][before].astype(np.int64)
        marks = [
            Touches.of(marker, who[stage == rung], time[stage == rung])
            for rung, marker in enumerate(MARKERS)
        ]
        spells = self._spells(past, who, time, stage, order)
        path = {
            "who": spells.who,
            "entered_time": spells.begin,
            "stage": np.array(LADDER, dtype=object)[spells.state],
        }
        return Drawn(touches=marks, hidden={"stage_path": path}, sums=_sums(past, spells))

    def _spells(
        self, past: Past, who: Indices, time: Floats, stage: Indices, order: Floats
    ) -> Spells:
        ordered = np.flatnonzero(order < past.days)
        kept = np.flatnonzero(order + self.retention_days < past.days)
        who = np.concatenate([who, ordered, kept])
        later = whole_seconds(order[kept] + self.retention_days)
        time = np.concatenate([time, order[ordered], later])
        stage = np.concatenate([stage, np.full(len(ordered), 3), np.full(len(kept), 4)])
        row = np.argsort(sort_key(who, time), kind="stable")
        return Spells.of(who[row], stage[row], time[row], last=float(past.days))

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> LadderTruth:  # noqa: ARG002
        """Return what was counted."""

        def by_stage(name: str) -> dict[str, list[int]]:
            return dict(zip(LADDER, sums[f"ladder.{name}"].T.tolist(), strict=True))

        def by_segment(name: str, columns: tuple[str, ...]) -> dict[str, dict[str, Any]]:
            rows = sums[f"ladder.{name}"].tolist()
            named = (dict(zip(columns, row, strict=True)) for row in rows)
            return dict(zip(SEGMENTS, named, strict=True))

        return LadderTruth(
            markers=dict(zip(MARKERS, RUNGS, strict=True)),
            occupancy=by_stage("occupancy"),
            occupancy_entered_inside=by_stage("occupancy inside"),
            moves=by_move(sums["ladder.moves"]),
            days=by_segment("days", LADDER),
            conversions=by_segment("conversions", RUNGS),
        )


def _sums(past: Past, spells: Spells) -> dict[str, Any]:
    segment, entry, out = past.trait("segment"), past.trait("entry"), past.trait("exit")
    seen = spells.within(np.maximum(entry, 0.0), out)
    inside = entry[spells.who] >= 0
    seen_inside, states = seen.keep(inside), len(LADDER)
    whole_inside = spells.keep(inside)
    climbing = whole_inside.keep(whole_inside.state < len(RUNGS))
    return {
        "ladder.occupancy": seen.weekly(states=states, days=past.days),
        "ladder.occupancy inside": seen_inside.weekly(states=states, days=past.days),
        "ladder.moves": moves_seen(climbing, segment, entry, out),
        "ladder.days": seen_inside.days(segment, groups=len(SEGMENTS), states=states),
        "ladder.conversions": _conversions(whole_inside, segment, out),
    }


def _conversions(spells: Spells, segment: Indices, out: Floats) -> Indices:
    at = np.flatnonzero((spells.state[1:] == len(RUNGS)) & (spells.who[1:] == spells.who[:-1])) + 1
    at = at[spells.begin[at] < out[spells.who[at]]]
    cell = segment[spells.who[at]] * len(RUNGS) + spells.state[at - 1]
    return np.bincount(cell, minlength=len(SEGMENTS) * len(RUNGS)).reshape(-1, len(RUNGS))
