"""Methods held against worlds whose truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction
from journeykit.errors import ArgumentError, DataError
from journeykit.results import Provenance
from journeykit.simulate.many import Answer, Plan, answers, method_name
from journeykit.simulate.part import overriding, with_settings, zero
from journeykit.simulate.scores import Coverage, FalseFindings
from journeykit.simulate.tallies import by_name, covered, flagged
from journeykit.simulate.world import DAYS, World, chosen_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reader = Callable[[pd.DataFrame], Mapping[str, NDArray[np.float64]]]
    Reasons = Mapping[str, int]
    Method = Callable[[World], pd.DataFrame]


def coverage(
    method: Method,
    /,
    *,
    worlds: int = 1000,
    customers: int = 500,
    settings: Mapping[str, object] | None = None,
    parts: Sequence[str] | None = None,
    days: int = DAYS,
    nominal: float = 0.95,
    seed: int = 0,
    processes: int | None = None,
    progress: bool = True,
) -> Coverage:
    """Run a method on many small worlds, and count how often its intervals hold the truth.

    Several rows of a name in one world belong together: intervals on coverage are Wilson's at the
    world-effective n, those on bias are normal with the world as the unit and Student's t.

    What a method cannot tell is counted: worlds in which it raises a `JourneyKitError` or does not
    return a name, and rows with an empty bound. Its warnings (`JourneyKitWarning`) are not shown.

    Parameters
    ----------
    method : callable
        Takes a `World`, returns a frame with the columns ``name estimate conf_low conf_high
        truth``, and optionally ``null``: the value that stands for nothing there. With more than
        one process it must be defined at the top of a module; `functools.partial` of such a
        function will do.
    worlds : int
        World r has a seed made of `seed` and r.
    customers, settings, parts, days
        Of each world, as in `world`.
    nominal : float in (0, 1)
        Share of the method's intervals that are meant to hold the truth.
    seed : int
    processes : int, optional
        By default one a processor. No number depends on it.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    Coverage

    Raises
    ------
    ArgumentError
        Arguments of the world that do not suit it, a method that returns something else or cannot
        be sent to another process.
    MethodError
        The method raised anything else; the message says which world it was, to make it again.
    DataError
        No world gave a single row.
    """
    check_fraction("nominal", nominal)
    plan = Plan(
        method, _COVERAGE_COLUMNS, customers, days, seed, dict(settings or {}), _texts(parts)
    )
    found = answers(plan, worlds=worlds, processes=processes, progress=progress)
    table, reasons = _stacked(found, plan, _intervals)
    return Coverage(
        frame=pd.DataFrame([covered(part, worlds=worlds) for part in by_name(table)]),
        provenance=_provenance(plan, worlds, nominal=nominal),
        nominal=nominal,
        worlds=worlds,
        reasons=reasons,
    )


def false_findings(
    method: Method,
    /,
    *,
    null: Sequence[str] = (),
    worlds: int = 1000,
    customers: int = 500,
    settings: Mapping[str, object] | None = None,
    parts: Sequence[str] | None = None,
    days: int = DAYS,
    alpha: float = 0.05,
    seed: int = 0,
    processes: int | None = None,
    progress: bool = True,
) -> FalseFindings:
    """Run a method on many small worlds, and count how often it flags something.

    With the parameter that the method looks for in `null`, the share flagged is one of false
    findings; without, it is the power at what `settings` say.

    Parameters
    ----------
    method : callable
        Takes a `World`, returns a frame with the columns ``name`` and ``flagged`` (true or false),
        or ``name`` and ``p_value``, which flags where it is less than `alpha`.
    null : sequence of str
        Parameters that are zero in all worlds, such as ``orders.effect.email_promo``, or groups of
        them; see `World.null`.
    alpha : float in (0, 1)
        Share that the method is meant to flag where nothing is there.
    worlds, customers, settings, parts, days, seed, processes, progress
        As in `coverage`.

    Returns
    -------
    FalseFindings

    Raises
    ------
    ArgumentError, MethodError, DataError
        As in `coverage`; also for a parameter in `null` that cannot be zero.
    """
    check_fraction("alpha", alpha)
    given = dict(settings or {})
    made = with_settings(chosen_parts(parts), given)
    if isinstance(null, str):
        raise ArgumentError(f"`null` must be a list of parameters; got the text {null!r}.")
    given = overriding(given, {path: zero(made, path) for path in null})
    plan = Plan(method, _FLAG_COLUMNS, customers, days, seed, given, _texts(parts))
    found = answers(plan, worlds=worlds, processes=processes, progress=progress)
    table, reasons = _stacked(found, plan, partial(_flags, alpha=alpha))
    return FalseFindings(
        frame=pd.DataFrame([flagged(part, worlds=worlds) for part in by_name(table)]),
        provenance=_provenance(plan, worlds, null=tuple(null), alpha=alpha),
        alpha=alpha,
        worlds=worlds,
        null=tuple(null),
        reasons=reasons,
    )


_COVERAGE_COLUMNS = (("name",), ("estimate",), ("conf_low",), ("conf_high",), ("truth",))
_FLAG_COLUMNS = (("name",), ("flagged", "p_value"))


def _texts(parts: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if parts is None else tuple(parts)


def _provenance(plan: Plan, worlds: int, **more: object) -> Provenance:
    parameters = {
        "method": method_name(plan.method),
        "worlds": worlds,
        "customers": plan.customers,
        "settings": dict(plan.settings),
        "parts": plan.parts,
        "days": plan.days,
        **more,
    }
    return Provenance(parameters=parameters, seed=plan.seed)


def _intervals(frame: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    wanted = ("estimate", "conf_low", "conf_high", "truth", "null")
    nothing = np.full(len(frame), np.nan)
    return {
        name: frame[name].astype(np.float64).to_numpy() if name in frame else nothing
        for name in wanted
    }


def _flags(frame: pd.DataFrame, *, alpha: float) -> dict[str, NDArray[np.float64]]:
    if "flagged" in frame:
        said = frame["flagged"].astype("boolean").to_numpy(np.float64, na_value=np.nan)
        return {"flagged": said}
    p_value = frame["p_value"].astype(np.float64).to_numpy()
    return {"flagged": np.where(np.isnan(p_value), np.nan, p_value < alpha)}


def _stacked(found: Sequence[Answer], plan: Plan, read: Reader) -> tuple[pd.DataFrame, Reasons]:
    """Put what the method said of all worlds below each other, and count why it said nothing."""
    reasons = Counter(answer.reason for answer in found if answer.frame is None)
    said = [(n, answer.frame) for n, answer in enumerate(found) if answer.frame is not None]
    said = [(number, frame) for number, frame in said if len(frame)]
    if not said:
        why = f" It said: {next(iter(reasons))}" if reasons else ""
        raise DataError(
            f"The method {method_name(plan.method)} gave no row in any of {len(found):,} "
            f"worlds.{why}"
        )
    columns = [
        {"world": np.full(len(frame), number), "name": frame["name"].to_numpy(), **read(frame)}
        for number, frame in said
    ]
    table = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    return pd.DataFrame(table), MappingProxyType(dict(reasons))
