"""Which distribution the times until leaving are nearest to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_choice
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result
from journeykit.survival.models.laws import DISTRIBUTIONS, LAWS, DistributionName
from journeykit.survival.models.likelihood import fit
from journeykit.survival.models.log_times import log_design

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.survival.lives import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DistributionComparison(Result):
    """``distribution n n_event n_parameters log_likelihood aic bic delta_aic``, best AIC first."""

    rows: ClassVar[str] = "distributions"

    def summary(self) -> str:
        """Return the distribution of the lowest AIC and how far the next is."""
        best, *others = self.frame.itertuples(index=False)
        told = f"lowest AIC: {best.distribution} ({best.aic:,.1f})"
        return f"{told}, then {others[0].distribution} ({others[0].delta_aic:,.1f} more)"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw by how much each AIC is above the lowest."""
        from journeykit.survival.models.pictures import draw_comparison

        return draw_comparison(self.frame, ax)


def compare_distributions(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    distributions: Sequence[DistributionName] = DISTRIBUTIONS,
    shift_days: float = 0.0,
) -> DistributionComparison:
    """Fit every distribution to the same lifetimes and covariates and compare them by AIC.

    The log-likelihoods are all of days, so that they compare. A difference of a few units tells
    nothing, and the lowest AIC may still fit badly: look at the curve beside Kaplan-Meier's.
    The intervals of the one chosen this way do not know that it was chosen.

    Parameters
    ----------
    lifetimes : Lifetimes
    covariates : sequence of str
    distributions : sequence of names
    shift_days : float

    Returns
    -------
    DistributionComparison

    Raises
    ------
    ArgumentError, MappingError, DataError
        As `accelerated_failure_time`.
    """
    for distribution in distributions:
        check_choice("distributions", distribution, DISTRIBUTIONS)
    if len(set(distributions)) < max(2, len(distributions)):
        raise ArgumentError(
            f"`distributions` must name two or more, each once; got {tuple(distributions)!r}."
        )
    design = log_design(lifetimes, covariates, shift_days)
    n_event = int(design.data.n @ design.data.event)
    records = []
    for distribution in distributions:
        law = LAWS[distribution]
        n_parameters = design.data.matrix.shape[1] + (not law.fixed_scale)
        value = fit(design.data, law).log_likelihood
        aic, bic = 2 * n_parameters - 2 * value, np.log(n_event) * n_parameters - 2 * value
        records.append(
            (distribution, design.n_customers, n_event, n_parameters, value, aic, float(bic))
        )
    names = ["distribution", "n", "n_event", "n_parameters", "log_likelihood", "aic", "bic"]
    frame = pd.DataFrame.from_records(records, columns=names)
    frame = frame.assign(delta_aic=frame["aic"] - frame["aic"].min())
    given = {
        "covariates": tuple(covariates),
        "distributions": tuple(distributions),
        "shift_days": shift_days,
    }
    return DistributionComparison(
        frame=frame.sort_values("aic", ignore_index=True),
        provenance=Provenance(lifetimes.provenance.fingerprint, given),
    )
