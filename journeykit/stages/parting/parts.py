"""Take passion points apart: logical and emotional part, channel, content, target and loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from journeykit.checks import (
    check_choice,
    check_fraction,
    check_known,
    check_positive,
    check_whole,
)
from journeykit.errors import ArgumentError, JourneyKitError
from journeykit.results import Provenance, Result
from journeykit.stages.following import entries
from journeykit.stages.moments import searchable
from journeykit.stages.parting.moments import (
    Answers,
    Moments,
    compared_means,
    median_interval,
    moments_of,
    visits_of,
)
from journeykit.stats import wilson_interval
from journeykit.stats.disclosure import emptied
from journeykit.survival import risk_of_leaving

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.journeys import Journeys
    from journeykit.stages.driving import Drivers
    from journeykit.stages.moments import PassionPoints
    from journeykit.study.catalogue import Catalogue
    from journeykit.study.models import Ladder
    from journeykit.survival.churn import ChurnRule, Start

NOT_OBSERVED = "not observed"
CANNOT_TELL = "cannot tell"
_DRAWN = 12
_NUMBERS = (
    "estimate", "conf_low", "conf_high", "others", "difference", "difference_low",
    "difference_high",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PassionParts(Result):
    """What customers do and say at passion points, beside the other moments of the stage.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a stage, touchpoint and part: `stage touchpoint`; `kind`, ``logical`` or
        ``emotional``; `part`, ``depth`` (mean steps of the visit), ``dwell`` (median minutes to the
        next step of it) or ``sentiment`` (mean, from -1 to 1); `n`, customers there; `n_known`,
        those of whom it is known; `estimate conf_low conf_high`; `others`, the same of all other
        moments in the stage; `difference difference_low difference_high` of means; `evidence`,
        ``log``, ``survey``, ``too few`` or ``not observed``.
    points : pandas.DataFrame
        One row a stage and touchpoint: `stage touchpoint n share verdict` as in `passion_points`;
        `best_channel` and `needed_content` of the stage; `estimate conf_low conf_high`, the share
        who move on within the horizon after it; `target` and `kpi_verdict`, ``met``, ``missed``,
        ``cannot tell`` or ``no target``; `leaving`, `leaving_low`, `leaving_high`, the ratio of the
        hazard of leaving after it, and `leaving_reading`.
    """

    points: pd.DataFrame
    rows: ClassVar[str] = "parts of moments"

    def summary(self) -> str:
        """Say what customers do and say at the first points, and which targets are missed."""
        told = []
        for row in self.points.head(3).itertuples():
            mine = self.frame[
                (self.frame["stage"] == row.stage) & (self.frame["touchpoint"] == row.touchpoint)
            ].set_index("part")
            told.append(
                f"{row.touchpoint} in {row.stage}: {_said(mine, 'depth', '{:.1f} steps a visit')}, "
                f"{_said(mine, 'dwell', '{:.1f} minutes')}, "
                f"{_said(mine, 'sentiment', 'sentiment {:+.2f}')}"
            )
        kept = self.points["kpi_verdict"].value_counts()
        targets = [f"{kept[word]:,} {word}" for word in ("met", "missed") if word in kept]
        tail = [f"targets: {', '.join(targets)}"] if targets else []
        return "; ".join([f"{len(self.points):,} points", *told, *tail])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw sentiment (emotional), a row a point; its label says depth and dwell (logical)."""
        from journeykit.draw import INK, PALETTE, QUIET, axes, tidy
        from journeykit.draw.charts import shortened

        keys = list(self.frame[["stage", "touchpoint"]].drop_duplicates().head(_DRAWN).itertuples())
        ax = axes(ax, height=max(1.8, 0.42 * len(keys) + 1.1), width=7.4)
        ax.axvline(0, color=QUIET, linewidth=1)
        labels = []
        for at, key in enumerate(keys):
            rows = self.frame["stage"].eq(key.stage) & self.frame["touchpoint"].eq(key.touchpoint)
            mine = self.frame[rows].set_index("part")
            said = mine.loc["sentiment"]
            if np.isnan(said["estimate"]):
                ax.text(0, at, f" {said['evidence']}", va="center", color=QUIET)
            else:
                ax.hlines(at, said["conf_low"], said["conf_high"], color=INK, linewidth=1.4)
                ax.scatter(said["estimate"], at, color=PALETTE[0], s=42, zorder=3)
            did = f"{_said(mine, 'depth', '{:.1f} steps')}, {_said(mine, 'dwell', '{:.1f} min')}"
            labels.append(f"{shortened(key.touchpoint)}, {shortened(key.stage)}\n{did}")
        ax.set_yticks(np.arange(len(keys)), labels)
        ax.set_ylim(len(keys) - 0.4, -0.6)
        ax.set_xlim(-1, 1)
        ax.set_xlabel("mean sentiment there, from -1 to 1")
        return tidy(ax, grid="x")


