"""Which stage every customer is in on a date, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.results import Provenance, Result
from journeykit.stages.driving.labelling import groups_of
from journeykit.stages.following import entries
from journeykit.stages.moments import last_of_instant
from journeykit.stages.unmarked import Gaps, Rates, chances, rates_of
from journeykit.stats import wilson_interval
from journeykit.stats.disclosure import suppress
from journeykit.survival.following import watched_customers

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.following import Entries
    from journeykit.study.models import Ladder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Whereabouts(Result):
    """One row a customer watched on the date: the likeliest stage and its probability.

    Customer ids are personal data: show `counts`, not the frame.

    Attributes
    ----------
    frame : pandas.DataFrame
        `customer_id`; `group`, ``all`` without `by`; `stage`, the likeliest; `probability` of it;
        `marked`, the stage of the last mark; `time_days` since then.
    probabilities : pandas.DataFrame
        The same rows: a column a stage, which sum to 1.
    moves : pandas.DataFrame
        `group source target rate_a_day`, with repeated marks where both are the same stage. Empty
        where every entry is seen.
    stages : tuple of str
    seen : mapping of str to float
        Stage: share of the entries that leave a mark.
    event_time : str
        The date.
    n_unmarked : int
        Customers watched then of whom nothing tells a stage: not observed.
    n_unwatched : int
        Customers not watched then.
    """

    probabilities: pd.DataFrame
    moves: pd.DataFrame
    stages: tuple[str, ...]
    seen: Mapping[str, float]
    event_time: str
    n_unmarked: int
    n_unwatched: int
    rows: ClassVar[str] = "customers"

    def counts(self, *, confidence: float = 0.95, small_cell: int = 10) -> pd.DataFrame:
        """Count customers by group and stage, small cells emptied.

        `n` by likeliest stage; `expected`, the sum of the probabilities; `share`, that of all in
        the group, with Wilson's interval of a sample of so many customers, which is wide enough:
        probabilities vary less than stages do. Errors of the rates are not in it.
        """
        import pandas as pd

        check_fraction("confidence", confidence)
        check_whole("small_cell", small_cell, least=1)
        parts = []
        for name, rows in self.frame.groupby("group", sort=True, observed=True):
            expected = self.probabilities.loc[rows.index].sum().reindex(list(self.stages))
            low, high = wilson_interval(expected, len(rows), confidence=confidence)
            n = rows["stage"].value_counts().reindex(list(self.stages), fill_value=0)
            parts.append(
                pd.DataFrame(
                    {
                        "group": name,
                        "stage": list(self.stages),
                        "n": n.to_numpy(),
                        "expected": expected.to_numpy(),
                        "share": expected.to_numpy() / len(rows),
                        "conf_low": low,
                        "conf_high": high,
                    }
                )
            )
        return suppress(
            pd.concat(parts, ignore_index=True),
            n="n", hide=["expected", "share", "conf_low", "conf_high"], by=["group"],
            small_cell=small_cell,
        ).frame  # fmt: skip

    def summary(self) -> str:
        """Say how many are where, how sure that is, and of how many nothing tells."""
        mean = self.frame["probability"].mean()
        unsure = int((self.frame["probability"] < 0.8).sum())
        share = self.probabilities.mean()
        told = ", ".join(f"{stage} {share[stage]:.0%}" for stage in self.stages)
        return (
            f"{len(self.frame):,} customers on {self.event_time}: {told}; the likeliest stage is "
            f"right for {mean:.0%} to be expected, {unsure:,} are less sure than 80 %; of "
            f"{self.n_unmarked:,} no stage was observed"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many customers are in each stage, by how sure that is."""
        from journeykit.draw import PALETTE, axes, tidy

        ax = axes(ax, height=max(1.8, 0.5 * len(self.stages) + 1.0), width=6.4)
        at = np.arange(len(self.stages))
        left = np.zeros(len(self.stages))
        bands = ((0.95, 1.01, 1.0), (0.8, 0.95, 0.65), (0.5, 0.8, 0.35), (0.0, 0.5, 0.15))
        for low, high, shade in bands:
            sure = (self.frame["probability"] >= low) & (self.frame["probability"] < high)
            n = self.frame.loc[sure, "stage"].value_counts().reindex(list(self.stages))
            width = n.fillna(0).to_numpy(dtype=float)
            if width.any():
                label = f"{low:.0%} or more" if low else "below 50%"
                ax.barh(at, width, left=left, color=PALETTE[0], alpha=shade, label=label)
                left += width
        ax.set_yticks(at, list(self.stages))
        ax.set_xlabel(f"customers on {self.event_time}")
        ax.legend(title="probability", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return tidy(ax, grid="x")


def whereabouts(
    journeys: Journeys,
    /,
    ladder: Ladder,
    *,
    at: str | date | None = None,
    seen: float | Mapping[str, float] = 1.0,
    by: str | None = None,
) -> Whereabouts:
    """Tell the stage of every customer on a date, with the probability that they are in it.

    What leads to a rung is a mark: at that moment the stage is known. With `seen` 1 every entry
    leaves one, so the stage is that of the last mark, as `follow` has it, with probability 1. Where
    some entries leave none (a visit without consent, a call nobody wrote down), customers may have
    moved on unseen: stages are then a Markov process in continuous time whose moves into a stage
    are marked with the chance `seen`, independently; marks of the stage a customer is in already
    may repeat. Its rates, by group, are estimated by maximum likelihood from all silences between
    marks, and the probability is that of each stage given the last mark and the silence since: it
    decays from 1 with time. Only what came before the date tells of a customer; rates are of the
    whole window.

    The data do not tell what they do not show: `seen` must come from elsewhere, such as a survey or
    a tracking audit. Where stages remember more than the Markov process does (who stayed long stays
    long), probabilities after long silences are off.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    ladder : Ladder
        ``study.model.stages``.
    at : str or date, optional
        The beginning of that day, or a time; by default the end of the window. Events at it count.
    seen : float or mapping of str to float
        Share of the entries into a stage that leave a mark, in (0, 1]; stages not named 1. It must
        be 1 for a stage that comes `after` another, and for that other.
    by : str, optional
        Attribute by which rates differ.

    Raises
    ------
    ArgumentError
        When `at` is no date, `seen` no share, or journeys are cut.
    MappingError
        When a touchpoint, attribute or stage does not exist.
    NotObservedError
        When the journeys have no times, or nothing says until when customers are watched.
    DataError
        When nobody watched on the date was ever seen to come into a stage.

    References
    ----------
    Neuts (1979), Journal of Applied Probability 16, for marks of a Markov process.

    Examples
    --------
    >>> from journeykit.simulate.world import world
    >>> from journeykit.stages import Ladder, whereabouts
    >>> made = world(customers=300, seed=1, parts=("channels", "stages", "orders", "ladder"))
    >>> ladder = Ladder(rungs={
    ...     "familiarity": {"touchpoints": ["view_microsite"]},
    ...     "engagement": {"touchpoints": ["whitepaper_download"]},
    ...     "deliberation": {"touchpoints": ["contact_form"]},
    ... })
    >>> whereabouts(made.journeys(), ladder, at="2025-01-01").frame["probability"].unique().tolist()
    [1.0]
    """
    import pandas as pd

    refuse_cut(journeys, "`whereabouts`")
    refuse_collapsed(journeys, "`whereabouts`")
    watched = watched_customers(journeys, "`whereabouts`")
    shares = _shares(ladder, seen)
    when, shown = _instant(journeys, at, watched.until)
    names, group = groups_of(journeys, by)
    steps = entries(journeys, ladder)
    steps = steps.take(last_of_instant(steps))
    last = _last_marks(steps.take(steps.time <= when), len(journeys))
    watching = (watched.since <= when) & (when <= watched.until)
    told = watching & (last.rung >= 0)
    if not told.any():
        raise DataError(
            f"Nobody watched on {shown} was seen to come into a stage before; choose another `at`."
        )
    rates = _rates(steps, watched.until, group, len(names), ladder, shares)
    who = np.flatnonzero(told)
    days = (when - last.time[who]) / DAY
    probability = np.zeros((len(who), len(shares)))
    for at_group, found in enumerate(rates):
        mine = group[who] == at_group
        if found is None:
            probability[np.flatnonzero(mine), last.rung[who[mine]]] = 1.0
        else:
            probability[mine] = chances(found, shares, last.rung[who[mine]], days[mine])
    best = probability.argmax(axis=1)
    stages = np.array(ladder.stages, dtype=object)
    ids = journeys.customer_id.take(pa.array(journeys.customer_index[who])).to_pandas()
    frame = pd.DataFrame(
        {
            "customer_id": ids.to_numpy(),
            "group": np.array(names, dtype=object)[group[who]],
            "stage": stages[best],
            "probability": probability[np.arange(len(who)), best],
            "marked": stages[last.rung[who]],
            "time_days": days,
        }
    )
    by_stage = dict(zip(ladder.stages, shares.tolist(), strict=True))
    return Whereabouts(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, {"at": shown, "seen": by_stage, "by": by}),
        probabilities=pd.DataFrame(probability, columns=list(ladder.stages)),
        moves=_moves(rates, names, ladder),
        stages=ladder.stages,
        seen=by_stage,
        event_time=shown,
        n_unmarked=int((watching & ~told).sum()),
        n_unwatched=int((~watching).sum()),
    )


