"""What would come of it if one step were taken more often, or less."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.counts.transitions import ENTRY, EXIT, OPEN
from journeykit.draw import INK, PALETTE, axes, percent_axis, tidy
from journeykit.draw.charts import shortened
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.ending import is_open
from journeykit.journeys.fingerprint import hash_customers
from journeykit.paths.predicting.redirection import Redirection, both_ends
from journeykit.paths.predicting.spaces import Space, chain_space
from journeykit.results import Provenance, Result
from journeykit.stats import poisson_weights
from journeykit.stats.bootstrap import accelerated_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Numbers held at a time: weights and tables of replicates keep within 64 MB each.
_BLOCK = 1 << 23


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WhatIf(Result):
    """``goal baseline ... changed ... difference conf_low conf_high per_1000 ...``.

    One row a goal, then ``(exit)``: journeys that leave without one; and ``(open)`` where some of
    them lead to a touchpoint that nobody was watched to go on from. `baseline` and `changed` are
    probabilities that a journey ends there, with `baseline_low`, `baseline_high`, `changed_low`
    and `changed_high`; both sum to 1. `difference` is changed - baseline with `conf_low` and
    `conf_high`, `per_1000` (`per_1000_low`, `per_1000_high`) the same for 1,000 journeys.

    Attributes
    ----------
    source, target : str
    share, to_share : float
        P(target | source) as observed, and as changed.
    n_journeys, n_customers : int
        Journeys whose entry was seen, and customers with a step in the chain.
    assumptions : tuple of str
        What has to hold for the change to come about; printed with the result.
    """

    source: str
    target: str
    share: float
    to_share: float
    n_journeys: int
    n_customers: int
    assumptions: tuple[str, ...]
    rows: ClassVar[str] = "ends"

    def summary(self) -> str:
        """Say what the change would bring the first goal, and that it is a model's answer."""
        row = self.frame.iloc[0]
        return (
            f"If {self.target} followed {self.source} in {self.to_share:.1%} of cases instead of "
            f"{self.share:.1%}, {row['goal']} would be reached by {row['changed']:.1%} of journeys "
            f"instead of {row['baseline']:.1%}: {row['per_1000']:+.1f} per 1,000 "
            f"({row['per_1000_low']:+.1f} to {row['per_1000_high']:+.1f}). A model's answer under "
            f"{len(self.assumptions)} assumptions, design grade C: {self.assumptions[0]}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw where journeys end as they are and as changed, with intervals."""
        frame = self.frame
        ax = axes(ax, height=max(1.8, 0.6 * len(frame) + 1.0))
        at = np.arange(len(frame))
        for name, shift, color in (
            ("baseline", -0.16, PALETTE[0]),
            ("changed", 0.16, PALETTE[1]),
        ):
            middle = frame[name]
            error = [middle - frame[f"{name}_low"], frame[f"{name}_high"] - middle]
            ax.errorbar(
                middle, at + shift, xerr=np.clip(error, 0, None), fmt="o", color=color, ecolor=INK,
                label="as it is" if name == "baseline" else "if changed",
            )  # fmt: skip
        ax.set_yticks(at, [shortened(goal) for goal in frame["goal"]])
        ax.set_ylim(len(frame) - 0.5, -0.5)
        percent_axis(ax, "x")
        ax.set_xlabel("share of journeys that end there")
        ax.legend(frameon=False)
        return tidy(ax, grid="x")

    def _repr_html_(self) -> str:
        card = super(WhatIf, self)._repr_html_()
        listed = "".join(f"<li>{html.escape(text)}</li>" for text in self.assumptions)
        return f'{card}<div class="jk-result"><p>This assumes:</p><ul>{listed}</ul></div>'


def what_if(
    journeys: Journeys,
    /,
    *,
    source: str,
    target: str,
    goal: Sequence[str],
    to_share: float | None = None,
    change: float | None = None,
    taken_from: str | None = None,
    order: int = 1,
    replicates: int = 400,
    seed: int = 0,
    confidence: float = 0.95,
) -> WhatIf:
    """Change how often one touchpoint follows another, and follow all journeys to their end.

    Journeys up to their first goal are taken for walks of a Markov chain of `order`, estimated by
    maximum likelihood. The share p of steps from `source` that lead to `target` becomes `to_share`
    (or p + `change`); where they end then is solved exactly, (I - Q)^-1 R (`stats.chains`).

    At order 1 the other steps from `source` keep their proportions, or `taken_from` alone gives,
    or gets, the difference. At order 2 a touchpoint is many states, one for each touchpoint before
    it; each moves the same fraction of what it can give, so that the share over all of them
    becomes `to_share`. A state that always leads to `target` has nothing else to turn to and stays
    as it is when the share sinks.

    Steps whose next is not known are in no count, so open journeys are censored; the first steps
    of journeys that may have begun unseen are no entries. Where all journeys were seen from entry
    to end, the baseline at order 1 is exactly the share of journeys that reach the goal.

    Intervals are of the bootstrap (`stats.bootstrap.accelerated_interval`) over samples of
    customers, each weighing Poisson(1) by a hash of its id, baseline and change computed on the
    same sample.

    Parameters
    ----------
    journeys : Journeys
        Cut by `outcomes`, `cases` or `sessions`: leaving must be known.
    source : str
        A touchpoint, or ``(entry)``.
    target : str
        A touchpoint, or ``(exit)``.
    goal : sequence of str
        Touchpoints that end a journey well; the first one met counts.
    to_share : float in [0, 1]
    change : float
        Added to the share; either this or `to_share`.
    taken_from : str, optional
        A touchpoint, or ``(exit)``.
    order : int
        1 or 2.
    replicates : int
        At least 2.
    seed : int
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When the share would leave [0, 1], or `taken_from` has less than it should give.
    DataError
        When no entry was seen, nobody was seen to leave, or nobody to go on from `source`.

    References
    ----------
    Kemeny, Snell (1976), Finite Markov Chains, chapter 3.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> visits = Journeys(  # visit > cart > buy | visit > cart | visit | visit > buy
    ...     names=("buy", "cart", "visit"),
    ...     touchpoint=np.array([2, 1, 0, 2, 1, 2, 2, 0], dtype=np.uint8),
    ...     start=np.array([0, 3, 5, 6, 8]),
    ... )
    >>> found = what_if(visits, source="visit", target="cart", goal=["buy"], to_share=0.8)
    >>> found.frame[["goal", "baseline", "changed", "difference"]].round(3)
         goal  baseline  changed  difference
    0     buy       0.5      0.5         0.0
    1  (exit)       0.5      0.5         0.0
    """
    _check(journeys, source, target, goal, to_share, change, taken_from)
    check_whole("order", order, least=1, most=2)
    check_whole("replicates", replicates, least=2)
    check_whole("seed", seed)
    check_fraction("confidence", confidence)
    m = len(journeys.names)
    code = {name: number for number, name in enumerate(journeys.names)} | {ENTRY: m, EXIT: m}
    asked = [target] if taken_from is None else [target, taken_from]
    space = chain_space(
        journeys,
        [code[name] for name in goal],
        [(code[source], code[name]) for name in asked],
        order=order,
    )
    asked_for = Redirection(
        source=code[source],
        target=code[target],
        taken_from=None if taken_from is None else code[taken_from],
        to_share=to_share,
        change=change or 0.0,
    )
    observed = np.asarray(space.steps.sum(axis=0), dtype=np.float64).reshape(1, -1)
    moved = _Asked(source, target, taken_from)
    share, wanted = _check_change(journeys, space, observed, asked_for, moved)
    drawn = _replicated(journeys, space, asked_for, replicates=replicates, seed=seed)
    frame = _frame(
        (*goal, EXIT, OPEN),
        both_ends(space, observed, asked_for)[0],
        drawn,
        confidence,
    )
    entries = space.totals(observed)[0, space.entry]
    return WhatIf(
        frame=frame,
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "source": source,
                "target": target,
                "goal": tuple(goal),
                "to_share": to_share,
                "change": change,
                "taken_from": taken_from,
                "order": order,
                "replicates": replicates,
                "confidence": confidence,
            },
            seed=seed,
        ),
        source=source,
        target=target,
        share=share,
        to_share=wanted,
        n_journeys=int(entries),
        n_customers=int((np.diff(space.steps.indptr) > 0).sum()),
        assumptions=_assumptions(moved, order, share, int(is_open(journeys).sum())),
    )


