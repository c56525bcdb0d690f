"""Which patterns of touchpoints come before an outcome, all else equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import shortened
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.fingerprint import hash_customers
from journeykit.journeys.shape import codes_of
from journeykit.paths.sequences.frequent import pattern_texts
from journeykit.paths.sequences.kernels import roles_at
from journeykit.paths.sequences.mining import Limits, completions, frequent, least_customers
from journeykit.paths.sequences.moments import Moments, at_risk, check_held_equal, moments
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg, mix
from journeykit.stats.risk_sets import RiskSetEffect, compare_in_risk_sets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_DRAWN = 15
_TOLD = 3
HOLDS, UNCONFIRMED, NOTHING = "holds", "not confirmed", "no difference shown"
TOO_FEW, LEAKS = "too few", "part of the outcome"
_VERDICTS = (HOLDS, UNCONFIRMED, NOTHING, TOO_FEW, LEAKS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Precursors(Result):
    """What customers did before an outcome, pattern by pattern; first what holds.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a frequent pattern:

        - `pattern`, `n_steps`, `closed` (no longer frequent pattern contains it with the same `n`)
        - `n`, `share`: customers who had it before their first outcome, and their share
        - `n_exposed`: completions with someone to be compared with; `n_event`: those followed by
          the outcome within the horizon; `n_compared`: moments of others
        - `risk`, `risk_compared`: share with the outcome after completing it, and after the moments
          compared with, weighted like the exposed
        - `risk_ratio ratio_low ratio_high`, `risk_difference difference_low difference_high`: over
          risk sets, of all customers
        - `p_value`, `q_value`: of the discovery customers; empty where not tested
        - `holdout_ratio holdout_low holdout_high holdout_p_value`: of the held-out customers, for
          what was discovered; the p-value is one-sided and adjusted for the number discovered
        - `verdict`: ``holds``; ``not confirmed`` (discovered, but not seen again);
          ``no difference shown``; ``too few``; ``part of the outcome``
    outcome : tuple of str
    horizon_days : float
    n_customers : int
        Customers under risk with an event before the outcome.
    n_tried : int
        Patterns tested: over these the q-values go.
    n_unwatched : int
        Events that no comparison uses, because the horizon after them was not watched to its end.
    leaking : tuple of str
        Touchpoints that are part of the outcome: more than half of their events have it at once or
        within an hour. Patterns with them are not tested.
    q : float
    """

    outcome: tuple[str, ...]
    horizon_days: float
    n_customers: int
    n_tried: int
    n_unwatched: int
    leaking: tuple[str, ...]
    q: float
    rows: ClassVar[str] = "patterns"

    def summary(self) -> str:
        """Say how many patterns were tried, how many hold, and name the foremost."""
        verdict = self.frame["verdict"]
        holding = self.frame[verdict == HOLDS]
        within = f"within {self.horizon_days:g} days"
        said = (
            f"{self.n_tried:,} patterns tried on {self.n_customers:,} customers: "
            f"{len(holding):,} {'holds' if len(holding) == 1 else 'hold'} in discovery "
            f"(q <= {self.q:g}) and on held-out customers"
        )
        if unconfirmed := int((verdict == UNCONFIRMED).sum()):
            said += f", {unconfirmed:,} discovered {'was' if unconfirmed == 1 else 'were'} not seen again"
        told = [
            f"after {row.pattern} {row.risk:.0%} have the outcome {within}, "
            f"{row.holdout_ratio:.2f} times as many as of comparable customers "
            f"({row.holdout_low:.2f} to {row.holdout_high:.2f}, held-out customers)"
            for row in holding.head(1).itertuples()
        ]
        said = "; ".join([said, *told])
        if self.leaking:
            said += f"; part of the outcome and not tested: {', '.join(self.leaking)}"
        return said

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the risk differences of the foremost patterns with their intervals.

        First what holds (filled), then what else has the smallest p-value (hollow); patterns that
        are not closed are drawn only where they hold. Crosses are the held-out customers alone:
        what was discovered is exaggerated among all.
        """
        frame = self.frame[self.frame["p_value"].notna()]
        top = frame[frame["closed"] | (frame["verdict"] == HOLDS)].head(_DRAWN)
        ax = axes(ax, height=max(1.8, 0.34 * len(top) + 1.1), width=7.2)
        at = np.arange(len(top))
        holds = (top["verdict"] == HOLDS).to_numpy()
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.hlines(at, top["difference_low"], top["difference_high"], color=INK, linewidth=1.4)
        face = np.where(holds, PALETTE[0], "white")
        ax.scatter(top["risk_difference"], at, c=face, edgecolors=PALETTE[0], s=42, zorder=3)
        ax.scatter(top["holdout_difference"], at, marker="x", color=PALETTE[1], s=26, zorder=4)
        labels = [
            f"{shortened(row.pattern)} ({row.n_exposed:,})" for row in top.itertuples()
        ]
        ax.set_yticks(at, labels)
        ax.invert_yaxis()
        percent_axis(ax, "x")
        ax.set_xlabel(
            f"outcome within {self.horizon_days:g} days: points more than comparable customers\n"
            "filled: holds on held-out customers (crosses)"
        )
        return tidy(ax, grid="x")


