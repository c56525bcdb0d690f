"""Concordance: of two customers, does the one of higher predicted risk leave first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.validation.bounds import bounded
from journeykit.survival.validation.pairs import PairSums, pair_sums
from journeykit.survival.validation.watched import aligned, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

HARRELL, UNO = "harrell", "uno"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Concordance(Result):
    """``measure n n_event n_pairs tied estimate std_error conf_low conf_high``.

    The rows are Harrell's and Uno's concordance. `n_pairs` can be compared; of these `tied` are of
    one risk and count half. Uno's is empty where anyone entered late.
    """

    rows: ClassVar[str] = "measures"

    def summary(self) -> str:
        """Return Harrell's concordance in words."""
        row = self.frame.iloc[0]
        return (
            f"of {row['n_pairs']:,} pairs, {row['estimate']:.1%} leave in the order of their risk "
            f"({row['conf_low']:.1%} to {row['conf_high']:.1%}); 50% would be chance"
        )


def concordance(
    lifetimes: Lifetimes,
    /,
    *,
    risk: pd.Series | NDArray[np.float64],
    horizon_days: float | None = None,
    confidence: float = 0.95,
) -> Concordance:
    """Estimate how often, of two customers, the one of higher predicted risk leaves first.

    A pair can be compared at the time of an event if the other was under risk then, in
    (entry, exit], and did not leave at that very time: who enters later is no partner. Harrell's C
    is the share of such pairs in which the leaver has the higher risk, equal risks counting half;
    it depends on who was lost when. Uno's weighs each event by 1 / G(t-)^2, G the Kaplan-Meier
    estimate of not being lost from sight, and estimates P(higher risk | left first, within the
    horizon), provided that losses are independent of times and risks. With late entries Uno's is
    not defined and is left empty. Standard errors are the infinitesimal jackknife over customers,
    for Uno's with G's part; the interval is on the logit scale. Time is of order n log n.

    Parameters
    ----------
    lifetimes : Lifetimes
        Not those the model was fitted on, if the answer is to hold for others.
    risk : Series by customer, or array in their order
        Any number that is higher for those expected to leave sooner, such as a linear predictor;
        with survival probabilities, give 1 minus them.
    horizon_days : float, optional
        Only events until then count. Without it Uno's weights of late events can be very large.
    confidence : float in (0, 1)

    Returns
    -------
    Concordance

    Raises
    ------
    ArgumentError
        When risks are missing, or no pair can be compared.
    DataError
        When intervals of a customer leave a gap.

    References
    ----------
    Harrell et al. (1982), JAMA 247; Uno et al. (2011), Statistics in Medicine 30; Therneau,
    Atkinson, R: survival::concordance.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival import concordance
    >>> lives = lifetimes_from_frame(pd.DataFrame({"time": [1, 2, 3], "status": [1, 1, 0]}))
    >>> concordance(lives, risk=np.array([0.9, 0.2, 0.4])).frame["n_pairs"].tolist()
    [3, 3]
    """
    check_fraction("confidence", confidence)
    if horizon_days is not None:
        check_positive("horizon_days", horizon_days)
    people = watched(lifetimes)
    values = aligned(risk, people, "risk")
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ArgumentError(
            f"`risk` must be one finite number a customer; got the shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum()):,} missing or infinite."
        )
    counted = people.event & (
        np.ones(len(values), dtype=bool)
        if horizon_days is None
        else people.exit <= round(horizon_days * DAY)
    )
    plain = pair_sums(people, values, counted)
    if plain.total == 0:
        raise ArgumentError(
            "No two customers can be compared: while one left, no other was under risk who left "
            "later. Give more customers, or a later `horizon_days`."
        )
    weighed = None if (people.entry >= 0).any() else pair_sums(people, values, counted, uno=True)
    frame = pd.DataFrame(
        {
            "measure": [HARRELL, UNO],
            "n": len(values),
            "n_event": int(counted.sum()),
            "n_pairs": round(plain.total),
            "tied": round(plain.tied),
            **_columns([plain, weighed], confidence),
        }
    )
    return Concordance(
        frame=frame,
        provenance=Provenance(
            lifetimes.provenance.fingerprint,
            {"horizon_days": horizon_days, "confidence": confidence},
        ),
    )


def _columns(found: list[PairSums | None], confidence: float) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {
        name: [] for name in ("estimate", "std_error", "conf_low", "conf_high")
    }
    for sums in found:
        line = [np.nan] * 4
        if sums is not None:
            line = [sums.estimate, *bounded(sums.estimate, sums.influence, "share", confidence)]
        for name, value in zip(columns, line, strict=True):
            columns[name].append(value)
    return columns
