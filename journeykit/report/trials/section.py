"""What came of the trials, as cells at the end of the notebook: cleaned and shown as all others."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from journeykit.report.contract import CONTRACT_MIME, Guard, Shown
from journeykit.report.kpis import said
from journeykit.report.pages.page import read_page
from journeykit.report.tables import MOST_CELLS, Table
from journeykit.report.trials.guards import exchanged_guard, made_guard, quiet_guard
from journeykit.report.trials.words import in_worlds, interval_of, label_of, labels_of, n_of

_HEADING = "How this report behaves where the truth is known"
_NULL = """\
### {where}

{words}
"""
_SCORED = (
    "The table has the findings that {rest}. Where the verdict of one is a test at 5%, about 1 "
    "world in 20 calls it clear by chance. A verdict that is no such test, such as one interval "
    "above all others, promises no such share; how often it is clear here is what the table says."
)
_UNKNOWN = (
    "This report does not say which of its findings rest on a parameter of a simulated world, so "
    "all are in the table. One about something else, or one that only describes, such as how many "
    "are still there, is rightly clear here too."
)
_NOTHING = (
    "No finding of this report says that it rests on {signal}. So this null tests nothing that "
    "this report claims."
)
_NO_WORLD = "No report on such a world could be made, so nothing can be said."
_RECOVERY = """\
### Do the intervals hold?

{words}

A 95% interval should hold the true value in about 95 of 100 worlds. A finding or row that is \
picked as the largest of many looks larger than it is, so its interval may hold the true value \
less often: that is what these numbers show.
"""
_SOURCE = "# Made after the notebook had run, for --null and --recovery."
_KINDS = {"finding": "Finding", "kpi": "Key figure", "table": "Table"}
#: What a null makes to tell nothing, in a reader's words; of any other it is not known what rests.
_SIGNALS = {"exposure": "what customers met", "attributes": "what kind of customer somebody is"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sentence(Shown):
    """Words that hold names of the data: escaped, and never read as Markdown."""

    text: str

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.text)}</p>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"text/plain": self.text, "text/html": self._repr_html_()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials(Shown):
    """The scores for programs: ``trials`` of ``results.json``; tables tell them to readers."""

    kind: ClassVar[str] = "trials"
    scores: Mapping[str, Any]

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(_HEADING)}</p>"


def with_trials(notebook: Any, scores: Mapping[str, Any], /) -> Any:
    """Return an executed notebook with a section more: how the report behaved in made-up worlds.

    Parameters
    ----------
    notebook : mapping, nbformat 4
        Not changed.
    scores : mapping
        As `tried` leaves them in a job.

    Returns
    -------
    mapping of the same type
        `notebook` itself where it failed: its page says only that.
    """
    page = read_page(notebook)
    if page.failure is not None:
        return notebook
    labels = labels_of(page)
    rests = {str(one.get("key")): str(one.get("rests_on") or "") for one in page.findings}
    parts: list[tuple[str, list[str | Shown]]] = [("trials", [_words(scores)])]
    if null := scores.get("null"):
        parts.append(("trials-null", _null_part(null, labels, rests)))
    if recovery := scores.get("recovery"):
        parts.append(
            ("trials-recovery", [_RECOVERY.format(**recovery), _recovery_table(recovery, labels)])
        )
    parts.append(("trials-scores", [*_guards(scores, labels, rests), Trials(scores=scores)]))
    cells = [cell for name, told in parts for cell in _cells(name, told)]
    return type(notebook)({**notebook, "cells": [*notebook["cells"], *cells]})


def _cells(name: str, told: Sequence[str | Shown]) -> Iterator[Any]:
    """Yield a cell of words, and one that shows the rest; ids are fixed, as all of a page is."""
    from nbformat import v4

    words = [one for one in told if isinstance(one, str)]
    outputs = [
        v4.new_output("display_data", data=_bundle(one))  # type: ignore[no-untyped-call]
        for one in told
        if isinstance(one, Shown)
    ]
    if words:
        yield v4.new_markdown_cell("\n\n".join(words), id=f"{name}-words")  # type: ignore[no-untyped-call]
    if outputs:
        yield v4.new_code_cell(_SOURCE, id=name, outputs=outputs)  # type: ignore[no-untyped-call]


def _bundle(shown: Shown) -> dict[str, Any]:
    bundle = shown._repr_mimebundle_()
    if CONTRACT_MIME not in bundle:
        return bundle
    return {**bundle, CONTRACT_MIME: _as_json(bundle[CONTRACT_MIME])}


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_json(inner) for name, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, list | tuple) else value


def _words(scores: Mapping[str, Any]) -> str:
    n, seed = scores["replicates"], scores["seed"]
    worlds = "1 made-up world" if n == 1 else f"{n:,} made-up worlds"
    return f"## {_HEADING}\n\nThe same report was also made of {worlds} of a kind (seed {seed})."


def _null_part(
    null: Mapping[str, Any], labels: Mapping[tuple[str, str], str], rests: Mapping[str, str]
) -> list[str | Shown]:
    """Return the words of a null world, its table, and what it does not test."""
    scored = _scored(null, rests)
    keys = {one["key"] for one in scored}
    gone = [key for key, signal in rests.items() if signal == null["what"] and key not in keys]
    told: list[str | Shown] = [_NULL.format(**null), _said_of_null(null, scored, gone)]
    if scored:
        told.append(_null_table(null, scored, labels))
    if gone and null["n_worlds"]:
        told.append(_Sentence(text=f"In none of these worlds was claimed: {_named(gone, labels)}"))
    others = [one["key"] for one in null["findings"] if one["clear"]["n_event"]]
    if others := [key for key in dict.fromkeys(others) if key not in {*keys, *gone}]:
        told.append(
            _Sentence(
                text="These say that they rest on something else, or on nothing; this null does "
                f"not test them, and they are clear here too: {_named(others, labels)}"
            )
        )
    return told


def _named(keys: Sequence[str], labels: Mapping[tuple[str, str], str]) -> str:
    return ", ".join(f"“{label_of(labels, 'finding', key)}”" for key in keys)


def _scored(null: Mapping[str, Any], rests: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the findings that must not be clear here; all, where that is not known.

    What a finding of the report itself rests on, `rests`, decides whether it is tested.
    """
    found: list[Mapping[str, Any]] = null["findings"]
    what = null["what"]
    if what not in _SIGNALS:
        return found
    return [one for one in found if one["rests_on"] == what == rests.get(one["key"], what)]


