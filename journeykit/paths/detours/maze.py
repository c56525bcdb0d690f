"""How far journeys are from a straight line."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.draw import INK, PALETTE, axes, interval_bars, percent_axis, tidy
from journeykit.errors import DataError
from journeykit.paths.detours.costs import COLUMNS, detour_frame
from journeykit.paths.detours.measures import measure_frame, successful_costs
from journeykit.paths.detours.orders import Orders, compared_orders, usable_steps
from journeykit.paths.detours.roads import absences_from, common_road, trips_of
from journeykit.paths.predicting.contexts import context_levels, steps_of
from journeykit.paths.predicting.splitting import customer_draws
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.journeys import Journeys

_DRAWN = 10
_PARTS = 5
WARNING = (
    "Design grade C: those who make a detour differ from those who do not, before the detour and "
    "besides it; the difference describes them and is no effect of the detour."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Labyrinth(Result):
    """``measure estimate conf_low conf_high n n_customers``, one row a measure.

    Measures are, with repeats of one touchpoint taken as staying there:

    - ``labyrinth_index``: 1 - 1 / ways_on: 0 where each touchpoint leads to one other only,
      towards 1 where many are equally likely.
    - ``ways_on``: 2 to the entropy of the touchpoint moved to, given the one moved from; leaving
      is no way on. The number of equally likely ways that would leave as much open.
    - ``moves_that_return``, ``moves_that_step_back``: share of moves to a touchpoint met before in
      the journey, and to the one before the last (a > b > a).
    - ``journeys_with_loop``, ``journeys_with_step_back``: share of journeys with such a move, of
      finished journeys whose beginning was seen (uncut ones count as they are).
    - ``entropy``, ``entropy_given_last``, ``entropy_rate``: bits of the next step, leaving and
      repeats included, given nothing, the last touchpoint, and as many as BIC chooses.
    - ``extra_steps``, ``extra_time_days``: median over customers with success (their first) of
      steps and time beyond the common road's; n counts journeys that were looked at.

    `n` counts moves, steps or journeys. Entropies and the index have no interval below 200
    customers: cannot tell.

    Attributes
    ----------
    orders : pandas.DataFrame
        See `orders.Orders`.
    order_by_bic, order_by_held_out : int
        The chain's memory. BIC, which counts every context of a longer one, asks for a strong
        memory or many journeys; a weak one shows in the held-out likelihood first. Customers of
        different kinds, pooled, look like memory.
    road : tuple of str
        The common road to success, empty without one.
    road_share : float
        Share of successful journeys that took it, loops apart.
    detours : pandas.DataFrame
        ``source touchpoint target n n_customers share conf_low conf_high extra_steps ...``: where
        the road was left, the first touchpoint away, where it was come back to. See `labyrinth`.
    n_open : int
        Journeys still running, left out of shares of journeys.
    warning : str
        What the outcome differences of `detours` cannot tell.
    """

    orders: pd.DataFrame
    order_by_bic: int
    order_by_held_out: int
    road: tuple[str, ...]
    road_share: float
    detours: pd.DataFrame
    n_open: int
    warning: str = WARNING
    rows: ClassVar[str] = "measures"

    def summary(self) -> str:
        """Say how many ways lead on, how many journeys loop, and how long the memory is."""
        value = self.frame.set_index("measure")
        index = value.loc["labyrinth_index"]
        if np.isnan(index["conf_low"]):
            return (
                f"Cannot tell how much of a labyrinth: {int(index['n_customers']):,} customers "
                "move, and fewer than 200 leave the entropy's bias too uncertain"
            )
        loops = value.loc["journeys_with_loop", "estimate"]
        looped = "" if np.isnan(loops) else f"; {loops:.0%} of journeys loop"
        memory = f"{self.order_by_bic} touchpoint" + "s" * (self.order_by_bic != 1)
        return (
            f"Labyrinth index {index['estimate']:.2f} ({index['conf_low']:.2f} to "
            f"{index['conf_high']:.2f}): {value.loc['ways_on', 'estimate']:.1f} ways lead on "
            f"from a touchpoint{looped}; what comes next depends on the last {memory} (BIC; "
            f"{self.order_by_held_out} by held-out likelihood)"
        )

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw the most frequent detours; without any, the comparison of orders.

        Detours of fewer than `small_cell` customers are not drawn.
        """
        check_whole("small_cell", small_cell, least=1)
        back = self.detours[self.detours["extra_steps"].notna()]
        top = back[back["n_customers"] >= small_cell].head(_DRAWN)
        if top.empty:
            return self.plot_orders(ax)
        labels = [
            f"{row['source']}, away to {row['touchpoint']}, back at {row['target']} "
            f"(+{row['extra_steps']:.0f} steps)"
            for _, row in top.iterrows()
        ]
        ax = interval_bars(labels, top["share"], top["conf_low"], top["conf_high"], ax=ax)
        percent_axis(ax, "x")
        ax.set_xlabel("share of customers who make the detour")
        return ax

    def plot_orders(self, ax: Axes | None = None) -> Axes:
        """Draw how well chains of each order predict customers they were not learnt from."""
        ax = axes(ax)
        orders = self.orders
        error = [
            orders["held_out"] - orders["conf_low"],
            orders["conf_high"] - orders["held_out"],
        ]
        ax.errorbar(
            orders["order"], orders["held_out"], yerr=error, fmt="o", color=PALETTE[0], ecolor=INK
        )
        ax.axvline(self.order_by_bic, color=PALETTE[1], linestyle=":", label="chosen by BIC")
        ax.set_xticks(orders["order"])
        ax.set_xlabel("touchpoints remembered")
        ax.set_ylabel("bits a step, held out")
        ax.legend(frameon=False)
        return tidy(ax, grid="y")

    def _repr_html_(self) -> str:
        card = super(Labyrinth, self)._repr_html_()
        if self.detours["difference"].isna().all():
            return card
        return f'{card}<div class="jk-result"><p>{html.escape(self.warning)}</p></div>'


