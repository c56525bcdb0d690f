"""How often findings were false and intervals held the truth, from results of made-up worlds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

#: Verdicts that claim nothing which chance could have made.
_CLAIMS_NOTHING = ("", "counted")
#: Columns of a table that hold its estimate, the first that there is.
_ESTIMATES = ("estimate", "share")
#: Columns by which rows are known where a table does not say.
_VOCABULARY = ("group", "time_days")
#: Numbers are kept to ten digits: a bound may lie that far from itself.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Share:
    """A share of worlds, or of intervals, with its 95 % interval; None where `n` is 0."""

    n_event: int
    n: int
    share: float | None
    conf_low: float | None
    conf_high: float | None


@dataclass(frozen=True, slots=True)
class FalseFindings:
    """How often a finding was called clear, or clear or leaning, where nothing is to be found.

    Attributes
    ----------
    key : str
    rests_on : {"exposure", "attributes", ""}
        Signal the finding says it rests on.
    n_worlds : int
        Worlds whose report was made.
    clear, flagged : Share
        Worlds in which it was so and rested on this signal, of those in which it had a verdict that
        claims something: "cannot tell" claims, and is not flagged. Worlds are independent, so the
        interval is Wilson's.
    """

    key: str
    rests_on: str
    n_worlds: int
    clear: Share
    flagged: Share


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the 95 % intervals of a finding, a KPI or a table held the truth.

    Attributes
    ----------
    kind : {"finding", "kpi", "table"}
    key : str
    n_worlds : int
        Worlds with an interval that has a counterpart in the truth.
    held : Share
        Of all their intervals. Those of one world are not independent: the interval of the share is
        Wilson's at the effective number of intervals, with the world as the unit.
    n_left_out : int
        Intervals without a counterpart: another period, a row that the truth does not show, one
        that pools the rest, or a table that does not say which row is which.
    """

    kind: str
    key: str
    n_worlds: int
    held: Share
    n_left_out: int


def false_findings(results: Sequence[Mapping[str, Any]], /) -> list[FalseFindings]:
    """Score the results of null worlds, a mapping as in ``results.json`` each.

    Findings without a key cannot be told apart and are left out, as are those that never claimed
    anything. One that rests on another signal in another world, as the largest of many may, has a
    row for each.
    """
    verdicts: dict[tuple[str, str], list[str]] = {}
    claims: Counter[str] = Counter()
    for world in results:
        for key, found in _findings(world).items():
            if (verdict := str(found.get("verdict") or "")) not in _CLAIMS_NOTHING:
                rests_on = str(found.get("rests_on") or "")
                verdicts.setdefault((key, rests_on), []).append(verdict)
                claims[key] += 1
    return [
        FalseFindings(
            key,
            rests_on,
            len(results),
            _plain_share(said.count("clear"), claims[key]),
            _plain_share(said.count("clear") + said.count("leaning"), claims[key]),
        )
        for (key, rests_on), said in verdicts.items()
    ]


def coverage(results: Sequence[Mapping[str, Any]], truth: Mapping[str, Any], /) -> list[Coverage]:
    """Score the results of worlds against those of the truth, by key, period and row.

    Everything that has an estimate and both bounds counts. A finding that picks the largest of many
    is compared with what the truth picks: its estimate is selected, so its interval may hold the
    truth less often than it says.
    """
    true = _intervals(truth)
    tallies: dict[tuple[str, str], list[_Tally]] = {}
    for world in results:
        for where, rows in _intervals(world).items():
            tallies.setdefault(where, []).append(_tally(rows, true.get(where, _Rows({}))))
    return [
        _coverage(*where, worlds)
        for where, worlds in tallies.items()
        if any(world.n or world.left_out for world in worlds)
    ]


class _Interval(NamedTuple):
    estimate: float
    low: float | None
    high: float | None

    @property
    def bounded(self) -> bool:
        return self.low is not None and self.high is not None


class _Rows(NamedTuple):
    """Estimates by row, and the intervals of rows that cannot be told apart."""

    known: dict[tuple[str, ...], _Interval]
    n_unknown: int = 0


