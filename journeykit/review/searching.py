"""One table searched for breaks: when, what changed, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.review.breaking import breaks
from journeykit.review.stepping import Series, step_at, without_wave
from journeykit.review.weekly import NOTHING
from journeykit.stats import benjamini_hochberg

if TYPE_CHECKING:
    from journeykit.counts import Periods
    from journeykit.review.breaking import Found
    from journeykit.review.weekly import Cells

_YEAR = 365.25
#: The wave of a year is taken out where the data are at least so long, in days.
_LEAST_WAVE = 1.5 * _YEAR


def searched(
    table: Cells,
    spans: Periods,
    /,
    *,
    season: bool,
    least: int,
    level: float,
    q: float,
    draws: int,
    confidence: float,
    seed: int,
    declared: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Search one table for breaks: the breaks, what changed at each, and all counts."""
    series = _series(table, spans, season=season)
    found = breaks(
        series,
        least=least,
        level=level,
        least_wave=_least_wave(spans),
        draws=draws,
        confidence=confidence,
        seed=seed,
    )
    labels = pd.DataFrame({"kind": table.kind, "source": table.source, "target": table.target})
    changes = _changes(series, labels, spans, found, q=q, confidence=confidence)
    frame = _frame(table.kind, found, changes, spans, declared, len(labels))
    return frame, changes, _long(series, labels, spans)


def _least_wave(spans: Periods) -> int:
    """Return how many periods a stretch must have for a wave of its own."""
    mean = (spans.edge[-1] - spans.edge[0]) / len(spans) / DAY
    return int(np.ceil(_LEAST_WAVE / mean))


def _series(table: Cells, spans: Periods, *, season: bool) -> Series:
    """Give a table what is no break: the wave of a year where it can be told; stages a trend."""
    middle = (spans.edge[:-1] + spans.edge[1:]) / 2 / DAY
    columns = []
    if season and len(spans) >= _least_wave(spans):
        angle = 2 * np.pi * middle / _YEAR
        columns += [np.cos(angle), np.sin(angle)]
    if table.kind == "stage":
        columns.append((middle - middle.mean()) / _YEAR)
    wave = np.column_stack(columns) if columns else np.empty((len(spans), 0))
    n = table.n[:, :, table.row]
    return Series(table.x, n, wave, np.unique(table.row, return_inverse=True)[1])


def _changes(
    series: Series,
    labels: pd.DataFrame,
    spans: Periods,
    found: list[Found],
    *,
    q: float,
    confidence: float,
) -> pd.DataFrame:
    """Return how far each rate stepped at each break, between the breaks beside it."""
    from scipy.special import stdtrit

    x, n = series.x.sum(axis=0), series.n.sum(axis=0)
    edges = [0, *(one.at for one in found), len(spans)]
    parts = []
    for number, one in enumerate(found, start=1):
        begin, at, end = edges[number - 1 : number + 2]
        whole = series
        if end - begin < _least_wave(spans):
            whole = without_wave(series, edges[1:-1])
        step = step_at(whole.cut(begin, end), at - begin)
        half = float(stdtrit(max(len(series.x) - 1, 1), (1 + confidence) / 2)) * step.std_error
        before, after = n[begin:at].sum(axis=0), n[at:end].sum(axis=0)
        q_value = benjamini_hochberg(one.tested.cell_p)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = x[begin:at].sum(axis=0) / before, x[at:end].sum(axis=0) / after
        parts.append(
            labels.assign(
                period_start=spans.first[at],
                n_before=before,
                n_after=after,
                rate_before=rates[0],
                rate_after=rates[1],
                difference=step.difference,
                difference_low=step.difference - half,
                difference_high=step.difference + half,
                p_value=one.tested.cell_p,
                q_value=q_value,
                changed=q_value <= q,
            )
        )
    columns = [
        "period_start", "kind", "source", "target", "n_before", "n_after", "rate_before",
        "rate_after", "difference", "difference_low", "difference_high", "p_value", "q_value",
        "changed",
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _frame(
    kind: str,
    found: list[Found],
    changes: pd.DataFrame,
    spans: Periods,
    declared: pd.DataFrame,
    n: int,
) -> pd.DataFrame:
    rows = []
    for one in found:
        first = spans.first[one.at]
        mine = changes[changes["period_start"] == first].reset_index(drop=True)
        low, high = spans.edge[one.tested.low], spans.edge[one.tested.high + 1]
        near = [
            f"{row.kind} {row.event_time:%Y-%m-%d}"
            for row in declared.itertuples()
            if low <= row.event_time.value // 1000 < high
        ]
        rows.append(
            (
                first,
                kind,
                spans.first[one.tested.low],
                spans.first[one.tested.high],
                one.tested.p_value,
                int(mine["changed"].sum()),
                n,
                in_words(mine.iloc[one.tested.cell]),
                ", ".join(near),
            )
        )
    columns = [
        "period_start", "kind", "conf_low", "conf_high", "p_value", "n_changed", "n_tried",
        "largest", "declared",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def in_words(change: pd.Series) -> str:
    """Say how one way on changed."""
    if change["kind"] == "stage":
        before, after = (1000 * change[f"rate_{when}"] for when in ("before", "after"))
        move = f"{change['source']} -> {change['target']}"
        return f"{move} comes {after:.2g} instead of {before:.2g} times in 1,000 days"
    before, after = change["rate_before"], change["rate_after"]
    target = "nothing" if change["target"] == NOTHING else change["target"]
    return f"{after:.1%} instead of {before:.1%} go from {change['source']} to {target}"


def _long(series: Series, labels: pd.DataFrame, spans: Periods) -> pd.DataFrame:
    x, n = series.x.sum(axis=0), series.n.sum(axis=0)
    w, c = x.shape
    long = labels.loc[np.tile(np.arange(c), w)].reset_index(drop=True)
    start = np.repeat(np.array(spans.first[:-1], dtype=object), c)
    return long.assign(period_start=start, n_event=x.ravel(), n=n.ravel())[
        ["period_start", "kind", "source", "target", "n_event", "n"]
    ]
