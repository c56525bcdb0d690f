"""What comes next, how well that is known beforehand, and whether the odds given are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.counts.transitions import EXIT
from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.errors import DataError
from journeykit.journeys.ending import is_open
from journeykit.paths.predicting.back_off import (
    BackOff,
    back_off,
    cell_probabilities,
    learnt_strengths,
    step_losses,
    tallies,
)
from journeykit.paths.predicting.contexts import (
    Level,
    context_levels,
    located_contexts,
    steps_of,
)
from journeykit.paths.predicting.splitting import clustered_mean, customer_draws
from journeykit.results import Provenance, Result
from journeykit.stats import ClusterSums, clustered_wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

_BINS = 10
#: Share of the customers learnt from that sets the strengths.
_TUNING = 0.25
#: Numbers held at a time when distributions are written out: 64 MB.
_BLOCK = 1 << 23
_LEARN, _TUNE, _TEST = range(3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NextTouchpoint(Result):
    """``model n n_customers log_loss conf_low conf_high difference ... hit_share``.

    One row a model, all on the steps of customers that were not learnt from: ``base rate`` (what
    follows most often, whatever came before), ``order 1`` and ``variable order``. `log_loss` is the
    mean of -log2 P(what followed), in bits; `difference` is what it has beyond that of order 1,
    with `difference_low` and `difference_high`, below 0 where the model is better; `hit_share` is
    how often the likeliest follower came.

    Attributes
    ----------
    calibration : pandas.DataFrame
        ``n n_customers expected estimate conf_low conf_high``: steps by the probability given to
        their likeliest follower, in up to ten bins of about one size; how often it should have
        come, and did.
    calibration_error : float
        Mean over these steps of |expected - estimate| of the bin (ECE).
    calibration_error_by_chance : float
        What it would be on average if all probabilities were right.
    verdict : {"gain", "no gain", "loss", "cannot tell"}
        Of variable order against order 1.
    model : BackOff
        Learnt from all customers, those held out included.
    """

    calibration: pd.DataFrame
    calibration_error: float
    calibration_error_by_chance: float
    verdict: str
    model: BackOff
    rows: ClassVar[str] = "models"

    def summary(self) -> str:
        """Say how many bits a step are left open, and whether a longer memory helps."""
        row = self.frame.set_index("model")
        variable = row.loc["variable order"]
        low, high = sorted((-variable["difference_high"], -variable["difference_low"]))
        gain = {
            "gain": f"{-variable['difference']:.3f} fewer than order 1 ({low:.3f} to {high:.3f})",
            "loss": f"{variable['difference']:.3f} more than order 1 ({-high:.3f} to {-low:.3f})",
            "no gain": f"no gain over order 1 ({low:+.3f} to {high:+.3f} bits)",
            "cannot tell": "whether that is less than order 1, we cannot tell",
        }[self.verdict]
        return (
            f"The next touchpoint of new customers leaves {variable['log_loss']:.2f} bits open, "
            f"{row.loc['base rate', 'log_loss']:.2f} by the base rate; {gain}"
        )

    def predict(self, journeys: Journeys, /, *, top: int = 3) -> pd.DataFrame:
        """Return the likeliest next touchpoints of journeys that are still running.

        Touchpoints the model has not met tell nothing: only what came after them is used.

        Returns
        -------
        pandas.DataFrame
            ``customer_id rank touchpoint probability``, `top` rows a journey; the touchpoint may
            be ``(exit)``: the journey ends here. Journeys without an event have no row.
        """
        check_whole("top", top, least=1)
        steps = steps_of(journeys, names=self.model.names)
        last = steps.position == journeys.length[steps.journey]
        at = np.flatnonzero(last & is_open(journeys)[steps.journey])
        contexts = located_contexts(steps, at, self.model.keys)
        names = np.array([*self.model.names, EXIT], dtype=object)
        top = min(top, len(names))
        best = _likeliest(self.model, contexts, top)
        ids = journeys.customer_id.to_numpy(zero_copy_only=False)[steps.customer[at]]
        return pd.DataFrame(
            {
                "customer_id": np.repeat(ids, top),
                "rank": np.tile(np.arange(1, top + 1), len(at)),
                "touchpoint": names[best.code.ravel()],
                "probability": best.probability.ravel(),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how often the likeliest follower came against the probability it was given."""
        ax = axes(ax, width=4.6, height=4.2)
        bins = self.calibration
        ax.plot([0, 1], [0, 1], color=QUIET, linestyle=":", label="as promised")
        error = [bins["estimate"] - bins["conf_low"], bins["conf_high"] - bins["estimate"]]
        ax.errorbar(
            bins["expected"], bins["estimate"], yerr=error, fmt="o", color=PALETTE[0], ecolor=INK
        )
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        percent_axis(ax, "x")
        percent_axis(ax, "y")
        ax.set_xlabel("probability given to the likeliest next touchpoint")
        ax.set_ylabel("how often it came")
        ax.legend(frameon=False)
        return tidy(ax, grid="y")


