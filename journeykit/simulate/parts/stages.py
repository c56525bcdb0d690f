"""The way up the ladder before an order: hazards of moving on, back and past, and what moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.parts.clock import Clock, Raise
from journeykit.simulate.parts.population import SEGMENTS
from journeykit.simulate.parts.spells import Spells
from journeykit.simulate.past import SECONDS, Drawn, Touches
from journeykit.simulate.tables import ACTORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Past

Positive = Annotated[float, Field(ge=0)]
Move = Literal["0-1", "0-2", "1-0", "1-2", "2-1"]
Mover = Literal["tradeshow_scan", "call_sales", "networking_contact"]

#: Names of the rungs that a prospect climbs.
RUNGS = ("familiarity", "engagement", "deliberation")
MOVES: tuple[Move, ...] = ("0-1", "0-2", "1-0", "1-2", "2-1")
#: Which move a kind of touch drives.
DRIVES: dict[Mover, Move] = {
    "tradeshow_scan": "0-1",
    "call_sales": "1-2",
    "networking_contact": "0-1",
}
#: Column of the other move from each stage, which no touch drives, and where it leads.
_OTHER = np.array([MOVES.index(move) for move in ("0-2", "1-0", "2-1")])
_OTHER_TO = np.array([2, 0, 1])
_HUMAN = ACTORS.index("human")


def _all_alike(value: float) -> dict[str, float]:
    return dict.fromkeys(SEGMENTS, value)


class StagesTruth(Truth):
    """What is true of the way up the ladder, were there no orders.

    Attributes
    ----------
    hazard : mapping of str to mapping of str to float
        Segment, move: moves a day of those in the stage it leaves, where no mover is recent.
    drives : mapping of str to str
        Mover: the move whose hazard it raises.
    log_hazard_ratio : mapping of str to mapping of str to float
        Mover, segment: added to the logarithm of that hazard by each such touch met in the last
        `window_days`.
    window_days : mapping of str to float
    moves : mapping of str to mapping of str to int
        Segment, move: moves inside the window, up to dropping out.
    days_at_risk : mapping of str to mapping of str to float
        Segment, move: days that customers spent there in the stage that the move leaves.
    weighted_days_at_risk : mapping of str to mapping of str to float
        The same days, each weighted by the factor of the movers: `moves` over these estimates
        `hazard`, and is its maximum likelihood estimate.
    occupancy : mapping of str to list of int
        Stage: customers in it at the end of each full week, of those observed up to then.
    """

    hazard: dict[str, dict[str, float]]
    drives: dict[str, str]
    log_hazard_ratio: dict[str, dict[str, float]]
    window_days: dict[str, float]
    moves: dict[str, dict[str, int]]
    days_at_risk: dict[str, dict[str, float]]
    weighted_days_at_risk: dict[str, dict[str, float]]
    occupancy: dict[str, list[int]]


class Stages(Part):
    """The prospect's stage: 0 familiarity, 1 engagement, 2 deliberation.

    From entry, where it is 0, the stage is a Markov process in continuous time with hazard ::

        h(move, t) = hazard[segment][move] * exp(sum of log_hazard_ratio[mover][segment])

    a day, the sum over the movers of this move met in ``[t - window_days[mover], t)``. Movers come
    at constant rates, whatever the stage. A trade-show scan and a networking contact drive 0-1, a
    sales call 1-2. Two moves are at least a second apart. Orders do not come in here.

    Parameters
    ----------
    hazard : mapping of str to mapping of str to float
        Segment, move ("0-1", the skip "0-2", the back-steps "1-0" and "2-1", "1-2"): moves a day.
    rate : mapping of str to float
        Mover: touches a day, alike for all customers.
    log_hazard_ratio : mapping of str to mapping of str to float
        Mover, segment: 0 moves nobody.
    window_days : mapping of str to float
        Mover: how long a touch is felt.
    """

    name: ClassVar[str] = "stages"
    hazard: dict[str, dict[Move, Positive]] = {
        "household": {"0-1": 0.0045, "0-2": 0.0005, "1-0": 0.0015, "1-2": 0.004, "2-1": 0.002},
        "landlord": {"0-1": 0.005, "0-2": 0.0008, "1-0": 0.0012, "1-2": 0.005, "2-1": 0.002},
        "business": {"0-1": 0.004, "0-2": 0.0012, "1-0": 0.001, "1-2": 0.006, "2-1": 0.003},
        "senior": {"0-1": 0.0035, "0-2": 0.0004, "1-0": 0.002, "1-2": 0.003, "2-1": 0.0015},
    }
    rate: dict[Mover, Positive] = {
        "tradeshow_scan": 0.002, "call_sales": 0.002, "networking_contact": 0.001,
    }  # fmt: skip
    log_hazard_ratio: dict[Mover, dict[str, float]] = {
        "tradeshow_scan": {**_all_alike(0.0), "business": 1.0},
        "call_sales": _all_alike(0.8),
        "networking_contact": _all_alike(0.0),
    }
    window_days: dict[Mover, Positive] = {
        "tradeshow_scan": 14.0, "call_sales": 10.0, "networking_contact": 14.0,
    }  # fmt: skip

    def draw(self, past: Past, /) -> Drawn:
        """Draw the movers, then the stages of each customer from entry to the last day."""
        touches = [self._met(past, mover) for mover in DRIVES]
        clocks = self._clocks(past, touches)
        who, time, stage = self._path(past, clocks)
        spells = Spells.of(who, stage, time, last=float(past.days))
        return Drawn(
            touches=touches,
            hidden={"stages": {"who": who, "entered_time": time, "stage": stage}},
            sums=_sums(past, spells, clocks),
        )

    def _met(self, past: Past, mover: Mover) -> Touches:
        begin = past.trait("entry")
        rate = self.rate.get(mover, 0.0)
        points = past.draws.points(f"stages.{mover}", rate, begin, float(past.days))
        actor = np.full(len(points.who), _HUMAN)
        return Touches.of(mover, points.who, points.time, {"actor": actor})

    def _clocks(self, past: Past, met: list[Touches]) -> dict[Move, Clock]:
        segment = past.trait("segment")
        raises: dict[Move, list[Raise]] = {}
        for (mover, move), touches in zip(DRIVES.items(), met, strict=True):
            by_segment = self.log_hazard_ratio.get(mover, {})
            ratio = np.array([by_segment.get(name, 0.0) for name in SEGMENTS])
            days = self.window_days.get(mover, 0.0)
            felt = Raise(touches.who, touches.time, ratio[segment[touches.who]], days)
            raises.setdefault(move, []).append(felt)
        return {move: Clock.of(past.trait("entry"), felt) for move, felt in raises.items()}

    def _path(self, past: Past, clocks: Mapping[Move, Clock]) -> tuple[Indices, Floats, Indices]:
        """Return customer, time and stage of every entry into a stage, sorted."""
        hazard = self._hazards()[past.trait("segment")]
        now = past.trait("entry").copy()
        stage = np.zeros(past.n, dtype=np.int64)
        active = np.arange(past.n)
        rows = [(active, now.copy(), stage.copy())]
        number = 0
        while len(active):
            number += 1
            at_stage = stage[active]
            wait = past.draws.exponential("stages.other", who=active, number=number)
            with np.errstate(divide="ignore"):
                time = now[active] + wait / hazard[active, _OTHER[at_stage]]
            to = _OTHER_TO[at_stage]
            for move, clock in clocks.items():
                at = np.flatnonzero(at_stage == int(move[0]))
                who = active[at]
                wait = past.draws.exponential("stages.on", who=who, number=number)
                with np.errstate(divide="ignore"):
                    wait = wait / hazard[who, MOVES.index(move)]
                then = clock.after(who, now[who], wait)
                sooner = then < time[at]
                time[at[sooner]], to[at[sooner]] = then[sooner], int(move[2])
            time = np.maximum(np.rint(time * SECONDS), np.rint(now[active] * SECONDS) + 1) / SECONDS
            moves = time < past.days
            active, time, to = active[moves], time[moves], to[moves]
            now[active], stage[active] = time, to
            rows.append((active, time, to))
        customers, times, stages = (np.concatenate(part) for part in zip(*rows, strict=True))
        # Rows come in the order of the moves, and a stable sort leaves a customer's so.
        order = np.argsort(customers, kind="stable")
        return customers[order], times[order], stages[order]

    def _hazards(self) -> Floats:
        return np.array(
            [
                [self.hazard.get(segment, {}).get(move, 0.0) for move in MOVES]
                for segment in SEGMENTS
            ]
        )

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> StagesTruth:  # noqa: ARG002
        """Return the hazards, and what was counted."""
        days_in = sums["stages.days"][:, [int(move[0]) for move in MOVES]]
        occupied = sums["stages.occupancy"].T.tolist()
        return StagesTruth(
            hazard=by_move(self._hazards()),
            drives={str(mover): str(move) for mover, move in DRIVES.items()},
            log_hazard_ratio={str(mover): by for mover, by in self.log_hazard_ratio.items()},
            window_days={str(mover): felt for mover, felt in self.window_days.items()},
            moves=by_move(sums["stages.moves"]),
            days_at_risk=by_move(days_in),
            weighted_days_at_risk=by_move(sums["stages.weighted"]),
            occupancy=dict(zip(RUNGS, occupied, strict=True)),
        )


def by_move(table: Any, /) -> dict[str, dict[str, Any]]:
    """Name the rows and columns of a table with segments as rows and moves as columns."""
    return {
        segment: dict(zip(MOVES, row.tolist(), strict=True))
        for segment, row in zip(SEGMENTS, np.asarray(table), strict=True)
    }


def _sums(past: Past, spells: Spells, clocks: Mapping[Move, Clock]) -> dict[str, Any]:
    segment = past.trait("segment")
    begin, out = np.maximum(past.trait("entry"), 0.0), past.trait("exit")
    seen = spells.within(begin, out)
    return {
        "stages.moves": moves_seen(spells, segment, begin, out),
        "stages.days": seen.days(segment, groups=len(SEGMENTS), states=len(RUNGS)),
        "stages.weighted": _weighted(seen, segment, clocks),
        "stages.occupancy": seen.weekly(states=len(RUNGS), days=past.days),
    }


def moves_seen(spells: Spells, segment: Indices, begin: Floats, out: Floats, /) -> Indices:
    """Count the moves between rungs that happen from `begin` to `out`, by segment and move."""
    follows = np.flatnonzero(spells.who[1:] == spells.who[:-1]) + 1
    who, time = spells.who[follows], spells.begin[follows]
    follows = follows[(time >= begin[who]) & (time < out[who])]
    cell = np.full((len(RUNGS), len(RUNGS)), -1)
    for column, move in enumerate(MOVES):
        cell[int(move[0]), int(move[2])] = column
    column_of = cell[spells.state[follows - 1], spells.state[follows]]
    flat = segment[spells.who[follows]] * len(MOVES) + column_of
    return np.bincount(flat, minlength=len(SEGMENTS) * len(MOVES)).reshape(-1, len(MOVES))


def _weighted(seen: Spells, segment: Indices, clocks: Mapping[Move, Clock]) -> Floats:
    table = np.zeros((len(SEGMENTS), len(MOVES)))
    for column, move in enumerate(MOVES):
        there = seen.keep((seen.state == int(move[0])) & (seen.end > seen.begin))
        weight = there.end - there.begin
        if move in clocks:
            weight = clocks[move].at(there.who, there.end) - clocks[move].at(there.who, there.begin)
        table[:, column] = np.bincount(segment[there.who], weights=weight, minlength=len(SEGMENTS))
    return table
