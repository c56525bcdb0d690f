"""Which content meets customers in which stage, where there is none, and what it does there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.maps.rates import watched
from journeykit.maps.staged import stage_at_events
from journeykit.results import Provenance, Result
from journeykit.stages import passion_points
from journeykit.stats import wilson_interval
from journeykit.stats.disclosure import emptied, small

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages import PassionPoints
    from journeykit.stages.following import Entries
    from journeykit.study.models import Ladder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ContentCoverage(Result):
    """Which content customers met in which stage.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a stage and content: ``stage content``; `n` customers who were ever in the stage,
        `n_event` of them who met the content there; ``estimate conf_low conf_high``, the share;
        `n_touches`; `gap`: nobody of at least `small_cell` customers met it.
    n_without : int
        Events with no content: in no row.
    """

    n_without: int
    rows: ClassVar[str] = "stages and contents"

    def gaps(self) -> pd.DataFrame:
        """Return the stages and contents that never met, with the customers of the stage."""
        found = self.frame.loc[self.frame["gap"], ["stage", "content", "n"]]
        return found.reset_index(drop=True)

    def without_content(self) -> tuple[str, ...]:
        """Name the stages in which customers met no content at all."""
        by_stage = self.frame.groupby("stage", sort=False)["gap"].all()
        return tuple(by_stage.index[by_stage])

    def summary(self) -> str:
        """Say how many stages and contents never meet, and which stages have nothing."""
        stages, contents = self.frame["stage"].nunique(), self.frame["content"].nunique()
        said = (
            f"{contents:,} contents in {stages:,} stages: "
            f"{int(self.frame['gap'].sum()):,} of {len(self.frame):,} never meet"
        )
        empty = self.without_content()
        return f"{said}; without any content: {', '.join(empty)}" if empty else said

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw stages by contents, gaps marked."""
        from journeykit.maps.sending.picture import coverage_map

        return coverage_map(self.frame, ax)


def content_coverage(
    journeys: Journeys,
    /,
    ladder: Ladder,
    *,
    content: str | Mapping[str, str],
    small_cell: int = 10,
    confidence: float = 0.95,
) -> ContentCoverage:
    """Count by stage the customers who met each content while they were in it.

    A customer is in the stage of the last entry strictly before the event. `estimate` is the share
    of those ever in the stage while watched; each counts once, and the interval is Wilson's. Who
    stays longer meets more: the share describes what reaches people, not what it does to them;
    for that see `content_roles`.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    ladder : Ladder
        ``study.model.stages``.
    content : str, or mapping of touchpoint to content
        Event column that says what content an event carries (empty: none), or the content of each
        touchpoint that has one.
    small_cell : int
        Cells of fewer customers, but not of nobody, are emptied.
    confidence : float in (0, 1)

    Returns
    -------
    ContentCoverage

    Raises
    ------
    MappingError
        When the column or a touchpoint does not exist.
    DataError
        When no event has content, or nobody is ever in a stage.
    NotObservedError
        When the journeys have no times.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.study.models import Ladder
    >>> one = Journeys(
    ...     names=("buy", "guide", "web"),
    ...     touchpoint=np.array([2, 1, 0], dtype=np.uint8),
    ...     start=np.array([0, 3]),
    ...     time=np.array([1, 2, 3]),
    ...     observed_to=np.array([9]),
    ... )
    >>> rungs = {"looking": {"touchpoints": ["web"]}, "customer": {"touchpoints": ["buy"]}}
    >>> content_coverage(
    ...     one, Ladder(rungs=rungs), content={"guide": "educate"}, small_cell=1
    ... ).gaps()
          stage  content  n
    0  customer  educate  1
    """
    check_whole("small_cell", small_cell, least=1)
    check_fraction("confidence", confidence)
    refuse_cut(journeys, "`content_coverage`")
    refuse_collapsed(journeys, "`content_coverage`")
    contents, code = content_codes(journeys, content)
    stage, came = stage_at_events(journeys, ladder, "`content_coverage`")
    size = len(ladder.stages)
    n_stage = _ever_in(journeys, came, size)
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    met = np.flatnonzero((code >= 0) & (stage >= 0))
    cell = stage[met] * len(contents) + code[met]
    n_cells = size * len(contents)
    once = np.unique(owner[met] * n_cells + cell) % n_cells
    n_event = np.bincount(once, minlength=n_cells)
    n = np.repeat(n_stage, len(contents))
    low, high = wilson_interval(n_event, n, confidence=confidence)
    frame = pd.DataFrame(
        {
            "stage": np.repeat(ladder.stages, len(contents)),
            "content": np.tile(contents, size),
            "n": n,
            "n_event": n_event,
            "estimate": np.divide(n_event, n, out=np.full(n_cells, np.nan), where=n > 0),
            "conf_low": low,
            "conf_high": high,
            "n_touches": np.bincount(cell, minlength=n_cells),
            "gap": (n_event == 0) & (n >= small_cell),
        }
    )
    few = small(n_event, small_cell) | small(n, small_cell)
    hide = ["n_event", "estimate", "conf_low", "conf_high", "n_touches"]
    return ContentCoverage(
        frame=emptied(frame, {**dict.fromkeys(hide, few), "n": small(n, small_cell)}),
        provenance=Provenance(
            journeys.fingerprint,
            {
                "content": content if isinstance(content, str) else dict(content),
                "small_cell": small_cell,
                "confidence": confidence,
            },
        ),
        n_without=int((code < 0).sum()),
    )


