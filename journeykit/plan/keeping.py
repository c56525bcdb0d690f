"""Are the promises of a plan kept, and its deadlines met: rule by rule, in time, late or never."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import is_cut, refuse_collapsed
from journeykit.plan.firing import EXCUSED, HONOURED, LATE, NEVER, OPEN, Fired, fire, watched
from journeykit.plan.rules import rules_of
from journeykit.results import Provenance, Result
from journeykit.stats import ClusterSums, clustered_wilson_interval
from journeykit.stats.disclosure import emptied, suppress
from journeykit.stats.waiting import Waits, censoring_weights, wait_quantiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.plan.firing import Watched
    from journeykit.plan.model import Plan
    from journeykit.plan.rules import Rule

ALL, UNKNOWN = "all", "(unknown)"
#: What the shares are of, their outcomes and their columns.
_SHARES = (("honoured", HONOURED), ("late", LATE), ("never", NEVER))
_COUNTS = ["n_fired", "n_open", "n_excused", "n", "n_honoured", "n_late", "n_never"]
_ESTIMATES = [
    f"{name}{end}" for name, _ in _SHARES for end in ("", "_low", "_high")
] + ["median_days", "median_low", "median_high"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RulesKept(Result):
    """How often each promise and each deadline of a plan was kept.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a rule and group, rules in the order of the plan: `rule`, `kind` (promise, deadline
        or due), `step`, `within_days`, `may_be_left_out`, `observed`, `group`; `n_customers`,
        customers with any of the `n`; `n_fired`, of which `n_open`, `n_excused` and `n` are parts;
        `n_honoured n_late n_never`, which sum to `n`; the shares `honoured late never`, each with
        ``_low`` and ``_high``; `median_days median_low median_high`. Rows of fewer than
        `small_cell` customers are emptied, and where nothing could have been seen the shares are.
    n_unseen : int
        Cases whose beginning was not seen, so that no clock started with it.
    n_hidden : int
        Rows that were emptied.
    """

    n_unseen: int
    n_hidden: int
    rows: ClassVar[str] = "rules"

    def summary(self) -> str:
        """Say how many rules there are, and which is kept least."""
        n_rules = self.frame["rule"].nunique()
        told = self.frame[self.frame["honoured"].notna()]
        said = f"{n_rules:,} {'rule' if n_rules == 1 else 'rules'}"
        if len(told):
            least = told.loc[told["honoured"].astype(float).idxmin()]
            where = "" if least["group"] == ALL else f" ({least['group']})"
            said += (
                f"; kept least: {least['rule']}{where}, in time {least['honoured']:.1%} of "
                f"{least['n']:,} ({least['honoured_low']:.1%} to {least['honoured_high']:.1%}), "
                f"late {least['late']:.1%}, never {least['never']:.1%}"
            )
        unseen = sorted(set(self.frame.loc[~self.frame["observed"], "rule"]))
        return said + (f"; not observed: {', '.join(unseen)}" if unseen else "")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares that were honoured, late and never, stacked, a bar a rule and group."""
        from journeykit.plan.drawing import draw_rules

        return draw_rules(self.frame, ax)