class _Asked(NamedTuple):
    """Names of what is changed."""

    source: str
    target: str
    taken_from: str | None


def _check(
    journeys: Journeys,
    source: str,
    target: str,
    goal: Sequence[str],
    to_share: float | None,
    change: float | None,
    taken_from: str | None,
) -> None:
    names = journeys.names
    check_known("source", [source], [*names, ENTRY], what="touchpoints")
    check_known("target", [target], [*names, EXIT], what="touchpoints")
    if isinstance(goal, str):
        raise ArgumentError(f"`goal` must be a list of names; got the text {goal!r}.")
    check_known("goal", goal, names, what="touchpoints")
    if not goal or source in goal:
        raise ArgumentError(
            "`goal` must name at least one touchpoint, and not `source`: journeys end at a goal; "
            f"got {list(goal)!r} and {source!r}."
        )
    if taken_from is not None:
        check_known("taken_from", [taken_from], [*names, EXIT], what="touchpoints")
        if taken_from == target:
            raise ArgumentError(f"`taken_from` must differ from `target`; both are {target!r}.")
    if (to_share is None) == (change is None):
        raise ArgumentError("Give either `to_share` or `change`, and not both.")
    if to_share is not None and not 0 <= to_share <= 1:
        raise ArgumentError(f"`to_share` must lie in [0, 1]; got {to_share!r}.")