def passion_parts(
    points: PassionPoints,
    journeys: Journeys,
    /,
    ladder: Ladder,
    *,
    which: Literal["holds", "tested"] = "holds",
    sentiment: pd.DataFrame | None = None,
    catalogue: Catalogue | None = None,
    driven: Drivers | None = None,
    targets: Mapping[tuple[str, str], float] | None = None,
    churn: ChurnRule | None = None,
    start: Start | None = None,
    loss_days: float = 14.0,
    gap_minutes: float = 30.0,
    answer_days: float = 1.0,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> PassionParts:
    """Show what customers do and say at passion points, and what is at stake there.

    A moment is the first time that a customer meets a touchpoint in a stage, as in
    `passion_points`. The logical part is what they do: the steps of the visit that holds the
    moment (`gap_minutes` without a step end it), and the minutes to its next step, which of its
    last step are not observed. The emotional part is what they say: the first answer about the
    touchpoint within `answer_days` from the moment on. The two stand apart, and are compared with
    all other moments of the same stage; intervals are clustered by customer, that of a median is of
    order statistics. Who answers may differ from who does not.

    The best channel of a stage is the one of the driver that customers move on sooner after with
    the highest ratio, among channels (`driven`), else that of the held moment with the largest
    difference; needed content likewise, from `driven` alone. A target is met where Wilson's
    interval of the share who move on within the horizon lies at or above it, missed where it lies
    below. Loss is the hazard of leaving within `loss_days` after the touchpoint, see
    `survival.risk_of_leaving`; for loss to a competitor let `churn` be that end alone.

    Parameters
    ----------
    points : PassionPoints
    journeys : Journeys
        The same as `points` was found on.
    ladder : Ladder
        The same, too.
    which : {"holds", "tested"}
        Moments that hold, or all with a p-value.
    sentiment : pandas.DataFrame, optional
        ``study.sentiment()``: `customer_id event_time touchpoint score`.
    catalogue : Catalogue, optional
        ``study.catalogue``, for channels.
    driven : Drivers, optional
        Of `drivers`, with channels and content tried.
    targets : mapping of (stage, touchpoint) to share, optional
    churn, start : optional
        As in `survival.risk_of_leaving`.
    loss_days, gap_minutes, answer_days : float
    small_cell : int
        Parts known of fewer customers are empty.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When an option is wrong, `points` are of other journeys, or a target is no share.
    MappingError
        When a column of `sentiment` is missing.
    """
    import pandas as pd

    check_choice("which", which, ("holds", "tested"))
    for name, value in (
        ("loss_days", loss_days), ("gap_minutes", gap_minutes), ("answer_days", answer_days),
    ):  # fmt: skip
        check_positive(name, value)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    if points.provenance.fingerprint != journeys.fingerprint:
        raise ArgumentError("`points` must be those of these journeys; find them on these again.")
    chosen = points.holding()
    if which == "tested":
        chosen = points.frame[points.frame["p_value"].notna()]
    answers = None
    if sentiment is not None:
        wanted = ("customer_id", "event_time", "touchpoint", "score")
        check_known("sentiment", wanted, list(map(str, sentiment.columns)), what="columns")
        answers = Answers.of(journeys, sentiment, answer_days)
    steps, visits = entries(journeys, ladder), visits_of(journeys, gap_minutes)
    _, leading = searchable(journeys, ladder)
    parts = []
    for stage, rows in chosen.groupby("stage", sort=False, observed=True):
        rung = ladder.stages.index(str(stage))
        there = moments_of(journeys, steps, rung, leading, visits, answers)
        for touchpoint in rows["touchpoint"]:
            mine = there.code == journeys.names.index(touchpoint)
            parts += _parts(str(stage), touchpoint, there, mine, confidence)
    columns = ["stage", "touchpoint", "kind", "part", "n", "n_known", *_NUMBERS, "evidence"]
    frame = pd.DataFrame(parts, columns=columns)
    small = ((frame["n_known"] > 0) & (frame["n_known"] < small_cell)).to_numpy()
    frame.loc[small, "evidence"] = "too few"
    table = _points(chosen, catalogue, driven, targets or {}, confidence)
    given = {
        "which": which, "loss_days": loss_days, "gap_minutes": gap_minutes,
        "answer_days": answer_days, "small_cell": small_cell, "confidence": confidence,
        "churn": repr(churn),
    }  # fmt: skip
    return PassionParts(
        frame=emptied(frame, dict.fromkeys(("n_known", *_NUMBERS), small)),
        provenance=Provenance(journeys.fingerprint, given),
        points=_with_loss(table, journeys, churn, start, loss_days, small_cell, confidence),
    )


def _parts(
    stage: str, touchpoint: str, there: Moments, mine: np.ndarray, confidence: float
) -> list[tuple[object, ...]]:
    n = int(mine.sum())
    rows: list[tuple[object, ...]] = []
    nothing = (np.nan,) * 3
    for kind, part, value in (
        ("logical", "depth", there.depth),
        ("logical", "dwell", there.dwell),
        ("emotional", "sentiment", there.score),
    ):
        known = int((~np.isnan(value[mine])).sum())
        if not known:
            told: tuple[float, ...] = (np.nan,) * 7
        elif part == "dwell":
            others = median_interval(value[~mine], confidence)[0]
            told = (*median_interval(value[mine], confidence), others, *nothing)
        else:
            told = compared_means(value, mine, there.who, confidence)
        source = "survey" if kind == "emotional" else "log"
        evidence = source if known else NOT_OBSERVED
        rows.append((stage, touchpoint, kind, part, n, known, *told, evidence))
    return rows


def _points(
    chosen: pd.DataFrame,
    catalogue: Catalogue | None,
    driven: Drivers | None,
    targets: Mapping[tuple[str, str], float],
    confidence: float,
) -> pd.DataFrame:
    import pandas as pd

    for key, target in targets.items():
        if not 0 <= target <= 1:
            raise ArgumentError(f"`targets` must be shares from 0 to 1; got {target!r} for {key}.")
    low, high = wilson_interval(chosen["n_event"], chosen["n_exposed"], confidence=confidence)
    best = chosen[chosen["verdict"] == "holds"].sort_values("risk_difference", ascending=False)
    first = best.groupby("stage", observed=True)["touchpoint"].first()
    rows = []
    for at, row in enumerate(chosen.itertuples()):
        target = targets.get((row.stage, row.touchpoint), np.nan)
        channel = _strongest(driven, row.stage, "channel")
        if channel is None and catalogue is not None and row.stage in first.index:
            channel = catalogue.channel_of(first[row.stage])
        content = _strongest(driven, row.stage, "content")
        verdict = CANNOT_TELL
        if np.isnan(target):
            verdict = "no target"
        elif low[at] >= target:
            verdict = "met"
        elif high[at] < target:
            verdict = "missed"
        rows.append(
            (
                row.stage, row.touchpoint, row.n, row.share, row.verdict, channel or CANNOT_TELL,
                content or CANNOT_TELL, row.n_event / row.n_exposed if row.n_exposed else np.nan,
                low[at], high[at], target, verdict,
            )
        )  # fmt: skip
    return pd.DataFrame(
        rows,
        columns=[
            "stage", "touchpoint", "n", "share", "verdict", "best_channel", "needed_content",
            "estimate", "conf_low", "conf_high", "target", "kpi_verdict",
        ],
    )  # fmt: skip


def _strongest(driven: Drivers | None, stage: str, kind: str) -> str | None:
    """Return what customers of a stage move on sooner after, with the highest ratio."""
    if driven is None:
        return None
    found = driven.frame
    found = found[
        (found["stage"] == stage) & (found["kind"] == kind) & (found["verdict"] == "sooner")
    ]
    if found.empty:
        return None
    return str(found.loc[found["ratio"].idxmax(), "driver"])


def _with_loss(
    table: pd.DataFrame,
    journeys: Journeys,
    churn: ChurnRule | None,
    start: Start | None,
    loss_days: float,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Add the ratio of the hazard of leaving after each touchpoint, where it can be judged."""
    table = table.assign(
        leaving=np.nan, leaving_low=np.nan, leaving_high=np.nan, leaving_reading=NOT_OBSERVED
    )
    if churn is None or table.empty:
        return table
    names = sorted(set(table["touchpoint"]))
    try:
        found = risk_of_leaving(
            journeys, churn=churn, start=start, touchpoints=names, window_days=loss_days,
            lags_days=(0.0,), small_cell=small_cell, confidence=confidence,
        ).frame.set_index("touchpoint")  # fmt: skip
    except JourneyKitError:
        return table
    for new, name in (
        ("leaving", "hazard_ratio"), ("leaving_low", "conf_low"), ("leaving_high", "conf_high"),
        ("leaving_reading", "reading"),
    ):  # fmt: skip
        told = table["touchpoint"].map(found[name])
        table[new] = told.where(told.notna(), table[new])
    return table


def _said(mine: pd.DataFrame, part: str, form: str) -> str:
    value = mine.loc[part, "estimate"]
    if np.isnan(value):
        return f"{part} {mine.loc[part, 'evidence']}"
    return form.format(value)