class _Last(NamedTuple):
    """Stage and time of the last mark of every journey, -1 where there is none."""

    rung: NDArray[np.int64]
    time: NDArray[np.int64]


def _last_marks(steps: Entries, n: int) -> _Last:
    last = np.flatnonzero(np.diff(steps.who, append=-1) != 0)
    found = _Last(np.full(n, -1), np.full(n, -1))
    found.rung[steps.who[last]] = steps.rung[last]
    found.time[steps.who[last]] = steps.time[last]
    return found


def _shares(ladder: Ladder, seen: float | Mapping[str, float]) -> NDArray[np.float64]:
    """Return the share of entries seen, of each stage."""
    given = seen if isinstance(seen, Mapping) else dict.fromkeys(ladder.stages, seen)
    check_known("seen", given, list(ladder.stages), what="stages")
    found = np.array([float(given.get(stage, 1.0)) for stage in ladder.stages])
    by_time = {
        name
        for stage, rung in ladder.rungs.items()
        if rung.after is not None
        for name in (stage, rung.after)
    }
    if not isinstance(seen, Mapping):
        found[[stage in by_time for stage in ladder.stages]] = 1.0
    for stage, share in zip(ladder.stages, found.tolist(), strict=True):
        if not 0 < share <= 1:
            raise ArgumentError(
                f"`seen` must be a share above 0 and at most 1; got {share!r} for {stage!r}."
            )
        if share < 1 and stage in by_time:
            raise ArgumentError(
                f"`seen` must be 1 for {stage!r}: time alone leads from or to it, counted from an "
                f"entry that must be known; got {share!r}."
            )
    return found