class _Tally(NamedTuple):
    """Intervals of one world: those that held the truth, all with a counterpart, those without."""

    held: int
    n: int
    left_out: int


def _tally(rows: _Rows, true: _Rows) -> _Tally:
    bounded = {row: found for row, found in rows.known.items() if found.bounded}
    both = [row for row in bounded if row in true.known]
    held = sum(_holds(bounded[row], true.known[row].estimate) for row in both)
    return _Tally(held, len(both), len(bounded) - len(both) + rows.n_unknown)


def _holds(interval: _Interval, truth: float) -> bool:
    assert interval.low is not None
    assert interval.high is not None
    slack = _SLACK * abs(truth)
    return interval.low - slack <= truth <= interval.high + slack


def _coverage(kind: str, key: str, worlds: Sequence[_Tally]) -> Coverage:
    told = [world for world in worlds if world.n]
    left_out = sum(world.left_out for world in worlds)
    return Coverage(kind, key, len(told), _clustered_share(told), left_out)


def _plain_share(n_event: int, n: int) -> Share:
    from journeykit.stats import wilson_interval

    low, high = wilson_interval(n_event, n)
    return Share(n_event, n, n_event / n, float(low), float(high))


def _clustered_share(worlds: Sequence[_Tally]) -> Share:
    """Return the share of intervals that held the truth; the world is the unit."""
    from journeykit.stats import ClusterSums, clustered_wilson_interval

    held, n = sum(world.held for world in worlds), sum(world.n for world in worlds)
    if not n:
        return Share(0, 0, None, None, None)
    sums = ClusterSums.of_clusters([world.held for world in worlds], [world.n for world in worlds])
    low, high = clustered_wilson_interval(sums)
    return Share(held, n, held / n, float(low), float(high))


def _findings(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for finding in results.get("findings", ()):
        if finding.get("key"):
            found.setdefault(finding["key"], finding)
    return found


def _intervals(results: Mapping[str, Any]) -> dict[tuple[str, str], _Rows]:
    """Return all estimates with their bounds, by kind and key, then by row."""
    found: dict[tuple[str, str], _Rows] = {}
    for key, finding in _findings(results).items():
        found["finding", key] = _Rows(dict(_one((), finding, "estimate")))
    for kpi in results.get("kpis", ()):
        if kpi.get("key") and kpi.get("period"):
            period = tuple(str(day) for day in kpi["period"])
            found["kpi", kpi["key"]] = _Rows(dict(_one(period, kpi, "value")))
    for table in results.get("tables", ()):
        found["table", table["key"]] = _rows_of(table)
    return found


def _one(
    row: tuple[str, ...], content: Mapping[str, Any], estimate: str
) -> Iterator[tuple[tuple[str, ...], _Interval]]:
    number, *bounds = (_number(content.get(name)) for name in (estimate, "conf_low", "conf_high"))
    if number is not None and math.isfinite(number):
        yield row, _Interval(number, *bounds)


def _rows_of(table: Mapping[str, Any]) -> _Rows:
    columns = list(table["columns"])
    estimate = next((name for name in _ESTIMATES if name in columns), None)
    if estimate is None or not {"conf_low", "conf_high"} <= {*columns}:
        return _Rows({})
    identity = table.get("identity") or [name for name in _VOCABULARY if name in columns]
    at = [columns.index(name) for name in identity]
    named = [
        one
        for values in table["rows"]
        for one in _one(
            tuple(str(values[place]) for place in at),
            dict(zip(columns, values, strict=True)),
            estimate,
        )
    ]
    count, rest = Counter(row for row, _ in named), table.get("rest")
    # What a row pools depends on how many customers there are: in the truth it is another quantity.
    known = {row: found for row, found in named if identity and count[row] == 1 and rest not in row}
    return _Rows(known, sum(found.bounded for row, found in named if row not in known))


def _number(value: Any) -> float | None:
    """Return a number; infinities stand in tables as text."""
    if value in ("inf", "-inf"):
        return float(value)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else None
