"""Rows of tables that are new or gone: paths, segments, touchpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeykit.report.compare import Run

#: Columns that count, the best first: customers are independent of one another, steps are not.
_COUNTS = ("n_customers", "n")
#: In a run whose customers did not change, a row is called new or gone with at most this chance.
LEVEL = 0.05
#: Rows named; the others are counted.
_NAMED = 5


def row_changes(old: Run, new: Run, /) -> Iterator[str]:
    """Say which rows of the tables are new and which are gone.

    Rows are known by the `identity` columns of their table. On **the same span of time** all are
    listed. On **another span** a row is listed where its count is more than chance alone brings. A
    row that is not published has at most as many as the smallest that is; so the count is compared
    with that many, by the binomial test of two Poisson counts over as many customers as each run
    has. Bonferroni's correction is over all rows of both tables. The others are counted.
    """
    same_span = old.manifest.get("span") == new.manifest.get("span")
    people = [(run.manifest.get("rows") or {}).get("customers") or 1 for run in (old, new)]
    before = {table["key"]: table for table in old.results.get("tables", ())}
    for table in new.results.get("tables", ()):
        known = before.get(table["key"])
        if known is None or not table.get("identity") or table["identity"] != known.get("identity"):
            continue
        for rows, others, share, word in (
            (table, known, people[1] / sum(people), "new"),
            (known, table, people[0] / sum(people), "gone"),
        ):
            yield from _said(rows, others, share, word, exactly=same_span)


def _said(
    rows: Mapping[str, Any], others: Mapping[str, Any], share: float, word: str, *, exactly: bool
) -> Iterator[str]:
    counts, there = _counts(rows), _counts(others)
    only = [name for name in counts if name not in there]
    told = only if exactly else [
        name for name in only if _surely(counts[name], there, share, len(counts) + len(there))
    ]  # fmt: skip
    for name in told[:_NAMED]:
        yield f"“{' → '.join(name)}” is {word} in the table “{rows['caption']}”"
    if len(told) > _NAMED:
        yield f"{len(told) - _NAMED:,} more rows are {word} in the table “{rows['caption']}”"
    if left := len(only) - len(told):
        are = "row is" if left == 1 else "rows are"
        yield (
            f"{left:,} {are} {word} in the table “{rows['caption']}”, which chance alone may bring"
        )


def _counts(table: Mapping[str, Any]) -> dict[tuple[str, ...], float | None]:
    columns: Sequence[str] = table["columns"]
    at = [columns.index(name) for name in table["identity"]]
    count = next((columns.index(name) for name in _COUNTS if name in columns), None)
    return {
        tuple(str(row[place]) for place in at): None if count is None else row[count]
        for row in table["rows"]
    }


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
