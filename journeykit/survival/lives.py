"""Lifetimes: who is followed from when to when, and whether they left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.counts import LifeCounts, life_counts
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


#: Columns that `Lifetimes.frame` has of its own; attributes may not be called so.
OWN_COLUMNS = (
    "customer_id",
    "origin_time",
    "entry_days",
    "exit_days",
    "event",
    "cause",
    "late",
    "edge",
)
MISSING_GROUP = "(missing)"
ALL = "all"
#: Lines of the audit that together are all customers.
LEFT, CENSORED, LEFT_OUT = "followed: left", "followed: sight was lost (censored)", "left out: "


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LifetimesAudit(Result):
    """``step n share``: every customer once under ``followed`` or ``left out: ...``."""

    rows: ClassVar[str] = "lines of the audit"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many left, how many were lost from sight and how many were left out, and why."""
        from journeykit.survival.picture import draw_population

        return draw_population(self, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Lifetimes(Result):
    """One row a customer followed, or one an interval.

    Intervals are what `lifetimes_from_frame` is given, `spells` of customers who return, and what
    `counting_process` cuts.

    Columns: `customer_id`; `origin_time`, when the clock starts (only of journeys); `entry_days`
    and `exit_days`, elapsed days on that clock between which the customer is under risk; `event`,
    true where the exit is the customer's leaving and false where sight of the customer was lost
    (censored); `cause`, which of several ends it was, empty where censored (only where ends
    compete); `late`, true where watching began after the clock did; `edge`, see `lifetimes`; then
    the attributes and covariates.

    A late customer is under risk in (entry, exit], any other from the very beginning, so that an
    event at the entry itself counts.

    A customer of several intervals is one customer: left if any of them ends with the event, late
    if all are. In curves the end of each interval without an event is a censoring, and the
    beginning of the next an entry.

    Attributes
    ----------
    left_out : mapping of reason to number of customers
    returned : int or None
        Customers who left and came back within the data; None where the rule cannot know: an
        activity after the end of a contract is no new contract, and a table tells of none.
    undecided : int or None
        Customers whose latest silence was not longer than the threshold when the watching ended:
        nobody can tell whether they are still there. None where churn is no silence.
    """

    left_out: Mapping[str, int] = field(default_factory=dict)
    returned: int | None = None
    undecided: int | None = None

    def __post_init__(self) -> None:
        """Freeze the reasons."""
        object.__setattr__(self, "left_out", MappingProxyType(dict(self.left_out)))

    @property
    def one_row_each(self) -> bool:
        """Whether no customer has several intervals."""
        ids = pd.Index(self.frame["customer_id"])
        # Of identifiers in order this is known without a table of them, once the order is.
        return bool(ids.is_monotonic_increasing and ids.is_unique) or bool(ids.is_unique)

    def customers(self, *, by: str | None = None) -> dict[str, int]:
        """Return the number of customers of every group of `counts`."""
        groups, group = _grouped(self.frame, by)
        names = np.array(groups, dtype=object)[group]
        n = self.frame.groupby(names)["customer_id"].nunique()
        return {str(name): int(count) for name, count in n.items()}

    def _each(self) -> pd.DataFrame:
        """Return ``event late edge`` of every customer, whatever the number of their intervals."""
        grouped = self.frame.groupby("customer_id", sort=False, observed=True)
        return grouped.agg({"event": "any", "late": "all", "edge": "any"})

    def counts(self, *, by: str | None = None) -> LifeCounts:
        """Count entries, events and censorings by time and group: they add up over customers.

        Parameters
        ----------
        by : str, optional
            Column of the frame; customers without a value form the group ``(missing)``.
        """
        frame = self.frame
        groups, group = _grouped(frame, by)
        entry = _microseconds(frame["entry_days"]) - ~frame["late"].to_numpy()
        return life_counts(
            entry,
            _microseconds(frame["exit_days"]),
            frame["event"].to_numpy(),
            group=group,
            groups=groups,
            fingerprint=int(self.provenance.fingerprint or "0", 16),
        )

    def audit(self) -> LifetimesAudit:
        """Return what became of every customer of the journeys, as a table."""
        each = self._each()
        event = each["event"].to_numpy()
        n = len(event) + sum(self.left_out.values())
        lines = {
            "customers": n,
            **{f"{LEFT_OUT}{reason}": count for reason, count in self.left_out.items()},
            "followed": len(event),
            LEFT: int(event.sum()),
            **(
                {}
                if self.returned is None
                else {"followed: left, and came back later": self.returned}
            ),
            CENSORED: int((~event).sum()),
            **(
                {}
                if self.undecided is None
                else {
                    "followed: silent for no longer than the threshold at the end": self.undecided
                }
            ),
            "followed: entered late": int(each["late"].sum()),
            "followed: may have begun before the window": int(each["edge"].sum()),
        }
        frame = pd.DataFrame({"step": list(lines), "n": list(lines.values())})
        return LifetimesAudit(frame=frame.assign(share=frame["n"] / n), provenance=self.provenance)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the audit: who left, who was lost from sight, who was left out and why."""
        return self.audit().plot(ax)

    def summary(self) -> str:
        """Return who is followed, who left and who was left out, in one sentence."""
        each = self._each()
        n, left = len(each), int(each["event"].sum())
        parts = [f"{n:,} customers followed, {left:,} left ({left / n:.1%}), {n - left:,} censored"]
        if late := int(each["late"].sum()):
            parts.append(f"{late:,} entered late")
        if edge := int(each["edge"].sum()):
            parts.append(f"{edge:,} may have begun before the window")
        if out := sum(self.left_out.values()):
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
            parts.append(f"{out:,} left out ({reasons})")
        return "; ".join(parts)


def lifetimes_from_frame(
    frame: pd.DataFrame,
    /,
    *,
    customer_id: str | None = None,
    start: str | None = None,
    stop: str = "time",
    event: str = "status",
    cause: str | None = None,
    groups: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> Lifetimes:
    """Take lifetimes from a table that never was an event log.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a customer, or one an interval (start, stop] in which nothing about them changes.
    customer_id : str, optional
        Column of identifiers, by which the intervals of one customer are known; by default every
        row is a customer, numbered from 0.
    start, stop : str
        Columns of elapsed time, at least 0. The unit is called days here and can be any; times
        are kept to a millionth of a second of a day, so that sums like 0.1 + 0.2 tie with 0.3.
        Without `start` everyone is under risk from the very beginning.
    event : str
        Column of 0 and 1 or of booleans.
    cause : str, optional
        Column that names which of several ends each event was. It says nothing where `event` is 0
        and must say something where it is 1.
    groups, covariates : sequence of str
        Columns to keep: for comparing groups, and for models. They hold for the whole interval.

    Raises
    ------
    MappingError, DataError
        A column does not exist, or holds something else than said above.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import kaplan_meier, lifetimes_from_frame
    >>> contracts = pd.DataFrame({"time": [1, 2, 2, 4], "status": [1, 1, 0, 0]})
    >>> kaplan_meier(lifetimes_from_frame(contracts), small_cell=1).frame["estimate"].tolist()
    [0.75, 0.5, 0.5]
    """
    kept = list(dict.fromkeys([*groups, *covariates]))
    named = [name for name in (customer_id, start, stop, event, cause, *kept) if name is not None]
    check_known("frame", named, list(map(str, frame.columns)), what="columns")
    if frame.empty:
        raise DataError("The frame has no rows: there is nobody to follow.")
    # Rows are told apart by position: an index may repeat itself.
    frame = frame.reset_index(drop=True)
    exits = _times(frame, stop)
    nameless = 0 if customer_id is None else int(frame[customer_id].isna().sum())
    if nameless:
        raise DataError(
            f"Column {customer_id!r} must say whose a row is; {nameless:,} of {len(frame):,} rows "
            "are empty. Leave these rows out or mend them."
        )
    late = np.zeros(len(frame), dtype=bool)
    entry = np.zeros(len(frame))
    if start is not None:
        entry = _times(frame, start)
        late = entry > 0
        wrong = int((_microseconds(entry) >= _microseconds(exits)).sum())
        if wrong:
            raise DataError(
                f"`start` must be before `stop`; in {wrong:,} of {len(frame):,} rows column "
                f"{start!r} is not below {stop!r}. Leave these rows out or mend them."
            )
    happened = _flags(frame, event)
    own: dict[str, object] = {
        "customer_id": np.arange(len(frame)) if customer_id is None else frame[customer_id],
        "entry_days": entry,
        "exit_days": exits,
        "event": happened,
        **({} if cause is None else {"cause": _causes(frame, cause, happened)}),
        "late": late,
        "edge": np.zeros(len(frame), dtype=bool),
    }
    check_names(kept)
    table = pd.DataFrame(own).join(frame[kept])
    if customer_id is not None:
        _check_apart(table, customer_id)
    # The order of rows does not matter, so neither may it to the fingerprint.
    content = table.drop(columns="customer_id") if customer_id is None else table
    hashed = pd.util.hash_pandas_object(content, index=False)
    number = sum(hashed.to_numpy().astype(object).tolist()) % (1 << 128)
    given = {
        "customer_id": customer_id,
        "start": start,
        "stop": stop,
        "event": event,
        "cause": cause,
        "groups": tuple(groups),
        "covariates": tuple(covariates),
    }
    return Lifetimes(frame=table, provenance=Provenance(f"{number:032x}", given))


def _microseconds(days: object) -> NDArray[np.int64]:
    return np.rint(np.asarray(days, dtype=np.float64) * DAY).astype(np.int64)


def _grouped(frame: pd.DataFrame, by: str | None) -> tuple[tuple[str, ...], NDArray[np.integer]]:
    if by is None:
        return (ALL,), np.zeros(len(frame), dtype=np.int64)
    check_known("by", [by], list(map(str, frame.columns)), what="columns of the lifetimes")
    code, values = pd.factorize(frame[by], sort=True)
    names = [_written(value) for value in values]
    if (code < 0).any():
        code, names = np.where(code < 0, len(names), code), [*names, MISSING_GROUP]
    return tuple(names), code


def _written(value: object) -> str:
    """Write a group's name; whole numbers that missing ones turned into floats stay whole."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def check_names(names: Sequence[str]) -> None:
    """Refuse attributes whose names the frame needs for itself."""
    taken = sorted(set(names) & set(OWN_COLUMNS))
    if taken:
        raise DataError(
            f"{', '.join(map(repr, taken))} cannot be the name of an attribute here: lifetimes "
            "have a column of that name. Rename it."
        )


def _times(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if frame[name].dtype.kind in "mM":
        raise DataError(
            f"Column {name!r} must hold elapsed time as a number; it holds {frame[name].dtype}. "
            "Take the start of each customer off and divide by a day."
        )
    try:
        values: NDArray[np.float64] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"Column {name!r} must hold numbers; got {frame[name].dtype}.") from None
    wrong = int((~(np.isfinite(values) & (values >= 0))).sum())
    if wrong:
        raise DataError(
            f"Column {name!r} must hold times of at least 0; {wrong:,} of {len(values):,} rows "
            "are empty, infinite or negative. Leave these rows out or mend them."
        )
    return values


def _flags(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    known = frame[name].isin([0, 1]).to_numpy()
    if not known.all():
        odd = frame.loc[~known, name].tolist()[0]
        raise DataError(
            f"Column {name!r} must hold 1 (or True) for the event and 0 (or False) for a "
            f"censoring; {int((~known).sum()):,} of {len(known):,} rows do not, such as {odd!r}."
        )
    return np.asarray(frame[name], dtype=bool)


def _causes(frame: pd.DataFrame, name: str, happened: NDArray[np.bool_]) -> pd.Categorical:
    """Return the end that each event was, empty where there was none."""
    nothing = frame[name].isna() | (frame[name].astype(str).str.strip() == "")
    silent = int((nothing.to_numpy() & happened).sum())
    if silent:
        raise DataError(
            f"Column {name!r} must name the end of every event; {silent:,} of "
            f"{int(happened.sum()):,} are empty. Give them a name of their own, such as 'unknown'."
        )
    text = frame[name].where(happened).map(_written, na_action="ignore")
    return pd.Categorical(text, categories=sorted(text.dropna().unique()))


def _check_apart(table: pd.DataFrame, customer_id: str) -> None:
    """Refuse intervals of one customer that overlap: nobody is under risk twice at once."""
    spans = table[["customer_id"]].assign(
        entry=_microseconds(table["entry_days"]), exit=_microseconds(table["exit_days"])
    )
    spans = spans.sort_values(["customer_id", "entry", "exit"], kind="stable")
    same = spans["customer_id"].eq(spans["customer_id"].shift())
    overlap = same & (spans["entry"] < spans["exit"].shift())
    if overlap.any():
        raise DataError(
            f"Intervals of one customer must not overlap; {int(overlap.sum()):,} of "
            f"{len(table):,} rows begin before the previous one of the same {customer_id!r} has "
            f"ended, such as {spans.loc[overlap, 'customer_id'].iloc[0]!r}. Check `start`, or "
            "leave `customer_id` out where every row is a customer of its own."
        )
