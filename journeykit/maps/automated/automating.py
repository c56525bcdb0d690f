"""Who does the work at each touchpoint, a machine or a human, and whether it comes to the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from journeykit.checks import (
    check_choice,
    check_fraction,
    check_known,
    check_names,
    check_positive,
    check_whole,
)
from journeykit.errors import DataError, MappingError
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.maps.automated.automated_outcomes import Question, compared
from journeykit.maps.channels.following import channel_codes
from journeykit.maps.rates import rates, without_small
from journeykit.maps.staged import BEFORE, stage_at_events
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study import Catalogue
    from journeykit.study.models import Ladder

Kind = Literal["automated", "human", "customer"]
Within = Literal["touchpoint", "channel"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: How tables call those who act.
WORDS: Mapping[str, Kind] = {
    "automatic": "automated",
    "automated": "automated",
    "auto": "automated",
    "machine": "automated",
    "bot": "automated",
    "human": "human",
    "agent": "human",
    "staff": "human",
    "customer": "customer",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Automation(Result):
    """Who acts at which touches, and what follows where machines and humans do the same.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a part of the journey and kind of actor: `level` (all, channel, touchpoint, stage),
        `name`, `actor` (automated, human, customer); `n` touches whose actor is known, `n_event`
        of them by this actor, `n_customers`; ``estimate conf_low conf_high``, the share.
    outcomes : pandas.DataFrame
        One row a touchpoint (or channel) that machines and humans share, and one for all of them,
        ``(all)``: `name`; `n_exposed` touches by machines, `n_event` followed by the outcome,
        `n_compared` touches by humans in the same strata, `n_alone` touches by machines without
        any; `risk`, `risk_compared`; ``estimate conf_low conf_high``, machines less humans inside
        strata; ``p_value q_value``; `crude`, the difference of plain shares, which compares
        different customers; `verdict`. No row without an outcome.
    n_unknown : int
        Touches without an actor: not in any share.
    n_censored : int
        Touches by machines or humans that were not watched for the horizon.
    horizon_days : float or None
    """

    outcomes: pd.DataFrame
    n_unknown: int
    n_censored: int
    horizon_days: float | None
    rows: ClassVar[str] = "shares of touches"

    def summary(self) -> str:
        """Say how much is automated, and whether what follows differs inside strata."""
        whole = self.frame[(self.frame["level"] == "all") & (self.frame["actor"] == "automated")]
        one = whole.iloc[0]
        said = (
            f"{one['estimate']:.0%} of {int(one['n']):,} touches automated"
            if pd.notna(one["estimate"])
            else "too few customers for a share automated"
        )
        both = self.outcomes[self.outcomes["name"] == "(all)"]
        if not len(both):
            return said
        row = both.iloc[0]
        return (
            f"{said}; the outcome within {self.horizon_days:g} days, machines against humans in "
            f"equal strata: {row['verdict']}"
            + (
                f" ({row['estimate']:+.1%}, {row['conf_low']:+.1%} to {row['conf_high']:+.1%})"
                if pd.notna(row["conf_low"])
                else ""
            )
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw shares by actor for each channel and stage, one bar each."""
        from journeykit.maps.automated.automation_picture import shares

        return shares(self.frame, ax)

    def plot_outcomes(self, ax: Axes | None = None) -> Axes:
        """Draw the differences inside strata with intervals, and the plain ones as crosses."""
        from journeykit.maps.automated.automation_picture import differences

        return differences(self.outcomes, self.horizon_days, ax)


def automation(
    journeys: Journeys,
    /,
    catalogue: Catalogue | None = None,
    *,
    actor: str,
    words: Mapping[str, Kind] = WORDS,
    ladder: Ladder | None = None,
    outcome: Sequence[str] | str = (),
    at_risk_from: str | None = None,
    horizon_days: float | None = None,
    within: Within = "touchpoint",
    small_cell: int = 10,
    confidence: float = 0.95,
) -> Automation:
    """Map who acts where, and compare what follows machines and humans at the same point.

    Shares are of the touches whose actor is known; intervals add up what a customer contributes.

    The outcome is compared only where machines and humans do the same thing: between touches at one
    touchpoint (or in one channel), in the same stage, with equal time since the customer's watching
    or risk began (bins that double) and in the same quarter of the year. Mantel and Haenszel's risk
    difference over these strata; its variance adds up customers
    (`stats.risk_sets.compare_in_risk_sets`). Touches not watched for the horizon are left out,
    whether the outcome came or not. Plain shares are shown beside it as `crude`: where machines
    serve stages in which the outcome is common anyway, that difference may even point the other way
    (Simpson).

    An association, of design grade B: who is sent to a machine may differ in more than that.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    catalogue : Catalogue, optional
        For channels; without it there are none.
    actor : str
        Event column that says who acted.
    words : mapping of text to {"automated", "human", "customer"}
        What the column's words mean. A touch with another word fails; an empty one is counted.
    ladder : Ladder, optional
        For stages: ``study.model.stages``.
    outcome : sequence of str, or str
        Touchpoints, any of which after the touch is the outcome; or, as one text, the attribute
        with its time, such as the end of a contract. Who has it already is not at risk.
    at_risk_from : str, optional
        Attribute with the time from which a customer can have the outcome; nobody is before it, nor
        without it.
    horizon_days : float, optional
        Elapsed days after the touch; needed with an outcome.
    within : {"touchpoint", "channel"}
        What machines and humans have to share to be compared.
    small_cell : int
        Rows with fewer customers are emptied.
    confidence : float in (0, 1)

    Returns
    -------
    Automation

    Raises
    ------
    MappingError
        When a column, a touchpoint or an attribute does not exist.
    DataError
        When the column has a word that `words` does not, or no actor at all.
    NotObservedError
        When the journeys have no times and an outcome or a ladder needs them.

    References
    ----------
    Mantel, Haenszel (1959), JNCI 22; Simpson (1951), JRSS B 13.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> one = Journeys(
    ...     names=("call", "mail"),
    ...     touchpoint=np.array([1, 0, 0], dtype=np.uint8),
    ...     start=np.array([0, 3]),
    ...     columns={"actor": np.array(["automatic", "human", "automatic"], dtype=object)},
    ... )
    >>> automation(one, actor="actor", small_cell=1).summary()
    '67% of 3 touches automated'
    """
    check_choice("within", within, get_args(Within))
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    refuse_cut(journeys, "`automation`")
    refuse_collapsed(journeys, "`automation`")
    kind = actors(journeys, actor, words)
    levels = _levels(journeys, catalogue, ladder)
    if within not in levels:
        raise MappingError("`within` can be 'channel' only with a catalogue; give `catalogue`.")
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    frame = _shares(kind, levels, owner, small_cell, confidence)
    found, n_censored = pd.DataFrame(columns=["name", "verdict"]), 0
    if len(outcome):
        asked = _question(journeys, outcome, at_risk_from, horizon_days, small_cell, confidence)
        names, place = levels[within]
        stage = levels["stage"][1] if "stage" in levels else np.zeros(len(kind), dtype=np.int64)
        found, n_censored = compared(journeys, kind, stage, place, names, asked)
    return Automation(
        frame=frame,
        provenance=Provenance(
            journeys.fingerprint,
            {
                "actor": actor,
                "outcome": outcome if isinstance(outcome, str) else tuple(outcome),
                "horizon_days": horizon_days,
                "within": within,
                "small_cell": small_cell,
                "confidence": confidence,
            },
        ),
        outcomes=found,
        n_unknown=int((kind < 0).sum()),
        n_censored=n_censored,
        horizon_days=horizon_days,
    )


