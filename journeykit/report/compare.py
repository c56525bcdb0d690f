"""What changed between two runs of a report: exactly, or beyond what chance may do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from journeykit.errors import ReportError
from journeykit.report.kpis import period_words, said_of
from journeykit.report.manifest import read_json
from journeykit.report.rows import row_changes

Kind = Literal[
    "status", "kpi", "chance", "revision", "finding", "row", "guard", "parameter", "data", "code"
]
#: In a run whose customers did not change, some KPI is called changed with at most this chance.
LEVEL = 0.05
#: Customers that did it, and that did not, from which on a share is taken for normal.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was; `kind` says what, `text` says it to a reader."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """The two files of a run that are compared."""

    manifest: Mapping[str, Any]
    results: Mapping[str, Any]


def read_run(path: Path, /) -> Run:
    """Read a run from its folder, or from its page or another of its files.

    Raises
    ------
    ReportError
        No such run, or its files are damaged.
    """
    folder = path if path.is_dir() else path.parent
    read = [read_json(folder / name) for name in ("manifest.json", "results.json")]
    if read[0] is None or read[1] is None:
        raise ReportError(
            f"{path}: is no run of a report; name its folder, the one that holds manifest.json "
            "and results.json."
        )
    return Run(read[0], read[1])


def diff(old: Path, new: Path, /) -> list[Change]:
    """Compare two runs of one report, wherever they are.

    Raises
    ------
    ReportError
        Either is no run, or they are runs of different reports.
    """
    first, second = read_run(old), read_run(new)
    names = [run.manifest.get("report") for run in (first, second)]
    if names[0] != names[1]:
        raise ReportError(
            f"Only runs of one report can be compared; got {names[0]} and {names[1]}."
        )
    return changes(first, second)


def changes(old: Run, new: Run, /, *, part: float = 1.0) -> list[Change]:
    """Return what is not as it was, the most telling first; nothing where all is the same.

    **KPIs** are shares of customers in the newest complete calendar period. Two periods that do not
    overlap are compared (`p_value_of_change`), all KPIs of a report together (`beyond_chance`).
    What passes is ``kpi``, the rest ``chance``. **Revisions** are values of one and the same period
    that are not what they were; they are facts and are not tested. **Rows** of tables that say
    which row is which: see `rows.row_changes`. Everything else is listed exactly.

    `part` is the report's part of all KPIs that a study watches, and of the chance of a false
    alarm: so of all its reports together one is raised with a chance of at most 5 %.
    """
    return [
        *_status(old, new),
        *_kpis(old.results, new.results, LEVEL * part),
        *_revisions(old.results, new.results),
        *_findings(old.results, new.results),
        *(Change("row", text) for text in row_changes(old, new)),
        *_guards(old.results, new.results),
        *_parameters(old.manifest, new.manifest),
        *_data(old.manifest, new.manifest),
        *_code(old.manifest, new.manifest),
    ]


def _keyed(results: Mapping[str, Any], kind: str, key: str) -> dict[str, Mapping[str, Any]]:
    return {entry[key]: entry for entry in results.get(kind, ()) if entry.get(key)}


def _pairs(
    old: Mapping[str, Any], new: Mapping[str, Any], kind: str, key: str
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    before = _keyed(old, kind, key)
    for name, entry in _keyed(new, kind, key).items():
        if name in before:
            yield name, before[name], entry


def _status(old: Run, new: Run) -> Iterator[Change]:
    if old.manifest.get("status") != new.manifest.get("status"):
        yield Change(
            "status", f"The report is {new.manifest['status']}; it was {old.manifest['status']}."
        )
    for _, before, after in _pairs(old.results, new.results, "kpis", "key"):
        if before.get("status") != after.get("status"):
            now = f"{after['label']} is {after.get('said') or 'without bounds'}"
            yield Change("status", f"{now}; it was {before.get('said') or 'without bounds'}.")


def _kpis(old: Mapping[str, Any], new: Mapping[str, Any], level: float) -> Iterator[Change]:
    compared = [
        (before, after)
        for _, before, after in _pairs(old, new, "kpis", "key")
        if before["period"]
        and after["period"]
        and _apart(before["period"], after["period"])
        # Another definition, such as another threshold, is another figure.
        and before["definition"] == after["definition"]
    ]
    p_value = [p_value_of_change(before, after) for before, after in compared]
    for (before, after), p, sure in zip(
        compared, p_value, beyond_chance(p_value, level=level), strict=True
    ):
        told = (
            f"{after['label']}: {said_of(after)} in {period_words(after['period'])}, "
            f"{said_of(_known(after, before))} in {period_words(before['period'])}"
        )
        if math.isnan(p):
            yield Change("chance", f"{told}: whether it changed cannot be told.")
        elif sure:
            yield Change("kpi", f"{told}: more than chance alone explains.")
        else:
            yield Change("chance", f"{told}: within what chance alone may do.")


def _apart(one: Sequence[str], other: Sequence[str]) -> bool:
    return one[1] < other[0] or other[1] < one[0]


def _known(after: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the older period as the newer run knows it, so that revisions stay apart."""
    known = {(past["from"], past["to"]): past for past in after["history"]}
    found: Mapping[str, Any] = known.get((before["period"][0], before["period"][1]), before)
    return found


