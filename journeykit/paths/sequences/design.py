"""The comparison of patterns: who with whom, and which customers confirm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.fingerprint import hash_customers
from journeykit.paths.sequences.findings import HOLDS, LEAKS, NOTHING, TOO_FEW, UNCONFIRMED
from journeykit.paths.sequences.kernels import roles_at
from journeykit.paths.sequences.mining import Limits, completions
from journeykit.paths.sequences.moments import Moments, moments
from journeykit.paths.sequences.risk import AtRisk
from journeykit.stats import benjamini_hochberg, mix, salted, uniform
from journeykit.stats.risk_sets import RiskSetEffect, compare_in_risk_sets

if TYPE_CHECKING:
    from numpy.typing import NDArray

Codes = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Who is compared with whom, and which customers tell what was discovered from what holds.

    Attributes
    ----------
    risk : AtRisk
    limits : Limits
    is_sent : array of bool, shape (n_touchpoints,)
    layouts : mapping of bool to three Moments
        For patterns that end with what the firm sends or not: all customers, those of discovery,
        those held out.
    confidence : float
    """

    risk: AtRisk
    limits: Limits
    is_sent: NDArray[np.bool_]
    layouts: dict[bool, tuple[Moments, Moments, Moments]]
    confidence: float

    @classmethod
    def of(
        cls,
        risk: AtRisk,
        limits: Limits,
        is_sent: NDArray[np.bool_],
        horizon_days: float,
        held_equal: Sequence[str],
        *,
        holdout: float,
        seed: int,
        confidence: float,
    ) -> Design:
        """Lay out the moments and split the customers by a hash of their ids."""
        hashed = mix(salted(hash_customers(risk.journeys.customer_id), "precursors"), seed=seed)
        apart = uniform(hashed) < holdout
        horizon, layouts = round(horizon_days * DAY), {}
        for by_firm in (False, True) if is_sent.any() else (False,):
            laid = moments(
                risk, horizon=horizon, sent=is_sent, by_firm=by_firm, held_equal=held_equal,
                seed=seed,
            )  # fmt: skip
            layouts[by_firm] = (laid, laid.of(~apart), laid.of(apart))
        if not any(len(laid.event) for laid, _, _ in layouts.values()):
            raise DataError(
                f"No event is watched for {horizon_days:g} days afterwards; shorten `horizon_days`."
            )
        return cls(risk, limits, is_sent, layouts, confidence)

    @property
    def n_unwatched(self) -> int:
        """Events whose horizon is not watched to its end."""
        return sum(laid.n_unwatched for laid, _, _ in self.layouts.values())

    def effects(self, patterns: Sequence[Codes], *, q: float, small_cell: int) -> pd.DataFrame:
        """Test all patterns in discovery, and those discovered once more on held-out customers."""
        leaks = np.isin(np.array(self.risk.journeys.names, dtype=object), self.risk.leaking)
        is_part = [bool(leaks[list(codes)].any()) for codes in patterns]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            whole, discovery = (
                list(pool.map(self._compare, patterns, is_part, repeat(split))) for split in (0, 1)
            )
        p_value = np.array(
            [
                part.p_value
                if min(part.n_exposed, found.n_exposed - part.n_exposed) >= small_cell
                else np.nan
                for found, part in zip(whole, discovery, strict=True)
            ]
        )
        q_value = benjamini_hochberg(p_value)
        discovered = q_value <= q
        again = {
            at: self._compare(patterns[at], False, 2) for at in np.flatnonzero(discovered).tolist()
        }
        confirmed = np.full(len(patterns), np.nan)
        for at, found in again.items():
            confirmed[at] = found.p_greater if discovery[at].z > 0 else found.p_less
        confirmed = benjamini_hochberg(confirmed)
        verdict = np.full(len(patterns), NOTHING, dtype=object)
        verdict[np.isnan(p_value)] = TOO_FEW
        verdict[is_part] = LEAKS
        verdict[discovered] = UNCONFIRMED
        verdict[confirmed <= q] = HOLDS
        untold = [np.nan] * len(_EFFECT_COLUMNS)
        rows = [
            untold if is_part[at] else _row(found, again.get(at)) for at, found in enumerate(whole)
        ]
        frame = pd.DataFrame(rows, columns=_EFFECT_COLUMNS)
        frame["p_value"], frame["q_value"], frame["holdout_p_value"] = p_value, q_value, confirmed
        counts = dict.fromkeys(("n_exposed", "n_event", "n_compared"), "Int64")
        return frame.astype(counts).assign(verdict=verdict)

    def _compare(self, codes: Codes, is_part: bool, split: int) -> RiskSetEffect:
        """Compare those who complete a pattern; one that is part of the outcome with nobody."""
        layout = self.layouts[bool(self.is_sent[codes[-1]])][split]
        completed = completions(self.risk.journeys, codes, self.limits)
        role = roles_at(completed, layout.customer, layout.place, layout.serves)
        if is_part:
            role[:] = -1
        return compare_in_risk_sets(
            layout.customer,
            layout.stratum,
            role,
            layout.event,
            n_strata=layout.n_strata,
            confidence=self.confidence,
        )


_EFFECT_COLUMNS = [
    "n_exposed", "n_event", "n_compared", "risk", "risk_compared",
    "risk_ratio", "ratio_low", "ratio_high",
    "risk_difference", "difference_low", "difference_high",
    "p_value", "q_value",
    "holdout_ratio", "holdout_low", "holdout_high", "holdout_difference", "holdout_p_value",
]  # fmt: skip


def _row(found: RiskSetEffect, again: RiskSetEffect | None) -> list[float]:
    held_out = (*again.ratio, again.difference.estimate) if again else [np.nan] * 4
    return [
        found.n_exposed, found.n_event, found.n_compared, found.risk, found.risk_compared,
        *found.ratio, *found.difference, np.nan, np.nan, *held_out, np.nan,
    ]  # fmt: skip