def _question(
    journeys: Journeys,
    outcome: Sequence[str] | str,
    at_risk_from: str | None,
    horizon_days: float | None,
    small_cell: int,
    confidence: float,
) -> Question:
    """Check what the outcome is and how long touches are followed."""
    check_positive("horizon_days", horizon_days)  # type: ignore[arg-type]
    assert horizon_days is not None
    if not isinstance(outcome, str):
        check_names("outcome", outcome)
        check_known("outcome", outcome, journeys.names, what="touchpoints")
    return Question(
        outcome=outcome if isinstance(outcome, str) else tuple(outcome),
        at_risk_from=at_risk_from,
        horizon_days=horizon_days,
        small_cell=small_cell,
        confidence=confidence,
    )


def actors(journeys: Journeys, actor: str, words: Mapping[str, Kind], /) -> NDArray[np.int64]:
    """Return the kind of actor of each event, a place in `KINDS`; -1 where it is empty."""
    check_known("actor", [actor], list(journeys.columns), what="event columns")
    for kind in words.values():
        check_choice("words", kind, KINDS)
    code, found = pd.factorize(pd.Series(journeys.columns[actor]), use_na_sentinel=True)
    unknown = [str(word) for word in found if str(word) not in words]
    if unknown:
        n = int(np.isin(code, [at for at, w in enumerate(found) if str(w) in unknown]).sum())
        raise DataError(
            f"Column {actor!r} holds words that `words` does not explain, in {n:,} events: "
            f"{', '.join(map(repr, unknown[:5]))}. Say for each whether it is "
            f"{', '.join(map(repr, KINDS))}."
        )
    if not len(found):
        raise DataError(f"Column {actor!r} is empty: nothing says who acted.")
    place = np.array([KINDS.index(words[str(word)]) for word in found])
    return np.where(code < 0, -1, place[np.maximum(code, 0)]).astype(np.int64)


def _levels(
    journeys: Journeys, catalogue: Catalogue | None, ladder: Ladder | None
) -> dict[str, tuple[tuple[str, ...], NDArray[np.int64]]]:
    """Return the parts of the journey: names, and which of them each event belongs to."""
    levels: dict[str, tuple[tuple[str, ...], NDArray[np.int64]]] = {
        "all": (("(all)",), np.zeros(journeys.n_events, dtype=np.int64))
    }
    if catalogue is not None:
        levels["channel"] = channel_codes(journeys, catalogue)
    if ladder is not None:
        stage, _ = stage_at_events(journeys, ladder, "`automation`")
        levels["stage"] = ((BEFORE, *ladder.stages), stage + 1)
    levels["touchpoint"] = (journeys.names, journeys.touchpoint.astype(np.int64))
    return levels


def _shares(
    kind: NDArray[np.int64],
    levels: Mapping[str, tuple[tuple[str, ...], NDArray[np.int64]]],
    owner: NDArray[np.int64],
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    frames = []
    for level, (names, place) in levels.items():
        group = np.where(kind >= 0, place, -1)
        for code, actor in enumerate(KINDS):
            found = rates(group, kind == code, owner, n_groups=len(names), confidence=confidence)
            part = pd.DataFrame({"level": level, "name": names, "actor": actor} | found._asdict())
            frames.append(part[part["n"] > 0].assign(_at=np.flatnonzero(found.n > 0)))
    frame = pd.concat(frames, ignore_index=True)
    frame["_level"] = frame["level"].map(list(levels).index)
    frame = frame.sort_values(["_level", "_at"], kind="stable", ignore_index=True)
    numbers = ["n", "n_event", "estimate", "conf_low", "conf_high"]
    return without_small(frame.drop(columns=["_level", "_at"]), hide=numbers, small_cell=small_cell)
