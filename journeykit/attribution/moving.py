"""How far shares move from one answer of a model to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.assumptions import GROUPING, Changed, Setting, in_common, prepared
from journeykit.attribution.credit import NO_CHANNELS, Credits
from journeykit.attribution.identities import split_identities
from journeykit.attribution.refitting import Model, Refit, quick, refitted

if TYPE_CHECKING:
    import pandas as pd

    from journeykit.journeys import Journeys

#: Differences of shares that are rounding alone.
_ROUNDING = 1e-12
SHARE_COLUMNS = [
    "model", "assumption", "value", "channel", "share", "base_share", "difference",
    "base_low", "base_high",
]  # fmt: skip
MOVE_COLUMNS = [
    "model", "assumption", "value", "n_split", "distance", "leader", "base_leader",
    "leader_changes", "most_moved", "moved_by", "n_outside", "n_failed", "reason",
]  # fmt: skip


def tables(
    journeys: Journeys, model: Model, made: Credits, base: Setting, altered: Iterable[Changed]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Refit under every change and compare; see `Sensitivity` for the two tables.

    Where a change is drawn at random several times, shares are averaged over the draws.
    """
    import pandas as pd

    light, shares, moves = quick(model), [], []
    for change in altered:
        ours: Mapping[str, str] = {}
        theirs: Mapping[str, str] = {}
        if change.assumption == GROUPING:
            ours, theirs = in_common(base.grouping, change.settings[0].grouping)
        data = [prepared(journeys, setting) for setting in change.settings]
        refits = [refitted(light, one) for one in data]
        reason = next((refit.reason for refit in refits if refit.reason), "")
        split = {"n_split": np.mean([_n_split(journeys, one) for one in change.settings])}
        for name, part in made.frame.groupby("model", sort=False):
            answers = _answers(refits, name, theirs)
            table = _compared(part, answers, ours)
            head = {"model": name, "assumption": change.assumption, "value": change.value}
            failed = {"n_failed": len(refits) - len(answers), "reason": reason}
            shares.append(table.assign(**head)[SHARE_COLUMNS])
            moves.append({**head, **split, **_move(table), **failed})
    frame = pd.concat(shares, ignore_index=True) if shares else pd.DataFrame(columns=SHARE_COLUMNS)
    return frame, pd.DataFrame(moves, columns=MOVE_COLUMNS)


def _n_split(journeys: Journeys, setting: Setting) -> int:
    """Count the customers taken for two, before any step that leaves out who has no touch."""
    if setting.split is None:
        return 0
    made = split_identities(journeys, setting.split, conversion=setting.conversion)
    return made.n_customers - journeys.n_customers


def _answers(refits: list[Refit], model: object, names: Mapping[str, str]) -> list[pd.Series]:
    """Return the shares of one model, by channel in common, where it gives some."""
    frames = [refit.frame for refit in refits if refit.frame is not None]
    every = [_by_channel(frame[frame["model"] == model], names) for frame in frames]
    return [shares for shares in every if shares.notna().any()]


def _compared(
    base: pd.DataFrame, answers: list[pd.Series], ours: Mapping[str, str]
) -> pd.DataFrame:
    """Put the shares of one model before and after a change side by side, rows by name."""
    before = _by_channel(base, ours)
    names = sorted({*before.index, *(name for after in answers for name in after.index)})
    names.sort(key=NO_CHANNELS.__contains__)
    # The base's own intervals are of its channels, not of several added up.
    common = base["channel"].map(lambda name: ours.get(name, name))
    table = base.assign(channel=common)[~common.duplicated(keep=False)].set_index("channel")
    table = table[["conf_low", "conf_high"]].set_axis(["base_low", "base_high"], axis=1)
    table = table.reindex(names)
    filled = [after.reindex(names, fill_value=0.0).to_numpy(dtype=float) for after in answers]
    # Equal answers have the mean of each, to the byte.
    table["share"] = filled[0] + np.mean(filled - filled[0], axis=0) if filled else np.nan
    table["base_share"] = before.reindex(names, fill_value=0.0)
    table["difference"] = table["share"] - table["base_share"]
    return table.rename_axis("channel").reset_index()


def _by_channel(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.Series:
    """Add the shares up to channels in common; a model without a share stays missing."""
    channel = frame["channel"].map(lambda name: names.get(name, name))
    return frame["share"].groupby(channel).sum(min_count=1)


def _move(table: pd.DataFrame) -> dict[str, object]:
    """Say how far one model's shares move."""
    if table["difference"].isna().any():
        return {"distance": np.nan, "base_leader": leader(table, "base_share")}
    moved = table["difference"].abs()
    most = table.loc[moved.idxmax()]
    after, before = leader(table, "share"), leader(table, "base_share")
    outside = (table["share"] < table["base_low"]) | (table["share"] > table["base_high"])
    return {
        "distance": moved.sum() / 2,
        "leader": after,
        "base_leader": before,
        "leader_changes": after != before,
        "most_moved": most["channel"],
        "moved_by": most["difference"],
        # Without any interval nothing is known to be inside.
        "n_outside": int(outside.sum()) if table["base_low"].notna().any() else np.nan,
    }


def leader(table: pd.DataFrame, column: str) -> str | None:
    """Name the channel with the largest share, the first by name of equal ones."""
    channels = table[~table["channel"].isin(NO_CHANNELS)]
    if channels[column].isna().all():
        return None
    # Sums of equal credit differ by rounding, which must not make a leader.
    equal = channels[column] >= channels[column].max() - _ROUNDING
    return str(channels.loc[equal.idxmax(), "channel"])