def _said_of_null(
    null: Mapping[str, Any], scored: Sequence[Mapping[str, Any]], gone: Sequence[str]
) -> str:
    if not null["n_worlds"]:
        return _NO_WORLD
    signal = _SIGNALS.get(null["what"])
    if signal is None:
        return _UNKNOWN
    if not scored and not gone:
        return _NOTHING.format(signal=signal)
    return _SCORED.format(rest=f"rest on {signal}")


def _null_table(
    null: Mapping[str, Any],
    found: Sequence[Mapping[str, Any]],
    labels: Mapping[tuple[str, str], str],
) -> Table:
    where = f"{null['where'][:1].lower()}{null['where'][1:]}"
    return _table(
        key="trials-null",
        caption="How often findings were called clear, of the worlds in which they claim anything, "
        "with 95% intervals.",
        rows=[
            {
                "finding": one["key"],
                "n_worlds": one["n_worlds"],
                "n": one["clear"]["n"],
                **_columns("clear", one["clear"]),
                **_columns("clear_or_leaning", one["flagged"]),
            }
            for one in found
        ],
        columns=(
            *("finding", "n_worlds", "n"),
            *_names("clear"),
            *_names("clear_or_leaning"),
        ),
        labels=("Finding", f"Called clear {where}", "Clear or leaning there"),
        cells=[
            (
                label_of(labels, "finding", one["key"]),
                in_worlds(one["clear"]),
                in_worlds(one["flagged"]),
            )
            for one in found
        ],
    )


def _names(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{name}" for name in ("n", "share", "conf_low", "conf_high"))


def _columns(prefix: str, share: Mapping[str, Any]) -> dict[str, Any]:
    values = (share[name] for name in ("n_event", "share", "conf_low", "conf_high"))
    return dict(zip(_names(prefix), values, strict=True))


def _recovery_table(recovery: Mapping[str, Any], labels: Mapping[tuple[str, str], str]) -> Table:
    found = recovery["intervals"]
    return _table(
        key="trials-recovery",
        caption="How often 95% intervals held the true value, with 95% intervals of that share; "
        "the worlds count as independent, the rows of a table do not.",
        rows=[
            {
                **{name: one[name] for name in ("kind", "key", "n_worlds", "n_left_out")},
                **one["held"],
            }
            for one in found
        ],
        columns=(
            *("kind", "key", "n_worlds", "n_event", "n", "share", "conf_low", "conf_high"),
            "n_left_out",
        ),
        labels=("Kind", "What", "How often the interval held the true value", "Left out"),
        cells=[
            (
                _KINDS[one["kind"]],
                label_of(labels, one["kind"], one["key"]),
                _held(one),
                f"{one['n_left_out']:,} without a counterpart" if one["n_left_out"] else "–",
            )
            for one in found
        ],
    )


def _held(one: Mapping[str, Any]) -> str:
    held, worlds = one["held"], one["n_worlds"]
    if not held["n"]:
        return "cannot tell: no interval has a true value"
    in_words = "world" if worlds == 1 else "worlds"
    what = in_words if held["n"] == worlds else f"intervals in {worlds:,} {in_words}"
    return f"{n_of(held)} {what}: {said(held['share'])} {interval_of(held)}"


def _table(
    *,
    key: str,
    caption: str,
    rows: list[dict[str, Any]],
    columns: tuple[str, ...],
    labels: tuple[str, ...],
    cells: list[tuple[str, ...]],
) -> Table:
    return Table(
        key=key,
        caption=caption,
        columns=columns,
        rows=tuple(tuple(row[name] for name in columns) for row in rows),
        labels=labels,
        is_number=(False,) * len(labels),
        cells=tuple(cells[:MOST_CELLS]),
        shown=MOST_CELLS,
        n=len(rows),
    )


def _guards(
    scores: Mapping[str, Any], labels: Mapping[tuple[str, str], str], rests: Mapping[str, str]
) -> Iterator[Guard]:
    """Yield what is to be known of the trials, beside the other checks of the report."""
    yield made_guard(scores)
    null = scores.get("null")
    if null is None:
        return
    if (exchanged := null.get("exchanged")) is not None:
        yield exchanged_guard(exchanged)
    # Of a parameter it is not known what rests on it: then nothing is wrong to be clear.
    if null["what"] in _SIGNALS and (scored := _scored(null, rests)):
        yield quiet_guard(scored, labels)
