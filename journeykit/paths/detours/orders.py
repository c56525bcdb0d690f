"""How many touchpoints back the next one still depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.paths.predicting.back_off import (
    Tally,
    cell_probabilities,
    learnt_strengths,
    step_losses,
    tallies,
)
from journeykit.paths.predicting.splitting import clustered_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.paths.predicting.contexts import Level, Steps


#: Bits a step that no reader would remember more touchpoints for.
_NEGLIGIBLE = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """Orders compared on the same steps.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``order n n_customers n_parameters log_likelihood aic bic held_out conf_low conf_high
        difference std_error``, one row an order.
    by_bic, by_aic, by_held_out : int
    """

    frame: pd.DataFrame
    by_bic: int
    by_aic: int
    by_held_out: int


def usable_steps(levels: Sequence[Level]) -> NDArray[np.int64]:
    """List the steps whose follower and whole longest context are known: all orders fit these."""
    return np.flatnonzero(levels[-1].cell >= 0)


def compared_orders(
    steps: Steps,
    levels: Sequence[Level],
    customer_part: NDArray[np.int64],
    /,
    *,
    parts: int,
    confidence: float,
) -> Orders:
    """Compare Markov chains of order 0 up to the deepest level on the same steps.

    The likelihood is of maximum-likelihood chains. A context has as many parameters as followers
    that its last touchpoint ever had, less one: a step that nobody ever made from there is taken
    to be impossible, not rare. BIC's n is the number of steps.

    Held out, each part of the customers is predicted by chains learnt from the others (of which
    one part sets the strengths, see `back_off`); `held_out` is the mean of -log2 p over steps, in
    bits, `difference` what the order loses against the best one, with its clustered standard
    error. The order chosen is the lowest within one standard error, or a thousandth of a bit, of
    the best.

    References
    ----------
    Katz (1981), On some criteria for estimating the order of a Markov chain, Technometrics 23.
    Hastie, Tibshirani, Friedman (2009), The elements of statistical learning, section 7.10.
    """
    used = usable_steps(levels)
    fits = [_fit(levels, k, used) for k in range(len(levels))]
    losses = _held_out(steps, levels, customer_part, used, parts)
    customer = steps.customer[used]
    means = [clustered_mean(loss, customer) for loss in losses]
    best = int(np.argmin([mean.estimate for mean in means]))
    behind = [clustered_mean(loss - losses[best], customer) for loss in losses]
    bounds = [mean.interval(confidence) for mean in means]
    frame = pd.DataFrame(
        {
            "order": np.arange(len(levels)),
            "n": len(used),
            "n_customers": means[0].n_customers,
            "n_parameters": [n for _, n in fits],
            "log_likelihood": [likelihood for likelihood, _ in fits],
        }
    )
    deviance = -2 * frame["log_likelihood"]
    frame = frame.assign(
        aic=deviance + 2 * frame["n_parameters"],
        bic=deviance + np.log(len(used)) * frame["n_parameters"],
        held_out=[bound.estimate for bound in bounds],
        conf_low=[bound.low for bound in bounds],
        conf_high=[bound.high for bound in bounds],
        difference=[mean.estimate for mean in behind],
        std_error=[mean.std_error for mean in behind],
    )
    near = np.flatnonzero(~(frame["difference"] > np.fmax(frame["std_error"], _NEGLIGIBLE)))
    return Orders(
        frame=frame,
        by_bic=int(np.argmin(frame["bic"])),
        by_aic=int(np.argmin(frame["aic"])),
        by_held_out=int(near[0]),
    )


def _fit(levels: Sequence[Level], k: int, used: NDArray[np.int64]) -> tuple[float, int]:
    """Return the highest log-likelihood of order k on some steps, and its parameters."""
    level, last = levels[k], levels[min(k, 1)]
    n = np.bincount(level.cell[used], minlength=level.n_cells)
    total = np.bincount(level.context[used], minlength=level.n_contexts)
    seen = n > 0
    likelihood = float(n[seen] @ np.log(n[seen] / total[level.cell_context[seen]]))
    followers = np.zeros(last.n_contexts, dtype=np.int64)
    occurs = np.bincount(last.cell[used], minlength=last.n_cells) > 0
    np.add.at(followers, last.cell_context[occurs], 1)
    last_of = np.zeros(level.n_contexts, dtype=np.int64)
    last_of[level.context[used]] = last.context[used]
    return likelihood, int((followers[last_of[total > 0]] - 1).sum())


def _held_out(
    steps: Steps,
    levels: Sequence[Level],
    customer_part: NDArray[np.int64],
    used: NDArray[np.int64],
    parts: int,
) -> list[NDArray[np.float64]]:
    """Return what each order loses at every step, predicted without the step's customer."""
    choices = steps.n_names + 1
    part_of_step = customer_part[steps.customer]
    by_part = tallies(levels, part_of_step, parts=parts)
    losses = [np.empty(len(used)) for _ in levels]
    for part in range(parts):
        tuning = (part + 1) % parts
        learnt = [by_part[other] for other in range(parts) if other not in {part, tuning}]
        known = _sum(learnt)
        strengths = learnt_strengths(levels, known, by_part[tuning], choices=choices)
        found = cell_probabilities(levels, known + by_part[tuning], strengths, choices=choices)
        here = part_of_step[used] == part
        for order, loss in enumerate(losses):
            loss[here] = step_losses(levels, found, used[here], order=order)
    return losses


def _sum(tallied: Sequence[Tally]) -> Tally:
    total = tallied[0]
    for tally in tallied[1:]:
        total = total + tally
    return total