def next_touchpoint(
    journeys: Journeys,
    /,
    *,
    max_order: int = 4,
    test_share: float = 0.3,
    seed: int = 0,
    confidence: float = 0.95,
) -> NextTouchpoint:
    """Learn what comes next from as many last touchpoints as the data can tell apart.

    A variable-order Markov chain: each context of up to `max_order` touchpoints leans on the one
    that is a touchpoint shorter, the less the more often it was met (hierarchical Dirichlet
    smoothing, see `back_off.cell_probabilities`). How much it leans is set, for each length, by
    the likelihood of customers held out of the learning ones.

    Steps whose next is not known (open journeys) are in no count and are no exits; a context that
    reaches before what was watched is used as far as it is known. Customers are split by a hash of
    `seed` and their id. Intervals are of means over steps, residuals added up by customer, and
    hold for the model as learnt from these customers.

    Parameters
    ----------
    journeys : Journeys
        Leaving is predicted where the journeys are cut (`sessions`, `cases`, `outcomes`).
    max_order : int
        From 1 to 8.
    test_share : float in (0, 1)
        Of customers that the losses are measured on.
    seed : int
    confidence : float in (0, 1)

    Raises
    ------
    DataError
        When no customer to learn from, or none to measure on, has a known step.

    References
    ----------
    MacKay, Peto (1995), A hierarchical Dirichlet language model, Natural Language Engineering 1.
    Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML.
    """
    check_whole("max_order", max_order, least=1, most=8)
    check_fraction("test_share", test_share)
    check_whole("seed", seed)
    check_fraction("confidence", confidence)
    steps = steps_of(journeys)
    levels = context_levels(steps, max_order=max_order)
    drawn = customer_draws(journeys, seed=seed)
    part = np.where(drawn < test_share, _TEST, _LEARN)
    part[(drawn >= test_share) & (drawn < test_share + _TUNING * (1 - test_share))] = _TUNE
    by_part = tallies(levels, part[steps.customer], parts=3)
    if min(int(tally.contexts[0].sum()) for tally in by_part) == 0:
        raise DataError(
            f"{journeys.n_customers:,} customers are too few to learn from some, set the smoothing "
            f"by others and measure on {test_share:.0%}: a part of them has no known step."
        )
    choices = len(journeys.names) + 1
    strengths = learnt_strengths(levels, by_part[_LEARN], by_part[_TUNE], choices=choices)
    learnt = by_part[_LEARN] + by_part[_TUNE]
    test = np.flatnonzero((part[steps.customer] == _TEST) & (levels[0].cell >= 0))
    measured = _Measured(
        levels=levels,
        following=steps.following[test],
        customer=steps.customer[test],
        test=test,
        probabilities=cell_probabilities(levels, learnt, strengths, choices=choices),
        model=back_off(journeys.names, levels, learnt, strengths),
    )
    best = measured.likeliest(max_order)
    frame = _loss_frame(measured, best, confidence)
    calibration, error, by_chance = _calibration(measured, best, confidence)
    low, high = frame["difference_low"].iloc[-1], frame["difference_high"].iloc[-1]
    verdict = "gain" if high < 0 else "loss" if low > 0 else "no gain"
    return NextTouchpoint(
        frame=frame,
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "max_order": max_order,
                "test_share": test_share,
                "confidence": confidence,
            },
            seed=seed,
        ),
        calibration=calibration,
        calibration_error=error,
        calibration_error_by_chance=by_chance,
        verdict="cannot tell" if np.isnan(low) else verdict,
        model=back_off(journeys.names, levels, learnt + by_part[_TEST], strengths),
    )


