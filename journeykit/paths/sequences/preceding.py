"""Which patterns of touchpoints come before an outcome, all else equal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.shape import codes_of
from journeykit.paths.sequences.design import Design
from journeykit.paths.sequences.findings import VERDICTS, Precursors
from journeykit.paths.sequences.frequent import pattern_texts
from journeykit.paths.sequences.mining import Limits, frequent, least_customers
from journeykit.paths.sequences.moments import check_held_equal
from journeykit.paths.sequences.risk import at_risk
from journeykit.results import Provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


def precursors(
    journeys: Journeys,
    /,
    *,
    outcome: Sequence[str],
    horizon_days: float,
    sent: Sequence[str] = (),
    held_equal: Sequence[str] = (),
    length: int = 3,
    support: float = 0.05,
    gap_steps: int | None = None,
    window: str | timedelta | None = None,
    q: float = 0.05,
    holdout: float = 0.3,
    small_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> Precursors:
    """Find the patterns after which an outcome is likelier, or less likely, than at equal moments.

    Each customer is followed from entry (where the watching begins, if that is inside the window,
    else the first event) to the first outcome. Patterns are the frequent ones (`patterns`) among
    events strictly before it: the outcome, and what happens at its instant, is never a predictor.
    At its first completion a pattern's customer is compared with others who have not completed it
    yet, are still under risk, and are alike in time since entry (classes 1.5 times as wide as the
    one before, from a minute), earlier visits and steps of this visit (1.4 times; a visit ends with
    a pause of more than 30 minutes), calendar week (UTC, from Monday), in whether the entry was
    seen, and in what `held_equal` names. The outcome counts when it follows within the horizon, its
    last moment included. Others may complete the pattern later in their horizon; so a ratio is
    one to not having done so yet, and a little nearer to 1 than one to never doing so.

    What a moment is decides whom it is compared with. Who does something just then is more active
    than who is met at random, so a pattern that ends with a customer's own event is compared with
    own events of others. What the firm sends (`sent`) finds customers at moments they have not
    chosen: it is compared with one random moment a week of each customer, at an equal pause since
    the last own event. Journeys' total lengths play no part: the outcome itself decides them.

    Only moments whose whole horizon was watched count, on both sides and even if the outcome came
    early; so nothing is censored within a horizon, provided that the end of watching has nothing to
    do with the outcome. Completions that have no one to be compared with tell nothing.

    Effects are Mantel and Haenszel's over these strata, variances are clustered by customer, and
    p-values are those of permutation within strata, by its exact moments
    (`stats.risk_sets.compare_in_risk_sets`). A hash of the customer id keeps the share `holdout` of
    the customers apart. A pattern *holds* when its q-value (Benjamini-Hochberg over all patterns
    tested) is at most `q` on the other customers and the held-out ones show the same direction with
    a one-sided p-value of at most `q`, adjusted in the same way for the number discovered. Effects
    of all customers are exaggerated where they were picked for being large. Those of the held-out
    ones are exaggerated too, though less, in patterns that hold, because holding was required of
    them: where power is short only the luckier ones pass (a planted ratio of 1.3 read 1.41 on
    average), and their intervals cover less often than they say. Only new customers tell.

    An association, of design grade B: what moves customers to do something may move them to the
    outcome too. Effects are relative to other moments: where one touchpoint is strongly followed by
    the outcome, all others are less so than the average. And where a loop adds steps to a visit and
    only other steps bring the outcome nearer, its pages seem to keep customers from it.

    Parameters
    ----------
    journeys : Journeys
        Whole: one journey a customer, with times.
    outcome : sequence of str
        Touchpoints that are the outcome, whichever comes first.
    horizon_days : float
    sent : sequence of str
        Touchpoints that the firm sends; they are no steps or visits of the customer.
    held_equal : sequence of str
        Attributes or event columns, such as the stage, in which customers compared are equal. A
        column counts as it is at the own event, or at the last event before what is sent; those
        without one are compared with one another.
    length, support, gap_steps, window
        As in `patterns`; the support is of the customers with an event before the outcome.
    q : float in (0, 1)
    holdout : float in (0, 1)
        Share of customers kept apart.
    small_cell : int
        Patterns with fewer exposed customers who can be compared, in discovery or beyond it, are
        not tested.
    confidence : float in (0, 1)
    seed : int
        Of the split and of the random moments.

    Returns
    -------
    Precursors

    Raises
    ------
    ArgumentError
        No outcome is named, a touchpoint is both sent and the outcome, or journeys are cut.
    MappingError
        A touchpoint, attribute or column does not exist.
    DataError
        No customer has an event before the outcome, no horizon is watched to its end, or no
        pattern is frequent.
    NotObservedError
        Journeys without times.

    References
    ----------
    Andersen, Gill (1982), Cox's regression model for counting processes, Annals of Statistics 10.
    Mantel, Haenszel (1959), JNCI 22. Benjamini, Hochberg (1995), JRSS B 57. Suissa (2008),
    Immortal time bias in pharmacoepidemiology, Am. J. Epidemiol. 167: what this design avoids.
    """
    for name, value in (("q", q), ("holdout", holdout), ("confidence", confidence)):
        check_fraction(name, value)
    check_positive("horizon_days", horizon_days)
    check_whole("small_cell", small_cell, least=1)
    check_whole("seed", seed)
    check_held_equal(journeys, held_equal)
    limits = Limits.of(length, gap_steps, window)
    is_outcome, is_sent = _roles(journeys, outcome, sent)
    risk = at_risk(journeys, is_outcome, small_cell=small_cell)
    kept = risk.journeys
    n_customers = int((kept.length > 0).sum())
    if n_customers == 0:
        raise DataError("No customer has an event before the outcome while watched.")
    design = Design.of(
        risk, limits, is_sent, horizon_days, held_equal, holdout=holdout, seed=seed,
        confidence=confidence,
    )  # fmt: skip
    least = least_customers(support, n_customers)
    found = frequent(kept, limits, least=least)
    if len(found.n) == 0:
        raise DataError(
            f"No touchpoint is met by {least:,} of {n_customers:,} customers before the outcome; "
            "lower `support`."
        )
    frame = pd.DataFrame(
        {
            "pattern": pattern_texts(kept.names, found.codes),
            "n_steps": [len(codes) for codes in found.codes],
            "closed": found.closed(limits),
            "n": found.n,
            "share": found.n / n_customers,
        }
    )
    effects = design.effects(found.codes, q=q, small_cell=small_cell)
    frame = _foremost_first(pd.concat([frame, effects], axis=1))
    return Precursors(
        frame=frame,
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "outcome": tuple(outcome),
                "horizon_days": horizon_days,
                "sent": tuple(sent),
                "held_equal": tuple(held_equal),
                "length": length,
                "support": support,
                "gap_steps": gap_steps,
                "window": window,
                "q": q,
                "holdout": holdout,
                "small_cell": small_cell,
                "confidence": confidence,
            },
            seed=seed,
        ),
        outcome=tuple(outcome),
        horizon_days=horizon_days,
        n_customers=n_customers,
        n_tried=int(frame["p_value"].notna().sum()),
        n_unwatched=design.n_unwatched,
        leaking=risk.leaking,
        q=q,
    )


def _roles(
    journeys: Journeys, outcome: Sequence[str], sent: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if not outcome:
        raise ArgumentError("`outcome` must name at least one touchpoint; got none.")
    is_outcome = codes_of(journeys, "outcome", outcome)
    is_sent = codes_of(journeys, "sent", sent)
    if both := sorted({*outcome} & {*sent}):
        raise ArgumentError(f"`outcome` and `sent` both name {both[0]!r}; keep one.")
    return is_outcome, is_sent


def _foremost_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by verdict, then by p-value, then the most frequent."""
    order = frame["verdict"].map({name: at for at, name in enumerate(VERDICTS)})
    by = ["_order", "p_value", "n", "pattern"]
    sorted_frame = frame.assign(_order=order).sort_values(by, ascending=[True, True, False, True])
    return sorted_frame.drop(columns="_order").reset_index(drop=True)