def p_value_of_change(before: Mapping[str, Any], after: Mapping[str, Any], /) -> float:
    """Return how likely chance alone changes a KPI so much between two periods; NaN if not known.

    Where both shares rest on at least `FEWEST` customers on each side, it is the normal test of
    their difference with its standard error over customers, who may be in both periods; where the
    newer run does not hold the older period, that of different customers. Otherwise it is Fisher's
    exact test, which takes all customers for different. A share told as a bound is taken where it
    may be and is nearest to the other, so that the bound alone is no change; two bounds of a kind
    cannot be compared.
    """
    import numpy as np

    older = _known(after, before)
    spans = [_span(told) for told in (older, after)]
    hidden = [told["value"] is None for told in (older, after)]
    if None in spans or (all(hidden) and _overlap(*spans)):  # type: ignore[arg-type]
        return math.nan
    (did_old, n_old), (did_new, n_new) = _nearest(*spans)  # type: ignore[arg-type]
    if min(did_old, did_new, n_old - did_old, n_new - did_new) < FEWEST:
        from scipy.stats import fisher_exact

        table = [[did_old, n_old - did_old], [did_new, n_new - did_new]]
        return float(fisher_exact(table).pvalue)
    share = np.array([did_old / n_old, did_new / n_new])
    apart = math.sqrt(float((share * (1 - share) / [n_old, n_new]).sum()))
    std_error = older.get("std_error") if older is not before else apart
    std_error = std_error or apart
    return math.erfc(abs(share[1] - share[0]) / std_error / math.sqrt(2))


class _Span(NamedTuple):
    """Fewest and most who may have done it, of `n`."""

    low: int
    high: int
    n: int


def _span(told: Mapping[str, Any]) -> _Span | None:
    """Return how many may have done it, as far as it is told: hidden are 1 to the bound."""
    n = told["n"]
    if told["value"] is not None:
        did = round(told["value"] * n)
        return _Span(did, did, n)
    if told.get("at_most") is not None:
        return _Span(1, round(told["at_most"] * n), n)
    if told.get("at_least") is not None:
        return _Span(round(told["at_least"] * n), n - 1, n)
    return None


def _overlap(one: _Span, other: _Span) -> bool:
    return one.low * other.n <= other.high * one.n and other.low * one.n <= one.high * other.n


def _nearest(one: _Span, other: _Span) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return for each a number who may have done it, such that the two shares differ least."""
    if one.low * other.n > other.high * one.n:
        return (one.low, one.n), (other.high, other.n)
    if other.low * one.n > one.high * other.n:
        return (one.high, one.n), (other.low, other.n)
    # One is known and lies where the other may be.
    share = one.low / one.n if one.low == one.high else other.low / other.n
    return tuple(  # type: ignore[return-value]
        (min(max(round(share * span.n), span.low), span.high), span.n) for span in (one, other)
    )


def beyond_chance(p_value: Sequence[float], /, *, level: float = LEVEL) -> list[bool]:
    """Return which changes are more than chance explains, all of them looked at together.

    By Holm's procedure, in a run without any change one is called so with a chance of at most
    `level`. What was not tested (NaN) is not.
    """
    from journeykit.stats import holm

    return [bool(adjusted < level) for adjusted in holm(p_value)]


def _revisions(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for _, before, after in _pairs(old, new, "kpis", "key"):
        known = {(past["from"], past["to"]): past for past in before["history"]}
        if before["definition"] != after["definition"]:
            yield Change("revision", f"{after['label']} is defined anew: {after['definition']}")
            continue
        for now in after["history"]:
            was = known.get((now["from"], now["to"]))
            if was is not None and _span(was) != _span(now):
                yield Change(
                    "revision",
                    f"{after['label']} of {period_words((now['from'], now['to']))} was revised: "
                    f"{said_of(now)} of {now['n']:,}; it was {said_of(was)} of {was['n']:,}.",
                )


def _findings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for _, before, after in _pairs(old, new, "findings", "key"):
        if before["text"] != after["text"]:
            yield Change("finding", f"It now says: {after['text']} It said: {before['text']}")
        elif before["verdict"] != after["verdict"]:
            yield Change(
                "finding",
                f"“{after['text']}” is now “{after['verdict'] or 'without verdict'}”; it was "
                f"“{before['verdict'] or 'without verdict'}”.",
            )


def _guards(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name, before, after in _pairs(old, new, "guards", "name"):
        if before["status"] != after["status"]:
            yield Change("guard", f"{name}: {after['status']}; it was {before['status']}.")


def _parameters(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = (
        {name: value for name, value in run["parameters"].items() if name != "study"}
        for run in (old, new)
    )
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            now, was = (_given(run.get(name)) for run in (after, before))
            yield Change("parameter", f"The parameter {name} is {now}; it was {was}.")


def _given(value: object) -> str:
    return "not given" if value is None else str(value)


def _data(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old.get("fingerprint") == new.get("fingerprint"):
        return
    rows, span = (
        [run.get("rows") or {} for run in (old, new)],
        [run.get("span") for run in (old, new)],
    )
    parts = [
        f"{rows[1][name]:,} {name} ({rows[1][name] - rows[0][name]:+,})"
        for name in ("customers", "events")
        if rows[0].get(name) is not None and rows[1].get(name) is not None
    ]
    if span[0] and span[1] and span[0] != span[1]:
        parts.append(f"from {span[1][0]} to {span[1][1]} (before: {span[0][0]} to {span[0][1]})")
    yield Change("data", f"The data are not the same: {', '.join(parts) or 'other values'}.")


def _code(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name, words in (
        ("study", "The file of the study, or its catalogue, is"),
        ("notebook", "The notebook is"),
        ("code", "The code of journeykit is"),
    ):
        if (old.get("inputs") or {}).get(name) != (new.get("inputs") or {}).get(name):
            yield Change("code", f"{words} not the same.")
    before, after = old.get("packages") or {}, new.get("packages") or {}
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Change(
                "code",
                f"{name} is {after.get(name, 'gone')}; it was {before.get(name, 'not there')}.",
            )