class _Measured(NamedTuple):
    """Steps of customers held out, and the model that has not met them."""

    levels: Sequence[Level]
    following: NDArray[np.int64]
    customer: NDArray[np.int64]
    test: NDArray[np.int64]
    probabilities: Sequence[NDArray[np.float64]]
    model: BackOff

    def losses(self, order: int) -> NDArray[np.float64]:
        return step_losses(self.levels, self.probabilities, self.test, order=order)

    def likeliest(self, order: int) -> _Likeliest:
        shown = self.levels[: order + 1]
        contexts = np.stack([level.context[self.test] for level in shown], axis=1)
        return _likeliest(self.model, contexts.astype(np.int64), 1)


class _Likeliest(NamedTuple):
    """Codes of the likeliest followers and their probabilities, shape (n, top)."""

    code: NDArray[np.int64]
    probability: NDArray[np.float64]


def _likeliest(model: BackOff, contexts: NDArray[np.int64], top: int) -> _Likeliest:
    """Return the `top` likeliest followers, ties by name; each distinct context is asked once."""
    sizes = np.array([len(key) for key in model.keys[: contexts.shape[1]]])
    depth = (contexts >= 0).sum(axis=1) - 1
    deepest = contexts[np.arange(len(contexts)), depth] + (np.cumsum(sizes) - sizes)[depth]
    _, first, which = np.unique(deepest, return_index=True, return_inverse=True)
    code = np.empty((len(first), top), dtype=np.int64)
    probability = np.empty((len(first), top))
    size = max(1, _BLOCK // (len(model.names) + 1))
    for begin in range(0, len(first), size):
        block = slice(begin, begin + size)
        found = model.distributions(contexts[first[block]])
        code[block] = (
            np.argmax(found, axis=1)[:, None]
            if top == 1
            else np.argsort(-found, axis=1, kind="stable")[:, :top]
        )
        probability[block] = np.take_along_axis(found, code[block], axis=1)
    return _Likeliest(code[which], probability[which])


def _loss_frame(measured: _Measured, best: _Likeliest, confidence: float) -> pd.DataFrame:
    longest = len(measured.levels) - 1
    reference = measured.losses(1)
    rows = []
    for name, order, likeliest in (
        ("base rate", 0, measured.likeliest(0)),
        ("order 1", 1, measured.likeliest(1)),
        ("variable order", longest, best),
    ):
        losses = measured.losses(order)
        loss = clustered_mean(losses, measured.customer)
        beyond = clustered_mean(losses - reference, measured.customer)
        rows.append(
            (
                name,
                len(losses),
                loss.n_customers,
                *loss.interval(confidence),
                *beyond.interval(confidence),
                float((likeliest.code[:, 0] == measured.following).mean()),
            )
        )
    return pd.DataFrame(
        rows,
        columns=[
            "model", "n", "n_customers", "log_loss", "conf_low", "conf_high",
            "difference", "difference_low", "difference_high", "hit_share",
        ],
    )  # fmt: skip


def _calibration(
    measured: _Measured, best: _Likeliest, confidence: float
) -> tuple[pd.DataFrame, float, float]:
    """Return the table, the calibration error, and what it would be by chance."""
    given = best.probability[:, 0]
    hit = (best.code[:, 0] == measured.following).astype(np.float64)
    inner = np.unique(np.quantile(given, np.linspace(0, 1, _BINS + 1)[1:-1]))
    bin_of = np.searchsorted(inner, given, side="left")
    rows, error, by_chance = [], 0.0, 0.0
    for number in np.unique(bin_of):
        here = bin_of == number
        _, who = np.unique(measured.customer[here], return_inverse=True)
        events, n = np.bincount(who, weights=hit[here]), np.bincount(who)
        low, high = clustered_wilson_interval(
            ClusterSums.of_clusters(events, n), confidence=confidence
        )
        expected, estimate = float(given[here].mean()), float(hit[here].mean())
        rows.append((int(n.sum()), len(n), expected, estimate, float(low), float(high)))
        spread = clustered_mean(hit[here] - given[here], who).std_error
        error += float(here.mean()) * abs(expected - estimate)
        by_chance += float(here.mean()) * np.sqrt(2 / np.pi) * spread
    columns = ["n", "n_customers", "expected", "estimate", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns), error, by_chance
