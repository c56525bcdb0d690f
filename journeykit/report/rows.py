"""Rows of tables that are new or gone: paths, segments, touchpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeykit.report.compare import Run

#: Columns that count, the best first: customers are independent of one another, steps are not.
_COUNTS = ("n_customers", "n")
#: In a run whose customers did not change, a row is called new or gone with at most this chance.
LEVEL = 0.05
#: Spans of time are as long as each other up to this factor: months are.
_ALIKE = 1.15
#: Rows named; the others are counted.
_NAMED = 5


def row_changes(old: Run, new: Run, /) -> Iterator[str]:
    """Say which rows of the tables are new and which are gone.

    Rows are known by the `identity` columns of their table. One that pools the rest is none of
    them: what it holds depends on which others there are.

    On **the same span of time** all are listed. On **another span as long**, one after the other,
    a row is listed where its count is more than chance alone brings. A row that is not published
    has at most as many as the smallest that is; so the count is compared with that many, by the
    binomial test of two Poisson counts over as many customers and days as each run has, doubled
    for both sides, with Bonferroni's correction over all rows of all tables of both runs. The
    others are counted. **Spans that overlap or are not as long** let rows come and go by
    themselves: they are counted, and nothing is said of them.
    """
    before = {table["key"]: table for table in old.results.get("tables", ())}
    pairs = [
        (before[table["key"]], table)
        for table in new.results.get("tables", ())
        if table.get("identity")
        and before.get(table["key"], {}).get("identity") == table["identity"]
    ]
    exactly = old.manifest.get("span") == new.manifest.get("span")
    exposure = _exposures(old, new)
    tested = sum(len(table["rows"]) for pair in pairs for table in pair)
    for known, table in pairs:
        for rows, others, at, word in ((table, known, 1, "new"), (known, table, 0, "gone")):
            share = exposure[at] / sum(exposure) if exposure else None
            yield from _said(rows, others, share, word, exactly=exactly, tested=tested)


def _exposures(old: Run, new: Run) -> list[float] | None:
    """Return customers times days of each run; None where their spans cannot be compared."""
    spans = [run.manifest.get("span") for run in (old, new)]
    people = [(run.manifest.get("rows") or {}).get("customers") or 0 for run in (old, new)]
    if None in spans or 0 in people:
        return None
    first, second = ([date.fromisoformat(day) for day in span] for span in spans)  # type: ignore[union-attr]
    days = [(span[1] - span[0]).days + 1 for span in (first, second)]
    # Days of spans are UTC: months of a zone of their own share the day at which they meet.
    if max(days) > _ALIKE * min(days) or not (first[1] <= second[0] or second[1] <= first[0]):
        return None
    return [n * length for n, length in zip(people, days, strict=True)]


def _said(
    rows: Mapping[str, Any],
    others: Mapping[str, Any],
    share: float | None,
    word: str,
    *,
    exactly: bool,
    tested: int,
) -> Iterator[str]:
    rest = {table["rest"] for table in (rows, others) if table.get("rest") is not None}
    counts, there = _counts(rows, rest), _counts(others, rest)
    # The first sentence of a caption says which table it is.
    title = rows["caption"].partition(". ")[0].rstrip(".")
    only = [name for name in counts if name not in there]
    told = [
        name
        for name in only
        if exactly or (share is not None and _surely(counts[name], there, share, tested))
    ]
    for name in told[:_NAMED]:
        yield f"“{' → '.join(name)}” is {word} in the table “{title}”"
    if len(told) > _NAMED:
        yield f"{len(told) - _NAMED:,} more rows are {word} in the table “{title}”"
    if left := len(only) - len(told):
        are = "row is" if left == 1 else "rows are"
        why = (
            "which chance alone may bring"
            if share is not None
            else "as the spans of time differ that the runs are about"
        )
        yield f"{left:,} {are} {word} in the table “{title}”, {why}"


def _counts(table: Mapping[str, Any], rest: set[str]) -> dict[tuple[str, ...], float | None]:
    columns: Sequence[str] = table["columns"]
    at = [columns.index(name) for name in table["identity"]]
    count = next((columns.index(name) for name in _COUNTS if name in columns), None)
    named = {
        tuple(str(row[place]) for place in at): None if count is None else row[count]
        for row in table["rows"]
    }
    return {name: n for name, n in named.items() if rest.isdisjoint(name)}


def _surely(
    count: float | None, others: Mapping[tuple[str, ...], float | None], share: float, tested: int
) -> bool:
    from scipy.special import bdtrc

    published = [other for other in others.values() if other is not None]
    if count is None or not published:
        return False
    unseen = min(published)
    p_value = float(bdtrc(count - 1, count + unseen, share))
    return 2 * p_value * tested < LEVEL
