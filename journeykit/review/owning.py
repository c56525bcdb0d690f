"""Who answers for each touchpoint, channel and stage, and how it is measured; what nobody owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_fraction, check_names
from journeykit.errors import ArgumentError, StudyError
from journeykit.results import Checked, Provenance, Result
from journeykit.review.strategy import Owned, channels_of, faults_of
from journeykit.stats import ClusterSums, clustered_wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.review.strategy import Strategy
    from journeykit.study.catalogue import Catalogue, Touchpoint
    from journeykit.study.models import Ladder

Aspect = Literal["accountable", "kpi", "target"]
ASPECTS: tuple[Aspect, ...] = ("accountable", "kpi", "target")
_WORDS = {"accountable": "nobody answers", "kpi": "no KPI", "target": "no target"}
KINDS = ("stage", "channel", "touchpoint")
_TOUCHES = "touches"
_DRAWN = 24


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Ownership(Result):
    """Stages, channels and touchpoints, and what is said of each.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a stage, channel or touchpoint: `kind`, `name`, `channel` (of touchpoints);
        `accountable`, `kpi`, `target`, empty where nobody has said; `inherited`, which of them a
        touchpoint has from its channel; `missing`, which of them are missing, both separated by
        commas; `n_events` at a touchpoint, a channel's touchpoints together (missing without
        journeys).
    gaps : pandas.DataFrame
        One row a gap that somebody has to close: `kind`, `name`, `missing`, `n_touchpoints` that
        it leaves without, and `n_events` at these. What a touchpoint lacks because its channel
        does is the channel's gap and is listed once.
    shares : pandas.DataFrame
        One row a kind, and one for "touches" where there are journeys: `kind`, `n`; `n_unowned`,
        for which nobody answers, and `unowned`, their share; `n_incomplete`, of which anything is
        missing, and `incomplete`. Touches are events, those at touchpoints that the catalogue does
        not have included (nobody answers for them); their shares have `unowned_low`,
        `unowned_high` (Wilson's for clusters of customers), missing for kinds, which are counted
        in full.
    n_unmapped : int
        Events at touchpoints that the catalogue does not have.
    """

    gaps: pd.DataFrame
    shares: pd.DataFrame
    n_unmapped: int
    rows: ClassVar[str] = "stages, channels and touchpoints"

    def summary(self) -> str:
        """Say what has nobody, and how many gaps there are."""
        table = self.shares.set_index("kind")
        told = [
            f"{int(row.n_unowned):,} of {int(row.n):,} {kind}{'' if row.n == 1 else 's'}"
            for kind, row in table.drop(_TOUCHES, errors="ignore").iterrows()
        ]
        text = f"nobody answers for {', '.join(told)}; {len(self.gaps):,} gaps in all"
        text = text.replace(" 1 gaps", " 1 gap")
        if _TOUCHES not in table.index:
            return text
        touches = table.loc[_TOUCHES]
        return f"{text}; {touches['unowned']:.1%} of touches are at what nobody answers for"

    def check(self) -> Checked:
        """Check that somebody answers for everything, and that all has a KPI and a target."""
        if not len(self.gaps):
            return Checked("ownership", "passed", "Everything has an owner, a KPI and a target.")
        told = [f"{row.name_}: {_WORDS[row.missing]}" for row in _named(self.gaps.head(5))]
        more = f" and {len(self.gaps) - 5:,} more" if len(self.gaps) > 5 else ""
        return Checked("ownership", "warned", f"{'; '.join(told)}{more}.")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what is said (filled) and what is missing (crossed) of stages and channels.

        Touchpoints are drawn where they have a gap of their own; where there are more than fit,
        the last row says how many.
        """
        from journeykit.draw import INK, PALETTE, QUIET, axes
        from journeykit.draw.charts import shortened

        own = set(self.gaps.loc[self.gaps["kind"] == "touchpoint", "name"])
        shown = self.frame[(self.frame["kind"] != "touchpoint") | self.frame["name"].isin(own)]
        top = shown.head(_DRAWN)
        ax = axes(ax, height=0.33 * len(top) + 1.1, width=4.9)
        for y, row in enumerate(top.itertuples()):
            for x, aspect in enumerate(ASPECTS):
                there = bool(getattr(row, aspect))
                mark = {"marker": "o", "color": PALETTE[0]} if there else _CROSS
                ax.scatter([x], [y], s=60, **mark)
            if y and row.kind != top["kind"].iloc[y - 1]:
                ax.axhline(y - 0.5, color=QUIET, linewidth=0.8)
        ax.set_xticks(range(3), ["answers for it", "KPI", "target"])
        ax.xaxis.tick_top()
        ax.set_yticks(range(len(top)), [shortened(f"{r.name_}", 26) for r in _named(top)])
        ax.tick_params(colors=INK, length=0, labelsize=10)
        ax.set_xlim(-0.6, 2.6)
        ax.set_ylim(len(top) - 0.5, -0.6)
        for side in ax.spines.values():
            side.set_visible(False)
        if len(shown) > len(top):
            ax.set_xlabel(f"{len(shown) - len(top):,} more touchpoints have gaps")
        return ax


_CROSS = {"marker": "x", "color": "#d55e00", "linewidths": 2}


class _Item(NamedTuple):
    """One thing that somebody ought to answer for."""

    kind: str
    name: str
    channel: str
    said: dict[str, str]
    inherited: tuple[str, ...]
    from_channel: tuple[str, ...]


def ownership(
    catalogue: Catalogue,
    strategy: Strategy,
    /,
    *,
    ladder: Ladder | None = None,
    journeys: Journeys | None = None,
    inherit: Sequence[Aspect] = ASPECTS,
    confidence: float = 0.95,
) -> Ownership:
    """List who answers for every stage, channel and touchpoint, its KPI and its target; and gaps.

    Stages are those of the ladder (without one, those that the strategy names), channels and
    touchpoints those of the catalogue. A touchpoint has what the strategy says of it, then, for
    who answers, what the catalogue says in `accountable`, then, for what `inherit` names, what its
    channel has. Nobody inherits from a stage.

    With journeys, gaps are weighed: how many events are at touchpoints for which nobody answers.

    Parameters
    ----------
    catalogue : Catalogue
    strategy : Strategy
        Of `read_strategy`.
    ladder : Ladder, optional
    journeys : Journeys, optional
    inherit : sequence of {"accountable", "kpi", "target"}
        What a touchpoint of which it is not said has from its channel; with () each has to have
        its own.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        An empty catalogue.
    StudyError
        When the strategy names stages, channels or touchpoints that do not exist.
    """
    check_fraction("confidence", confidence)
    check_names("inherit", inherit)
    for aspect in inherit:
        check_choice("inherit", aspect, get_args(Aspect))
    if not len(catalogue):
        raise ArgumentError(
            "`catalogue` must describe touchpoints; it is empty. Name a file under `catalogue` in "
            "the study, or start from `study.catalogue.standard_catalogue()`."
        )
    faults = faults_of(strategy, catalogue=catalogue, ladder=ladder)
    if faults:
        raise StudyError("\n  ".join(["The strategy does not fit:", *faults]))
    items = _items(catalogue, strategy, ladder, inherit)
    events = None if journeys is None else _events(journeys, catalogue)
    frame = _frame(items, events)
    shares = pd.DataFrame([_share(frame, kind) for kind in KINDS if kind in set(frame["kind"])])
    n_unmapped = 0
    if journeys is not None and events is not None:
        n_unmapped = journeys.n_events - sum(events.values())
        touches = _touch_share(journeys, frame, confidence)
        shares = pd.concat([shares, pd.DataFrame([touches])], ignore_index=True)
    return Ownership(
        frame=frame,
        provenance=Provenance(
            "" if journeys is None else journeys.fingerprint,
            {"inherit": tuple(inherit), "confidence": confidence},
        ),
        gaps=_gaps(items, frame),
        shares=shares,
        n_unmapped=n_unmapped,
    )


def _items(
    catalogue: Catalogue, strategy: Strategy, ladder: Ladder | None, inherit: Sequence[Aspect]
) -> list[_Item]:
    """Return stages, channels and touchpoints with what is said of them."""
    stages = tuple(strategy.stages) if ladder is None else ladder.stages
    empty = Owned()
    plain = [
        _Item(kind, name, "", _said(parts.get(name, empty)), (), ())
        for kind, names, parts in (
            ("stage", stages, strategy.stages),
            ("channel", channels_of(catalogue), strategy.channels),
        )
        for name in names
    ]
    return plain + [_touchpoint(row, strategy, inherit) for row in catalogue.touchpoints.values()]


def _said(owned: Owned) -> dict[str, str]:
    return {aspect: getattr(owned, aspect).strip() for aspect in ASPECTS}


def _touchpoint(row: Touchpoint, strategy: Strategy, inherit: Sequence[Aspect]) -> _Item:
    said = _said(strategy.touchpoints.get(row.touchpoint, Owned()))
    said["accountable"] = said["accountable"] or row.accountable
    above = _said(strategy.channels.get(row.channel, Owned()))
    asked = tuple(name for name in inherit if row.channel and not said[name])
    taken = tuple(name for name in asked if above[name])
    said |= {name: above[name] for name in taken}
    lacking = tuple(name for name in asked if not above[name])
    return _Item("touchpoint", row.touchpoint, row.channel, said, taken, lacking)


def _events(journeys: Journeys, catalogue: Catalogue) -> dict[str, int]:
    """Count the events of each touchpoint of the catalogue."""
    n = np.bincount(journeys.touchpoint, minlength=len(journeys.names))
    counted = dict(zip(journeys.names, n.tolist(), strict=True))
    return {name: counted.get(name, 0) for name in catalogue.touchpoints}


def _frame(items: Iterable[_Item], events: dict[str, int] | None) -> pd.DataFrame:
    frame = pd.DataFrame(
        [
            {
                "kind": item.kind,
                "name": item.name,
                "channel": item.channel,
                **item.said,
                "inherited": ", ".join(item.inherited),
                "missing": ", ".join(aspect for aspect in ASPECTS if not item.said[aspect]),
            }
            for item in items
        ]
    )
    n = pd.array([pd.NA] * len(frame), dtype="Int64")
    if events is not None:
        touchpoint = frame["kind"] == "touchpoint"
        counted = frame["name"].map(events).where(touchpoint)
        by_channel = counted.groupby(frame["channel"]).sum()
        channel = frame["name"].map(by_channel).where(frame["kind"] == "channel")
        n = counted.fillna(channel).astype("Int64").array
    return frame.assign(n_events=n)


def _gaps(items: Sequence[_Item], frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each thing missing, at the place where it is to be said."""
    below: dict[tuple[str, str], list[int]] = {}
    for at, item in enumerate(items):
        for aspect in item.from_channel:
            below.setdefault((item.channel, aspect), []).append(at)
    rows = []
    for at, item in enumerate(items):
        for aspect in ASPECTS:
            if item.said[aspect] or aspect in item.from_channel:
                continue
            touched = [at] if item.kind == "touchpoint" else []
            if item.kind == "channel":
                touched = below.get((item.name, aspect), [])
            n = frame["n_events"].iloc[touched].sum(min_count=1) if touched else pd.NA
            rows.append((item.kind, item.name, aspect, len(touched), n))
    gaps = pd.DataFrame(rows, columns=["kind", "name", "missing", "n_touchpoints", "n_events"])
    return gaps.astype({"n_touchpoints": "int64", "n_events": "Int64"})


def _share(frame: pd.DataFrame, kind: str) -> dict[str, object]:
    rows = frame[frame["kind"] == kind]
    n, unowned = len(rows), int((rows["accountable"] == "").sum())
    incomplete = int((rows["missing"] != "").sum())
    return {
        "kind": kind,
        "n": n,
        "n_unowned": unowned,
        "unowned": unowned / n,
        "unowned_low": np.nan,
        "unowned_high": np.nan,
        "n_incomplete": incomplete,
        "incomplete": incomplete / n,
    }


def _touch_share(journeys: Journeys, frame: pd.DataFrame, confidence: float) -> dict[str, object]:
    """Return which share of events is at touchpoints for which nobody answers."""
    rows = frame[frame["kind"] == "touchpoint"].set_index("name")
    unowned = ~_at(journeys, rows.index[rows["accountable"] != ""])
    incomplete = ~_at(journeys, rows.index[rows["missing"] == ""])
    _, whose = np.unique(journeys.customer_index, return_inverse=True)
    owner = np.repeat(whose, journeys.length)
    made = np.bincount(owner)
    lost = np.bincount(owner, weights=unowned, minlength=len(made))
    with_any = made > 0
    sums = ClusterSums.of_clusters(lost[with_any], made[with_any])
    low, high = clustered_wilson_interval(sums, confidence=confidence)
    n = max(journeys.n_events, 1)
    return {
        "kind": _TOUCHES,
        "n": journeys.n_events,
        "n_unowned": int(unowned.sum()),
        "unowned": unowned.sum() / n,
        "unowned_low": float(low),
        "unowned_high": float(high),
        "n_incomplete": int(incomplete.sum()),
        "incomplete": incomplete.sum() / n,
    }


def _at(journeys: Journeys, names: Iterable[str]) -> NDArray[np.bool_]:
    """Return which events are at any of these touchpoints."""
    wanted = np.isin(np.array(journeys.names, dtype=object), list(names))
    return np.asarray(wanted[journeys.touchpoint])


class _Named(NamedTuple):
    kind: str
    name_: str
    missing: str


def _named(frame: pd.DataFrame) -> list[_Named]:
    """Return rows whose names say what they are."""
    return [
        _Named(kind, f"{name} ({kind})", missing)
        for kind, name, missing in zip(frame["kind"], frame["name"], frame["missing"], strict=True)
    ]