class _Tested(NamedTuple):
    """Effects of one pattern: of all customers, and of those of discovery and of holdout."""

    all: RiskSetEffect
    discovery: RiskSetEffect
    holdout: RiskSetEffect | None


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

    Each customer is followed from entry to the first outcome. Patterns are the frequent ones
    (`patterns`) among events strictly before it: the outcome, and what happens at its instant, is
    never a predictor. At its first completion a pattern's customer is compared with others who have
    not completed it yet, are still under risk, and are alike in time since entry (classes 1.5 times
    as wide as the one before, from an hour), number of earlier own events (1.3 times), calendar
    week (UTC, from Monday), in whether the entry was seen, and in what `held_equal` names. The
    outcome counts when it follows within the horizon, its last microsecond included.

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
    of all customers are exaggerated where they were picked for being large; those of the held-out
    ones are not.

    An association, of design grade B: what moves customers to do something may move them to the
    outcome too.

    Parameters
    ----------
    journeys : Journeys
        Whole: one journey a customer, with times.
    outcome : sequence of str
        Touchpoints that are the outcome, whichever comes first.
    horizon_days : float
    sent : sequence of str
        Touchpoints that the firm sends; they are no earlier steps of the customer.
    held_equal : sequence of str
        Attributes or event columns, such as the stage, in which customers compared are equal. A
        column counts as it is at the own event, or at the last event before what is sent.
    length, support, gap_steps, window
        As in `patterns`; the support is of the customers with an event before the outcome.
    q : float in (0, 1)
    holdout : float in (0, 1)
        Share of customers kept apart.
    small_cell : int
        Patterns with fewer exposed customers who can be compared, in discovery or in holdout, are
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
    if len(kept) == 0:
        raise DataError("No customer has an event before the outcome while watched.")
    horizon = round(horizon_days * DAY)
    layouts = {
        by_firm: moments(
            risk, horizon=horizon, sent=is_sent, by_firm=by_firm, held_equal=held_equal, seed=seed
        )
        for by_firm in ((False, True) if is_sent.any() else (False,))
    }
    if not any(len(layout.event) for layout in layouts.values()):
        raise DataError(
            f"No event is watched for {horizon_days:g} days afterwards; shorten `horizon_days`."
        )
    least = least_customers(support, len(kept))
    found = frequent(kept, limits, least=least)
    if len(found.n) == 0:
        raise DataError(
            f"No touchpoint is met by {least:,} of {len(kept):,} customers before the outcome; "
            "lower `support`."
        )
    hashed = mix(hash_customers(kept.customer_id), seed=seed)
    apart = (hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53 < holdout
    split = {
        by_firm: (layout, layout.of(~apart), layout.of(apart)) for by_firm, layout in layouts.items()
    }
    leaks = np.isin(np.array(kept.names, dtype=object), risk.leaking)
    tested = [
        None
        if leaks[list(codes)].any()
        else _tested(
            split[bool(is_sent[codes[-1]])],
            completions(kept, codes, limits),
            small_cell=small_cell,
            confidence=confidence,
        )
        for codes in found.codes
    ]
    frame = pd.DataFrame(
        {
            "pattern": pattern_texts(kept.names, found.codes),
            "n_steps": [len(codes) for codes in found.codes],
            "closed": found.closed(limits),
            "n": found.n,
            "share": found.n / len(kept),
        }
    )
    frame = pd.concat([frame, _effects(tested, q=q)], axis=1)
    order = frame["verdict"].map({name: at for at, name in enumerate(_VERDICTS)})
    frame = (
        frame.assign(_order=order)
        .sort_values(["_order", "p_value", "n", "pattern"], ascending=[True, True, False, True])
        .drop(columns="_order")
        .reset_index(drop=True)
    )
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
        n_customers=len(kept),
        n_tried=int(frame["p_value"].notna().sum()),
        n_unwatched=sum(layout.n_unwatched for layout in layouts.values()),
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


def _tested(
    layouts: tuple[Moments, Moments, Moments],
    completed: NDArray[np.int64],
    *,
    small_cell: int,
    confidence: float,
) -> _Tested:
    whole, discovery, holdout = (
        compare_in_risk_sets(
            layout.customer,
            layout.stratum,
            roles_at(completed, layout.customer, layout.place, layout.serves),
            layout.event,
            n_strata=layout.n_strata,
            confidence=confidence,
        )
        for layout in layouts
    )
    enough = min(discovery.n_exposed, holdout.n_exposed) >= small_cell
    return _Tested(whole, discovery, holdout if enough else None)


def _effects(tested: Sequence[_Tested | None], *, q: float) -> pd.DataFrame:
    """Return the columns of effects; `None` is a pattern that is part of the outcome."""
    p_value = np.array(
        [found.discovery.p_value if found and found.holdout else np.nan for found in tested]
    )
    q_value = benjamini_hochberg(p_value)
    discovered = q_value <= q
    again = np.full(len(tested), np.nan)
    for at in np.flatnonzero(discovered).tolist():
        found = tested[at]
        assert found is not None
        assert found.holdout is not None
        up = found.discovery.z > 0
        again[at] = found.holdout.p_greater if up else found.holdout.p_less
    again = benjamini_hochberg(again)
    verdict = np.full(len(tested), NOTHING, dtype=object)
    verdict[np.isnan(p_value)] = TOO_FEW
    verdict[[found is None for found in tested]] = LEAKS
    verdict[discovered] = UNCONFIRMED
    verdict[again <= q] = HOLDS
    rows = [
        _row(found.all, found.holdout if is_found else None) if found else {}
        for found, is_found in zip(tested, discovered.tolist(), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=_EFFECT_COLUMNS, index=range(len(tested)))
    for name in ("n_exposed", "n_event", "n_compared"):
        frame[name] = frame[name].astype("Int64")
    frame.insert(frame.columns.get_loc("holdout_ratio"), "p_value", p_value)
    frame.insert(frame.columns.get_loc("holdout_ratio"), "q_value", q_value)
    return frame.assign(holdout_p_value=again, verdict=verdict)


_EFFECT_COLUMNS = [
    "n_exposed", "n_event", "n_compared", "risk", "risk_compared",
    "risk_ratio", "ratio_low", "ratio_high",
    "risk_difference", "difference_low", "difference_high",
    "holdout_ratio", "holdout_low", "holdout_high", "holdout_difference",
]  # fmt: skip


def _row(found: RiskSetEffect, again: RiskSetEffect | None) -> dict[str, float]:
    row = {
        "n_exposed": found.n_exposed,
        "n_event": found.n_event,
        "n_compared": found.n_compared,
        "risk": found.risk,
        "risk_compared": found.risk_compared,
    }
    row |= dict(zip(("risk_ratio", "ratio_low", "ratio_high"), found.ratio, strict=True))
    names = ("risk_difference", "difference_low", "difference_high")
    row |= dict(zip(names, found.difference, strict=True))
    if again is not None:
        names = ("holdout_ratio", "holdout_low", "holdout_high")
        row |= dict(zip(names, again.ratio, strict=True))
        row["holdout_difference"] = again.difference.estimate
    return row