def _instant(
    journeys: Journeys, at: str | date | None, until: NDArray[np.int64]
) -> tuple[int, str]:
    """Return the date as microseconds and as text."""
    import pandas as pd

    if at is None:
        when = journeys.window[1] if journeys.window is not None else int(until.max())
        return when, str(pd.Timestamp(when, unit="us").date())
    try:
        read = pd.to_datetime([at], utc=True, format="ISO8601")
    except (TypeError, ValueError):
        raise ArgumentError(f"`at` must be a date or a time; got {at!r}.") from None
    if read.hasnans:
        raise ArgumentError(f"`at` must be a date or a time; got {at!r}.")
    return int(read.as_unit("us").asi8[0]), str(at)


def _rates(
    steps: Entries,
    until: NDArray[np.int64],
    group: NDArray[np.int64],
    n_groups: int,
    ladder: Ladder,
    seen: NDArray[np.float64],
) -> list[Rates | None]:
    """Estimate the rates of each group; none where every entry is seen."""
    if (seen == 1).all():
        return [None] * n_groups
    steps = steps.take(steps.time < until[steps.who])
    more = np.diff(steps.who, append=-1) == 0
    stop = np.where(more, np.roll(steps.time, -1), until[steps.who])
    gaps = Gaps(
        steps.rung,
        np.where(more, np.roll(steps.rung, -1), -1),
        (stop - steps.time) / DAY,
    )
    size = len(seen)
    allowed = np.ones((size, size), dtype=bool)
    for at, rung in enumerate(ladder.rungs.values()):
        if rung.holds:
            allowed[at:, :at] = False
        if rung.after is not None:
            # Time alone leads there, from one stage.
            allowed[:, at] = False
            allowed[ladder.stages.index(rung.after), at] = True
    owner = group[steps.who]
    return [
        rates_of(gaps.take(owner == one), seen, allowed) if (owner == one).any() else None
        for one in range(n_groups)
    ]


def _moves(rates: list[Rates | None], names: tuple[str, ...], ladder: Ladder) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (name, source, target, found.move[i, j] if i != j else found.repeat[i])
        for name, found in zip(names, rates, strict=True)
        if found is not None
        for i, source in enumerate(ladder.stages)
        for j, target in enumerate(ladder.stages)
    ]
    return pd.DataFrame(rows, columns=["group", "source", "target", "rate_a_day"])
