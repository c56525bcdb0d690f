"""A study and its data at a glance, before any report runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import did_you_mean

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.study.study import Study


def profile(study: Study, /) -> str:
    """Return the profile of a study as plain text: counts, ledger, touchpoints, what to mend."""
    journeys = study.journeys()
    parts = [
        f"{study.title}\n{study.path}",
        _facts(study, journeys),
        "Ledger\n" + _aligned(
            [("step", "reason", "customers", "events")]
            + [
                (row.step, row.reason, f"{row.customers:,}", f"{row.events:,}")
                for row in journeys.ledger.frame.itertuples()
            ]
        ),
        "Touchpoints\n" + _aligned(_touchpoints(study, journeys)),
    ]  # fmt: skip
    concerns = _concerns(study, journeys)
    if concerns:
        parts.append("To look at\n" + "\n".join(f"  - {concern}" for concern in concerns))
    return "\n\n".join(parts)


def _facts(study: Study, journeys: Journeys) -> str:
    facts = [
        ("customers", f"{journeys.n_customers:,}"),
        ("events", f"{journeys.n_events:,}"),
        ("window", study.window_text or "all there is"),
        ("clock", f"{journeys.clock}, {study.model.time_zone}"),
        ("event columns", ", ".join(journeys.columns) or "none"),
        ("attributes", ", ".join(journeys.attributes.column_names) or "none"),
        ("reports", ", ".join(study.reports) or "all that ship"),
        ("fingerprint", journeys.fingerprint),
    ]
    return _aligned(facts)


def _touchpoints(study: Study, journeys: Journeys) -> list[tuple[str, ...]]:
    counted = np.bincount(journeys.touchpoint, minlength=len(journeys.names))
    rows: list[tuple[str, ...]] = [("touchpoint", "channel", "initiator", "events")]
    for code in np.argsort(-counted, kind="stable"):
        name = journeys.names[code]
        known = study.catalogue.touchpoints.get(name)
        channel, initiator = (known.channel, known.initiator) if known else ("", "")
        rows.append((name, channel, initiator, f"{counted[code]:,}"))
    return rows


def _concerns(study: Study, journeys: Journeys) -> list[str]:
    """List what is no error and would still lead a report astray."""
    names, catalogue = journeys.names, study.catalogue
    found = []
    if len(catalogue):
        for name in names:
            if name not in catalogue:
                near = did_you_mean(name, catalogue.touchpoints)
                found.append(f"{name!r} has events and is not in the catalogue.{near}")
        # What cannot leave events is not missed.
        silent = [
            name
            for name, row in catalogue.touchpoints.items()
            if name not in names and row.leaves_events is not False
        ]
        if silent:
            found.append(f"In the catalogue, without events: {', '.join(map(repr, silent))}.")
    removed = [row for row in journeys.ledger.removed if row.events]
    if removed:
        share = sum(row.events for row in removed) / journeys.ledger.input_events
        found.append(f"{share:.1%} of the events read are not used; the ledger says why.")
    return found


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns of text, the last ones of numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if cell[:1].isdigit() and len(row) > 2 else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)
