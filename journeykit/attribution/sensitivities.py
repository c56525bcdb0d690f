"""How far an answer moves when what was decided before the model is decided otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.attribution.assumptions import (
    Setting,
    changes,
    grouping_of,
    prepared,
)
from journeykit.attribution.credit import Credits
from journeykit.attribution.identities import KINDS, Kind
from journeykit.attribution.moving import tables
from journeykit.attribution.refitting import Model, fitted
from journeykit.checks import check_choice, check_positive, check_whole
from journeykit.errors import ArgumentError
from journeykit.journeys.ending import refuse_cut
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from datetime import timedelta

    import pandas as pd
    from matplotlib.axes import Axes

    from journeykit.journeys import Journeys
    from journeykit.study import Catalogue

#: Distances that are rounding alone.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Sensitivity(Result):
    """How far shares move, one assumption changed at a time.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a model, changed assumption, value and channel: `model`, `assumption`, `value`,
        `channel`, `share`, `base_share`, `difference` (`share` less `base_share`), and
        `base_low`, `base_high`, the model's own interval of the base share, missing where channels
        were added up to compare groupings. Shares of split identities are averaged over `splits`
        draws. They are missing where no refit gave any.
    moves : pandas.DataFrame
        One row a model, changed assumption and value: `model`, `assumption`, `value`, and

        - `n_split`: customers taken for two, on average over the splits
        - `distance`: total variation, half the sum of absolute differences, which is the part of
          the credit that changes hands
        - `leader`, `base_leader`, `leader_changes`: the channel with the largest share
        - `most_moved`, `moved_by`: the row that moves most, and how far
        - `n_outside`: rows whose share leaves the base's interval, so moves further than other
          customers of the same kind would move it; missing where no row has an interval
        - `n_failed`, `reason`: refits without shares, left out, and what the first of them said
    base : Credits
        What the model says under the base assumptions.
    """

    moves: pd.DataFrame
    base: Credits
    rows: ClassVar[str] = "shares"

    def summary(self) -> str:
        """Name the assumption that moves most credit, and say whether the leader stays."""
        moves = self.moves.dropna(subset=["distance"])
        failed = int((self.moves["n_failed"] > 0).sum())
        out = f" In {failed:,} rows a refit gave no shares." if failed else ""
        if not len(moves):
            return out.strip() or "No assumption was changed."
        most = moves.loc[moves["distance"].idxmax()]
        changed = int(moves["leader_changes"].sum())
        leads = (
            f"the leader changes in {changed:,} of {len(moves):,} rows"
            if changed
            else f"the leader stays in all {len(moves):,} rows"
        )
        return (
            f"Most moves with {most['assumption']} {most['value']}: {most['distance']:.1%} of the "
            f"credit of {most['model']} changes hands; {leads}. It says what the answer hangs on, "
            f"not which assumption is right.{out}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the distance of every change that moves something, largest on top.

        Open points are changes of the leader.
        """
        from journeykit.draw import PALETTE, axes, percent_axis, tidy
        from journeykit.draw.charts import shortened

        moves = self.moves.dropna(subset=["distance"])
        label = moves["assumption"] + ", " + moves["value"]
        largest = moves.groupby(label)["distance"].max()
        largest = largest.sort_values(ascending=False, kind="stable")
        rows = largest.index[largest > _ROUNDING].tolist()
        models = moves["model"].unique().tolist()
        ax = axes(ax, height=max(1.8, (0.14 * len(models) + 0.22) * len(rows) + 1.0))
        for number, model in enumerate(models):
            mine = (moves["model"] == model) & label.isin(rows)
            part = moves[mine].set_index(label[mine])
            at = np.array([rows.index(name) for name in part.index], dtype=float)
            at += 0.16 * (number - (len(models) - 1) / 2)
            color = PALETTE[number % len(PALETTE)]
            ax.hlines(at, 0, part["distance"], color=color, linewidth=1.6, alpha=0.7)
            stays = ~part["leader_changes"].to_numpy(dtype=bool)
            for which, face in ((stays, color), (~stays, "white")):
                ax.plot(
                    part["distance"].to_numpy()[which], at[which], "o", color=color,
                    markerfacecolor=face, markersize=5, clip_on=False,
                    label=model if face == color else None,
                )  # fmt: skip
        ax.set_yticks(np.arange(len(rows)), [shortened(name) for name in rows])
        ax.invert_yaxis()
        ax.set_xlim(left=0)
        ax.set_xlabel("credit that changes hands (open: the leader changes)")
        percent_axis(ax, "x")
        if len(models) > 1:
            ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(models))
        return tidy(ax, grid="x")