def _ever_in(journeys: Journeys, came: Entries, size: int) -> NDArray[np.int64]:
    """Count the customers who come into each stage while they are watched."""
    owner, _, after = watched(journeys, "`content_coverage`")
    until = np.full(len(journeys), np.iinfo(np.int64).min)
    until[owner] = journeys.need_time("`content_coverage`") + after
    inside = came.time < until[came.who]
    reached = np.unique(came.who[inside] * size + came.rung[inside])
    found = np.bincount(reached % size, minlength=size)
    if not found.any():
        raise DataError("Nobody is ever in a stage: nothing leads to any while customers are seen.")
    return found


def content_roles(
    journeys: Journeys,
    /,
    ladder: Ladder,
    *,
    content: str | Mapping[str, str],
    horizon_days: float,
    sent: Sequence[str] = (),
    held_equal: Sequence[str] = (),
    support: float = 0.05,
    small_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> PassionPoints:
    """Find the contents after which customers of a stage are likelier to move on.

    Touchpoints are renamed to the content they carry, and `stages.passion_points` compares, in risk
    sets, customers who have just met a content in the stage with others alike who have not. What
    leads to a stage keeps its name and is not tested.

    Parameters
    ----------
    journeys, ladder, content
        As `content_coverage`.
    horizon_days, held_equal, support, small_cell, confidence, seed
        As `stages.passion_points`.
    sent : sequence of str
        Contents that the firm sends.

    Returns
    -------
    PassionPoints
        With contents as touchpoints. Other touchpoints are tried too, and q-values are those among
        all; `stages` counts all that were tried.

    Raises
    ------
    ArgumentError
        When a content is called like a touchpoint that leads to a stage.
    MappingError, DataError, NotObservedError
        As `content_coverage` and `stages.passion_points`.
    """
    contents, code = content_codes(journeys, content)
    leading = {name for rung in ladder.rungs.values() for name in rung.touchpoints}
    clash = sorted(leading & set(contents))
    if clash:
        raise ArgumentError(
            f"`content` must not be called like a touchpoint that leads to a stage: {clash[0]!r}."
        )
    leads = np.array([name in leading for name in journeys.names], dtype=bool)
    names = tuple(sorted({*journeys.names, *contents}))
    place = {name: at for at, name in enumerate(names)}
    own = np.array([place[name] for name in journeys.names])[journeys.touchpoint]
    carried = np.array([place[name] for name in contents])[np.maximum(code, 0)]
    renamed = np.where((code >= 0) & ~leads[journeys.touchpoint], carried, own)
    made = journeys.replace(
        names=names, touchpoint=renamed.astype(np.min_scalar_type(len(names)))
    ).with_fingerprint(journeys.fingerprint_number)
    check_known("sent", sent, contents, what="contents")
    found = passion_points(
        made,
        ladder,
        horizon_days=horizon_days,
        sent=sent,
        held_equal=held_equal,
        support=support,
        small_cell=small_cell,
        confidence=confidence,
        seed=seed,
    )
    mine = found.frame["touchpoint"].isin(contents)
    return replace(found, frame=found.frame[mine].reset_index(drop=True))


def content_codes(
    journeys: Journeys, content: str | Mapping[str, str], /
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the contents, sorted, and the content of each event, -1 for none."""
    if isinstance(content, str):
        check_known("content", [content], list(journeys.columns), what="event columns")
        code, found = pd.factorize(pd.Series(journeys.columns[content]), use_na_sentinel=True)
        words = [str(word) for word in found]
    else:
        check_known("content", content, journeys.names, what="touchpoints")
        words = sorted(set(content.values()))
        by_name = [words.index(content[n]) if n in content else -1 for n in journeys.names]
        code = np.array(by_name)[journeys.touchpoint]
    if not words or not (code >= 0).any():
        raise DataError("No event has content; say in `content` which touchpoints carry any.")
    contents = tuple(sorted(set(words)))
    place = np.array([contents.index(word) for word in words])
    return contents, np.where(code >= 0, place[np.maximum(code, 0)], -1).astype(np.int64)