def _check_change(
    journeys: Journeys,
    space: Space,
    observed: NDArray[np.float64],
    change: Redirection,
    asked: _Asked,
) -> tuple[float, float]:
    """Return the share of `target` after `source`, and the one wanted, if both can be."""
    m = len(journeys.names)
    n_open = int(is_open(journeys).sum())
    if space.entry < 0:
        raise DataError(
            f"No entry of {len(journeys):,} journeys was seen: all may have begun before they "
            "were watched. Cut them with `sessions`, `cases` or `outcomes`."
        )
    if not observed[0, space.following == m].any():
        raise DataError(
            f"Nobody was seen to leave: {n_open:,} of {len(journeys):,} journeys are still open. "
            "Cut them with `sessions`, `cases` or `outcomes`, so that their ends are known."
        )
    from_source = space.last[space.state] == change.source
    total = float(observed[0, from_source].sum())
    if total == 0:
        raise DataError(f"Nobody was seen to go on from {asked.source!r}.")
    share = float(observed[0, from_source & (space.following == change.target)].sum()) / total
    wanted = share + change.change if change.to_share is None else change.to_share
    if not 0 <= wanted <= 1:
        raise ArgumentError(
            f"`change` {change.change:+} would make the share of {asked.target!r} after "
            f"{asked.source!r}, {share:.4g}, leave [0, 1]."
        )
    if change.taken_from is not None:
        given = observed[0, from_source & (space.following == change.taken_from)].sum() / total
        if given < wanted - share:
            raise ArgumentError(
                f"`taken_from` {asked.taken_from!r} follows {asked.source!r} in {given:.4g} of "
                f"cases and cannot give {wanted - share:.4g}."
            )
    elif share == 1 and wanted < 1:
        raise ArgumentError(
            f"{asked.target!r} always follows {asked.source!r}; name with `taken_from` what "
            "should follow instead."
        )
    return share, wanted


def _replicated(
    journeys: Journeys, space: Space, change: Redirection, *, replicates: int, seed: int
) -> NDArray[np.float64]:
    """Return `both_ends` of bootstrap samples, without those in which no entry is seen."""
    hashed = hash_customers(journeys.customer_id)
    widest = max(len(hashed), space.steps.shape[1], space.n_states)
    size = max(1, _BLOCK // widest)
    found = []
    for begin in range(0, replicates, size):
        block = range(begin, min(begin + size, replicates))
        weights = [poisson_weights(hashed, replicate=r, seed=seed) for r in block]
        n = np.ascontiguousarray((space.steps.T @ np.stack(weights, axis=1).astype(float)).T)
        n = n[space.totals(n)[:, space.entry] > 0]
        found.append(both_ends(space, n, change))
    return np.concatenate(found)


def _frame(
    ends: Sequence[str],
    observed: NDArray[np.float64],
    drawn: NDArray[np.float64],
    confidence: float,
) -> pd.DataFrame:
    low, high = accelerated_interval(
        drawn[:, 1] - drawn[:, 0], observed[1] - observed[0], confidence=confidence
    )
    (base_low, new_low), (base_high, new_high) = accelerated_interval(
        drawn, observed, confidence=confidence
    )
    frame = pd.DataFrame(
        {
            "goal": list(ends),
            "baseline": observed[0],
            "baseline_low": base_low,
            "baseline_high": base_high,
            "changed": observed[1],
            "changed_low": new_low,
            "changed_high": new_high,
            "difference": observed[1] - observed[0],
            "conf_low": low,
            "conf_high": high,
        }
    )
    for per, column in (
        ("per_1000", "difference"),
        ("per_1000_low", "conf_low"),
        ("per_1000_high", "conf_high"),
    ):
        frame[per] = 1000 * frame[column]
    nowhere = (frame["goal"] == OPEN) & (frame[["baseline", "changed"]].max(axis=1) < 1e-9)
    return frame[~nowhere]


def _assumptions(asked: _Asked, order: int, share: float, n_open: int) -> tuple[str, ...]:
    source, target, taken_from = asked
    last = "touchpoint" if order == 1 else f"{order} touchpoints"
    others = (
        "the others keep their proportions"
        if taken_from is None
        else f"what it gains or loses is taken from, or given to, {taken_from}"
    )
    listed = [
        f"what comes next depends on the last {last} only, not on what came before, on time or on "
        "who the customer is (a chain forgets intent)",
        f"those newly led from {source} to {target} go on like those who went there by themselves; "
        "who needs leading is usually less keen, so what a rise promises is rather an upper bound",
        f"only the steps from {source} change, and {others}",
        "nothing feeds back: as many journeys begin as before, and in the same way",
        f"{n_open:,} journeys still open go on like finished ones from where they are",
        "no experiment was made: the step and the goal may have a common cause",
    ]
    if share == 0:
        listed.append(
            f"nobody was ever seen to go from {source} to {target}: this goes beyond the data"
        )
    return tuple(listed)