def sensitivity(
    journeys: Journeys,
    model: Model,
    /,
    *,
    conversion: Sequence[str],
    lookback_days: float | None,
    lookbacks_days: Sequence[float] | None = None,
    session_gap: str | timedelta | None = None,
    session_gaps: Sequence[str | timedelta] = ("30min", "1d"),
    fragmentation: Sequence[float] = (0, 0.25, 0.5),
    split: Kind = "device",
    splits: int = 5,
    grouping: Mapping[str, str] | Catalogue | None = None,
    groupings: Mapping[str, Mapping[str, str] | Catalogue | None] | None = None,
    value: str | None = None,
    seed: int = 0,
) -> Sensitivity:
    """Refit a model with each assumption changed in turn, and say how far its shares move.

    The base is `lookback_days`, `session_gap`, `grouping` and identities as they are. Then one of
    them at a time takes another value, the journeys are made anew and the model is refitted whole:

    - *lookback*: the longest pause within a journey.
    - *session gap*: a run of one channel, with nothing in between and no pause above the gap,
      counts as one touch, its first. Conversions are never merged.
    - *identities split*: a part of the customers is taken for two, as where a person uses two
      devices or deletes cookies. Once whoever it is; once only customers who never convert, as
      where a login at checkout joins the identities of those who do; once only those who convert.
      The latter two are the extremes of a split that depends on the outcome. No event and no
      conversion is lost. Rules read converting journeys only, so the second cannot move them.
    - *grouping*: touchpoints grouped into other channels. Shares are then compared over the finest
      channels that both groupings can be added up to.

    Parameters
    ----------
    journeys : Journeys
        Whole, one a customer, with times; activity that is no touch taken out with `only`.
    model : callable
        From outcome journeys to `Credits`, such as ``functools.partial(markov, order=2)``. It is
        refitted once a change, and once a random split. Of models put side by side in one callable
        none answers where one of them cannot: `reason` says why.
    conversion : sequence of str
        Touchpoints that are conversions.
    lookback_days : float or None
        Of the base, in elapsed days; None where `model` takes whole journeys, as `hazard` does.
    lookbacks_days : sequence of float, optional
        Others. Default: half of `lookback_days` and twice as much.
    session_gap : str or timedelta, optional
        Of the base, such as ``"30min"``. Default: every event is a touch.
    session_gaps : sequence of str or timedelta
        Others.
    fragmentation : sequence of float in [0, 1]
        Chances of a customer to be split. 0 is the base: it must not move anything.
    split : {"device", "instant"}
        Whether each event falls to either identity with chance 1/2, or all after an instant,
        uniform between the first event and the last, to the second.
    splits : int
        Random splits that shares are averaged over, so that the chance of one draw is not taken
        for a move.
    grouping : mapping of touchpoint to channel, or Catalogue, optional
        Of the base. Touchpoints that a mapping does not name are their own channel.
    groupings : mapping of name to such groupings, optional
        Others; None as grouping stands for touchpoints as they are.
    value : str, optional
        Event column with the value of a conversion.
    seed : int
        Of the splits; the draw for a customer depends on it and the id alone.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ArgumentError
        When journeys are cut already or a customer has several, an assumption is out of range, or
        `model` returns no credits.
    DataError
        What `model` raises under the base assumptions.
    MappingError
        When a grouping names touchpoints that do not occur.
    NotObservedError
        When the journeys have no times.

    References
    ----------
    Lin, Misra (2022), Frontiers: The identity fragmentation bias, Marketing Science 41.

    Examples
    --------
    >>> import functools
    >>> import numpy as np
    >>> from journeykit.attribution import rules
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.journeys.durations import DAY
    >>> one = Journeys(
    ...     names=("buy", "mail", "web"),
    ...     touchpoint=np.array([1, 2, 0], dtype=np.uint8),
    ...     start=np.array([0, 3]),
    ...     time=np.array([1, 8, 9]) * DAY,
    ...     observed_to=np.array([60 * DAY]),
    ... )
    >>> linear = functools.partial(rules, models=["linear"])
    >>> moved = sensitivity(
    ...     one, linear, conversion=["buy"], lookback_days=10, fragmentation=[], session_gaps=[]
    ... )
    >>> moved.frame[["assumption", "value", "channel", "share", "difference"]]
      assumption value channel  share  difference
    0   lookback   5 d    mail    0.0        -0.5
    1   lookback   5 d     web    1.0         0.5
    2   lookback  20 d    mail    0.5         0.0
    3   lookback  20 d     web    0.5         0.0
    """
    refuse_cut(journeys, "`sensitivity`")
    check_whole("splits", splits, least=1)
    lookbacks = _checked(lookback_days, lookbacks_days, fragmentation, split, seed)
    asked = groupings or {}
    base = Setting(
        conversion=tuple(conversion),
        value=value,
        lookback_days=lookback_days,
        session_gap=session_gap,
        grouping=grouping_of(grouping, journeys, conversion, argument="grouping"),
    )
    others = {
        name: grouping_of(one, journeys, conversion, argument="groupings")
        for name, one in asked.items()
    }
    altered = changes(
        base,
        lookbacks_days=lookbacks,
        session_gaps=session_gaps,
        fragmentation=fragmentation,
        groupings=others,
        kind=split,
        splits=splits,
        seed=seed,
    )
    made = fitted(model, prepared(journeys, base))
    frame, moves = tables(journeys, model, made, base, altered)
    parameters = {
        "conversion": base.conversion,
        "lookback_days": lookback_days,
        "lookbacks_days": tuple(lookbacks),
        "session_gap": session_gap,
        "session_gaps": tuple(session_gaps),
        "fragmentation": tuple(fragmentation),
        "split": split,
        "splits": splits,
        "groupings": tuple(asked),
        "value": value,
    }
    provenance = Provenance(journeys.fingerprint, parameters, seed)
    return Sensitivity(frame=frame, moves=moves, base=made, provenance=provenance)


def _checked(
    lookback_days: float | None,
    lookbacks_days: Sequence[float] | None,
    fragmentation: Sequence[float],
    split: str,
    seed: int,
) -> list[float]:
    """Check the options and return the other lookbacks."""
    check_choice("split", split, KINDS)
    check_whole("seed", seed)
    for part in fragmentation:
        if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part <= 1:
            raise ArgumentError(f"`fragmentation` must hold numbers from 0 to 1; got {part!r}.")
    if lookback_days is None:
        if lookbacks_days:
            raise ArgumentError(
                "`lookbacks_days` needs a base: give `lookback_days`, or leave it out where the "
                "model takes whole journeys."
            )
        return []
    check_positive("lookback_days", lookback_days)
    if lookbacks_days is None:
        return [lookback_days / 2, 2 * lookback_days]
    for days in lookbacks_days:
        check_positive("lookbacks_days", days)
    return list(lookbacks_days)