def labyrinth(
    journeys: Journeys,
    /,
    *,
    outcome: Sequence[str] = (),
    max_order: int = 4,
    small_cell: int = 10,
    seed: int = 0,
    confidence: float = 0.95,
) -> Labyrinth:
    """Measure how far journeys are from a straight line, and what their detours cost.

    **Entropy** is H(next | context) over steps whose next one is known, open ends left out; the
    plug-in estimate is corrected for its bias and bounded over customers (`entropy`).

    **Memory** is compared by BIC, AIC and held-out likelihood (`orders`), on steps whose last
    `max_order` touchpoints are all known: the first steps of journeys that may have begun before
    they were watched are left out.

    **The common road** is the most frequent way to the first `outcome`, loops erased, of those that
    have a touchpoint before it. An absence
    begins with a move that goes not forward along the road (short cuts are forward) and ends where
    the road is come back to, at the place it was left or further on. With more moves than the road
    has between the two it is a detour: `extra_steps` and `extra_time_days` are medians over
    customers (the first detour of each) with distribution-free intervals; `extra_time_days` is
    beyond the median times of those who go along the road. Absences that end with the journey have
    the target ``(exit)``, or ``(open)`` if it still runs.

    **What becomes of them** (`outcome_share` against `outcome_share_others`) compares those who
    come back from a detour with visits to the same touchpoint after as many events, by journeys
    that have not made it (Mantel and Haenszel's difference over numbers of events). Where journeys
    are open, success counts within `outcome_days` of the moment (the longest that one took, but no
    longer than half of those who come back were watched for), and only moments watched for longer
    are compared, whatever came of them: those that succeed fast are known sooner. There is no
    comparison where nobody knows until when open journeys were watched. The 20 most frequent
    detours of at least `small_cell` customers on either side are tried where five successes and
    failures are expected; `q_value` counts these. This is a description (`warning`): risk sets tell
    more.

    Parameters
    ----------
    journeys : Journeys
        Usually cut by `outcomes`, `cases` or `sessions`.
    outcome : sequence of str
        Touchpoints that are success; without any there is no road and there are no detours.
    max_order : int
        From 1 to 8.
    small_cell : int
    seed : int
        Deals customers into five parts for the held-out likelihood.
    confidence : float in (0, 1)

    Raises
    ------
    DataError
        When no step with a known follower has a whole known context.

    References
    ----------
    Miller (1955); Katz (1981); Lawler (1980), A self-avoiding random walk, Duke Math. J. 47.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> funnel = Journeys(
    ...     names=("buy", "cart", "visit"),
    ...     touchpoint=np.tile(np.array([2, 1, 0], dtype=np.uint8), 300),
    ...     start=np.arange(0, 901, 3),
    ... )
    >>> labyrinth(funnel, outcome=["buy"]).summary()
    'Labyrinth index 0.00 (0.00 to 0.07): 1.0 ways lead on from a touchpoint; 0% of journeys loop; \
what comes next depends on the last 1 touchpoint (BIC; 1 by held-out likelihood)'
    """
    check_known("outcome", outcome, journeys.names, what="touchpoints")
    check_whole("max_order", max_order, least=1, most=8)
    check_whole("small_cell", small_cell, least=1)
    check_whole("seed", seed)
    check_fraction("confidence", confidence)
    steps = steps_of(journeys)
    levels = context_levels(steps, max_order=max_order)
    if not len(usable_steps(levels)):
        raise DataError(
            f"No step of {len(journeys):,} journeys has a known follower and {max_order} known "
            "touchpoints before it; lower `max_order`, or widen the window."
        )
    orders = compared_orders(
        steps,
        levels,
        np.floor(customer_draws(journeys, seed=seed) * _PARTS).astype(np.int64),
        parts=_PARTS,
        confidence=confidence,
    )
    frame = measure_frame(journeys, steps, levels, orders.by_bic, confidence=confidence)
    return _with_detours(journeys, outcome, frame, orders, small_cell, seed, confidence)


def _with_detours(
    journeys: Journeys,
    outcome: Sequence[str],
    frame: pd.DataFrame,
    orders: Orders,
    small_cell: int,
    seed: int,
    confidence: float,
) -> Labyrinth:
    goals = np.array(sorted(journeys.names.index(name) for name in outcome), dtype=np.int64)
    trips = trips_of(journeys, goals)
    road, n_road = common_road(journeys, trips)
    detours = pd.DataFrame(columns=list(COLUMNS))
    if road:
        found = absences_from(journeys, trips, road, goals)
        detours = detour_frame(
            journeys, trips, road, found, small_cell=small_cell, confidence=confidence
        )
        costs = successful_costs(journeys, trips, road, confidence=confidence)
        frame = pd.concat([frame, costs], ignore_index=True)
    return Labyrinth(
        frame=frame,
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "outcome": tuple(outcome),
                "max_order": len(orders.frame) - 1,
                "small_cell": small_cell,
                "confidence": confidence,
            },
            seed=seed,
        ),
        orders=orders.frame,
        order_by_bic=orders.by_bic,
        order_by_held_out=orders.by_held_out,
        road=tuple(journeys.names[code] for code in road),
        road_share=n_road / int(trips.success.sum()) if road else np.nan,
        detours=detours,
        n_open=int(trips.still.sum()),
    )