def rules_kept(
    journeys: Journeys,
    plan: Plan,
    /,
    *,
    by: str | None = None,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> RulesKept:
    """Count how often each promise and each deadline of a plan was kept.

    A rule says that after a trigger a reaction comes within so many elapsed days. It *fires* at a
    trigger and looks at the first reaction at the same instant or later. At equal times it does not
    matter how they were sorted; an event is never the reaction to itself, except that a case may
    begin with the step that is due.

    - A *promise* (`Step.promise`) fires with every event at the step.
    - A *deadline* (`Step.within_days`) fires with the planned step before the one that is due: any
      that may come right before it; the last of all parts, where parts go together; the first event
      at a touchpoint of the plan in a case (pauses cut as the plan says), where the step may be the
      first. Where that comes again before the step and before the deadline, the clock starts anew.
    - A *due time* (`Step.due`) is one that each event of the step carries itself: it is honoured
      at or before it and late after it, of those that came. What was due and never came has no
      event, so that share is not known, and there is no wait.

    This is Declare's *response* with a deadline: one reaction may answer several triggers before
    it (*alternate response* would forbid that). Events that the plan's `failed` column says failed
    are neither triggers nor reactions. Reactions are looked for in the whole journey, whatever
    pauses and whether the case `reaches` anything, which nobody could know when the clock started.

    What became of it, with the trigger at t, the deadline t + d and the customer watched up to T:

    - *open* when t + d >= T, even where the reaction has already come: counting the early answers
      of those not yet due would flatter.
    - *excused* when, within the deadline, something came first that the plan allows instead:
      another branch of a choice, or what follows a step that may be left out.
    - *honoured* when the reaction came by t + d, that instant included; *late* when it came
      later, before T; *never* when nothing had come by T. How late and never divide therefore
      depends on how long customers were watched; the share honoured does not.

    The shares are of n = honoured + late + never. Customers count many times: intervals are
    Wilson's at the cluster-effective n (`stats.clustered_wilson_interval`). Where a step may be
    left out and nothing lawful follows, never is no breach: see `may_be_left_out`.

    `median_days` is the time by which half of all that fired had their reaction, Kaplan and
    Meier's: open ones count for as long as they were watched, those excused as without reaction
    for as long as they were watched. Its interval is Woodruff's over customers. Empty where half is
    not reached.

    One pass over the events for each rule; memory grows with the events.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times, and watched until a known time.
    plan : Plan
    by : str, optional
        Attribute of journeys: a row a rule and value, the missing called ``(unknown)``.
    small_cell : int
        Rows with fewer customers are emptied, and others from which they could be told.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When journeys are cut, or their repeats are merged.
    MappingError
        When the attribute or the plan's `failed` column does not exist.
    DataError
        When the plan has no rule.
    NotObservedError
        When the journeys have no times, or nobody knows until when they were watched.

    References
    ----------
    Pesic, Schonenberg, van der Aalst (2007), DECLARE: full support for loosely-structured
    processes, EDOC; Maggi, Westergaard (2014), Using timed automata for a priori warnings and
    planning for timed declarative process models, IJCIS 23, for deadlines.

    Examples
    --------
    Three complaints, each to be answered within two days; the third is still open:

    >>> from journeykit.journeys import Journeys
    >>> from journeykit.plan import Plan
    >>> calls = Journeys(
    ...     names=("answer", "complaint"),
    ...     touchpoint=np.array([1, 0, 1, 0, 1], dtype=np.uint8),
    ...     start=np.array([0, 2, 5]),
    ...     time=np.array([0, 1, 0, 5, 9]) * DAY,
    ...     observed_to=np.array([10, 10]) * DAY,
    ... )
    >>> promise = {"touchpoints": "answer", "within_days": 2}
    >>> plan = Plan(name="care", steps=[{"step": "complaint", "promise": promise}])
    >>> kept = rules_kept(calls, plan, small_cell=1).frame
    >>> kept[["n_fired", "n_open", "n_honoured", "n_late", "n_never"]]
       n_fired  n_open  n_honoured  n_late  n_never
    0        3       1           1       1        0
    """
    rules = _checked(journeys, plan, by, small_cell, confidence)
    code, groups = _groups(journeys, by)
    data = watched(journeys, plan)
    customer = journeys.customer_index.astype(np.int64)
    frames = []
    for rule in rules:
        fired = fire(data, rule)
        rows = _counted(fired, code[fired.journey], customer[fired.journey], len(groups))
        rows |= _medians(fired, code[fired.journey], customer[fired.journey], groups, confidence)
        frames.append(_described(rule, data, groups, _with_shares(rows, confidence)))
    told, n_hidden = suppress(
        pd.concat(frames, ignore_index=True),
        n="n_customers",
        hide=[*_COUNTS, *_ESTIMATES],
        by=["kind", "step"],
        small_cell=small_cell,
    )
    parameters = {
        "plan": plan.name, "by": by, "small_cell": small_cell, "confidence": confidence,
    }  # fmt: skip
    return RulesKept(
        frame=told,
        provenance=Provenance(journeys.fingerprint, parameters),
        n_unseen=data.n_unseen if any(rule.begin for rule in rules) else 0,
        n_hidden=n_hidden,
    )


def _checked(
    journeys: Journeys, plan: Plan, by: str | None, small_cell: int, confidence: float
) -> tuple[Rule, ...]:
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    if by is not None:
        check_known("by", [by], journeys.attributes.column_names, what="attributes")
    if plan.failed is not None:
        check_known("failed", [plan.failed.column], list(journeys.columns), what="event columns")
    if is_cut(journeys):
        raise ArgumentError(
            "`rules_kept` looks for reactions up to the end of the watching, and these journeys "
            "are cut into pieces; call it before `sessions`, `cases` or `outcomes`."
        )
    refuse_collapsed(journeys, "`rules_kept`")
    rules = rules_of(plan)
    due = [rule.due for rule in rules if rule.due]
    check_known("due", due, list(journeys.columns), what="event columns")
    if not rules:
        raise DataError(
            f"Plan {plan.name!r} has no rule to check: give a step a `promise`, `within_days` or "
            "`due`."
        )
    return rules


def _groups(journeys: Journeys, by: str | None) -> tuple[NDArray[np.int64], list[str]]:
    """Return the group of each journey, and the names of the groups, sorted."""
    if by is None:
        return np.zeros(len(journeys), dtype=np.int64), [ALL]
    import pyarrow as pa
    import pyarrow.compute as pc

    column = journeys.attributes[by].combine_chunks()
    texts = pc.fill_null(column.cast(pa.string()), UNKNOWN).dictionary_encode()
    names = texts.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    return place[texts.indices.to_numpy()], [names[at] for at in order]


def _counted(
    fired: Fired, group: NDArray[np.int64], customer: NDArray[np.int64], n_groups: int
) -> dict[str, NDArray[Any]]:
    """Count outcomes by group, and what clustered intervals need, by outcome and group."""
    table = np.bincount(group * 5 + fired.outcome, minlength=5 * n_groups).reshape(n_groups, 5)
    judged = fired.outcome <= NEVER
    outcome = fired.outcome[judged]
    # A customer may be in several groups where the attribute is one of accounts' journeys.
    key = customer[judged] * n_groups + group[judged]
    cells, row = np.unique(key, return_inverse=True)
    cell = cells % n_groups
    m = np.bincount(row, minlength=len(cells)).astype(np.float64)

    def summed(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(cell, weights=values, minlength=n_groups).astype(np.float64)

    rows: dict[str, NDArray[Any]] = {
        "n_customers": summed(m > 0).astype(np.int64),
        "n_fired": table.sum(axis=1),
        "n_open": table[:, OPEN],
        "n_excused": table[:, EXCUSED],
        "n": table[:, [HONOURED, LATE, NEVER]].sum(axis=1),
        "squares": summed(m**2),
    }
    for name, which in _SHARES:
        x = np.bincount(row, weights=outcome == which, minlength=len(cells))
        rows[f"n_{name}"] = table[:, which]
        rows[f"{name}_squares"], rows[f"{name}_cross"] = summed(x**2), summed(x * m)
        rows[f"{name}_rarer"] = np.minimum(summed(x > 0), summed(x < m))
    return rows


def _with_shares(rows: dict[str, NDArray[Any]], confidence: float) -> dict[str, NDArray[Any]]:
    """Put shares and their intervals in the place of what they are known by."""
    shares: dict[str, NDArray[Any]] = {}
    for name, _ in _SHARES:
        sums = ClusterSums(
            n_event=rows[f"n_{name}"],
            n=rows["n"],
            event_squares=rows[f"{name}_squares"],
            event_cross=rows[f"{name}_cross"],
            squares=rows["squares"],
            n_customers=rows["n_customers"],
            n_rarer=rows[f"{name}_rarer"],
        )
        low, high = clustered_wilson_interval(sums, confidence=confidence)
        with np.errstate(invalid="ignore"):
            shares[name] = rows[f"n_{name}"] / rows["n"]
        shares[f"{name}_low"], shares[f"{name}_high"] = low, high
    return {name: (rows | shares)[name] for name in ("n_customers", *_COUNTS, *_ESTIMATES)}


def _medians(
    fired: Fired,
    group: NDArray[np.int64],
    customer: NDArray[np.int64],
    groups: list[str],
    confidence: float,
) -> dict[str, NDArray[Any]]:
    """Find by when half had their reaction, by group."""
    medians = {name: np.full(len(groups), np.nan) for name in _ESTIMATES[-3:]}
    order = np.lexsort((fired.waited, group))
    order = order[fired.waited[order] >= 0]
    if len(order):
        there, number = np.unique(group[order], return_inverse=True)
        waited, came = fired.waited[order], fired.reacted[order]
        weight = censoring_weights(number, waited, came, ~came)
        found = wait_quantiles(
            Waits(number, waited, weight, customer[order]),
            np.ones(len(order), dtype=bool),
            [0.5],
            confidence=confidence,
        )
        for name, times in zip(medians, (found.times[0], found.low, found.high), strict=True):
            medians[name][there] = times / DAY
    return dict(medians.items())


def _described(
    rule: Rule, data: Watched, groups: list[str], rows: dict[str, NDArray[Any]]
) -> pd.DataFrame:
    """Say which rule the rows are of; where no reaction was ever seen, its shares are not known."""
    if rule.due:
        # What never came has no event to be due at: how many that are is not known.
        unknown = np.full(len(groups), np.nan)
        rows = {**rows, **dict.fromkeys(("never", "never_low", "never_high"), unknown)}
    observed = any(name in data.names for name in rule.reactions)
    frame = pd.DataFrame(
        {
            "rule": rule.rule,
            "kind": rule.kind,
            "step": rule.step,
            "within_days": rule.within_days,
            "may_be_left_out": rule.may_be_left_out,
            "observed": observed,
            "group": groups,
            **rows,
        }
    )
    if observed:
        return frame
    unknown = np.ones(len(frame), dtype=bool)
    return emptied(frame, dict.fromkeys([*_COUNTS[4:], *_ESTIMATES], unknown))
