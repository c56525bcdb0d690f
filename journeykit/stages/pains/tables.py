"""The Pareto table of pains: whose they are, whom they meet, what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.stages.pains.judging import Judged
    from journeykit.stages.pains.visits import Touches
    from journeykit.study.catalogue import Catalogue

#: Columns of `survival.risk_of_leaving` that are put beside, and their names here.
_LEAVING = {
    "hazard_ratio": "leaving_ratio",
    "conf_low": "leaving_low",
    "conf_high": "leaving_high",
    "reading": "leaving_reading",
}
_PARTS = {
    "exit": "exit",
    "time": "time",
    "repeats": "repeats",
    "errors": "errors",
    "negative sentiment": "negative_sentiment",
}


def pareto(
    touches: Touches,
    found: Judged,
    parts: pd.DataFrame,
    leaving: pd.DataFrame | None,
    catalogue: Catalogue | None,
    /,
    *,
    goal: Sequence[str],
    sent: Sequence[str],
    small_cell: int,
) -> pd.DataFrame:
    """Return one row a touchpoint, as `PainPoints` says.

    Goals and what is sent have a row where errors or answers tell of them.
    """
    names = np.array(touches.names, dtype=object)
    tells = (parts["part"] != "errors") | (parts["estimate"] > 0)
    met = np.isin(names, parts.loc[tells, "touchpoint"].to_numpy(dtype=object))
    if leaving is not None:
        wanted = ["touchpoint", "lag_days", *_LEAVING]
        check_known("leaving", wanted, list(map(str, leaving.columns)), what="columns")
    frame = pd.DataFrame(
        {
            "touchpoint": names,
            "n": found.n,
            "n_customers": found.n_customers,
            "n_left": found.n_left,
            "estimate": np.where(found.candidate, found.exits.lost, np.nan),
            "conf_low": found.low,
            "conf_high": found.high,
            "p_value": found.p_value,
            "q_value": found.q_value,
            "verdict": _verdicts(found, np.isin(names, list(goal)), np.isin(names, list(sent))),
        }
    )[met]
    frame = _emptied(frame, small_cell)
    order = np.lexsort((-frame["n"].fillna(0).astype(float), -frame["estimate"].fillna(0),
                        frame["verdict"] != "clear"))  # fmt: skip
    frame = frame.iloc[order].reset_index(drop=True)
    clear = frame["verdict"] == "clear"
    frame.insert(0, "rank", clear.cumsum().astype("Int64").mask(~clear))
    channel, owner = _owners(frame["touchpoint"].tolist(), catalogue)
    frame.insert(2, "channel", channel)
    frame.insert(3, "owner", owner)
    for part, name in _PARTS.items():
        estimates = parts[parts["part"] == part].set_index("touchpoint")["estimate"]
        frame[name] = frame["touchpoint"].map(estimates).astype(float)
    return frame if leaving is None else _with_leaving(frame, leaving)


def _verdicts(
    found: Judged, is_goal: NDArray[np.bool_], is_sent: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Say of each step what can be said."""
    return np.select(
        [is_goal, is_sent, ~found.candidate, found.clear, np.isnan(found.exits.top)],
        ["goal", "sent", "not on the way", "clear", "cannot tell"],
        "within range",
    ).astype(object)


def _emptied(frame: pd.DataFrame, small_cell: int) -> pd.DataFrame:
    """Empty what tells of fewer customers."""
    # No step of a visit: nobody is counted.
    none = (frame["n"] == 0).to_numpy()
    few = none | (frame["n_customers"] < small_cell).to_numpy()
    alone = few | ((frame["n_left"] > 0) & (frame["n_left"] < small_cell)).to_numpy()
    shown = frame.copy()
    for name, mask in (("n", few), ("n_customers", few), ("n_left", alone)):
        shown[name] = shown[name].astype("Int64").mask(mask)
    return shown


def _owners(names: list[str], catalogue: Catalogue | None) -> tuple[list[str], list[str]]:
    """Return channel and owner: the accountable person or department, else the channel."""
    channel, owner = [], []
    for name in names:
        row = catalogue.touchpoints.get(name) if catalogue is not None else None
        channel.append(row.channel if row else "")
        owner.append((row.accountable or row.channel) if row else "")
    return channel, owner


def _with_leaving(frame: pd.DataFrame, leaving: pd.DataFrame) -> pd.DataFrame:
    """Put the risk of leaving at the first lag beside each touchpoint."""
    first = leaving[leaving["lag_days"] == leaving["lag_days"].min()]
    beside = first.set_index("touchpoint")[list(_LEAVING)].rename(columns=_LEAVING)
    return frame.merge(beside, how="left", left_on="touchpoint", right_index=True)
