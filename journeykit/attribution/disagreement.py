"""How far models lie apart on each channel, and where an experiment lies among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.credit import NO_CHANNELS
from journeykit.attribution.experiments.tables import experiment_numbers
from journeykit.checks import check_known

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

#: What all rows of credits that stand for no channel are called together.
NO_CHANNEL = "(no channel)"


def label_of(channel: str) -> str:
    """Return the channel, or one name for all rows that are none."""
    return NO_CHANNEL if channel in NO_CHANNELS else channel


def ordered(frame: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Sort channels by their mean share, largest first, rows that are none last; then models."""
    mean = frame.groupby("channel")["share"].mean().sort_values(ascending=False, kind="stable")
    channels = [name for name in mean.index if name not in NO_CHANNELS]
    place = {name: at for at, name in enumerate([*channels, *NO_CHANNELS])}
    rank = {name: at for at, name in enumerate(models)}
    keys = (frame["model"].map(rank).to_numpy(), frame["channel"].map(place).to_numpy())
    return frame.iloc[np.lexsort(keys)].reset_index(drop=True)


def ranges_of(
    frame: pd.DataFrame, experiments: pd.DataFrame | None, *, confidence: float
) -> pd.DataFrame:
    """Return one row a channel: lowest and highest share, and the experiment; see `Comparison`."""
    import pandas as pd

    models = list(dict.fromkeys(frame["model"]))
    channels = list(dict.fromkeys(frame["channel"].map(label_of)))
    share, low, high = (
        _table(frame, column, channels, models) for column in ("share", "conf_low", "conf_high")
    )
    if NO_CHANNEL in channels:
        # A model without such a row leaves nothing to no channel.
        lacks = np.array([_leaves_nothing(frame, model) for model in models])
        share[-1, lacks] = 0.0
    known = np.isfinite(share)
    some: NDArray[np.bool_] = np.any(known, axis=1)
    at_low = np.where(known, share, np.inf).argmin(axis=1)
    at_high = np.where(known, share, -np.inf).argmax(axis=1)
    rows = np.arange(len(channels))
    lowest = np.where(some, share[rows, at_low], np.nan)
    highest = np.where(some, share[rows, at_high], np.nan)
    ranges = pd.DataFrame(
        {
            "channel": channels,
            "n_models": known.sum(axis=1),
            "lowest": lowest,
            "lowest_model": _named(models, at_low, some),
            "highest": highest,
            "highest_model": _named(models, at_high, some),
            "width": highest - lowest,
            "overlap": _overlap(low, high),
        }
    )
    return _with_experiments(ranges, frame, experiments, confidence)


def _table(
    frame: pd.DataFrame, column: str, channels: Sequence[str], models: Sequence[str]
) -> NDArray[np.float64]:
    """Return a column as an array, shape (channels, models); NaN where a model has no row."""
    row = frame["channel"].map(label_of).map(dict(zip(channels, range(len(channels)), strict=True)))
    at = (row.to_numpy(), frame["model"].map(dict(zip(models, range(len(models)), strict=True))))
    table = np.zeros((len(channels), len(models)))
    there = np.zeros(table.shape, dtype=bool)
    np.add.at(table, at, frame[column].to_numpy(dtype=np.float64))
    there[at] = True
    return np.where(there, table, np.nan)


def _named(
    models: Sequence[str], at: NDArray[np.intp], known: NDArray[np.bool_]
) -> list[str | None]:
    """Name the model of each row; None where no model is known."""
    pairs = zip(at.tolist(), known.tolist(), strict=True)
    return [models[number] if there else None for number, there in pairs]


def _leaves_nothing(frame: pd.DataFrame, model: str) -> bool:
    part = frame[frame["model"] == model]
    return not part["channel"].isin(NO_CHANNELS).any() and bool(part["share"].notna().any())


def _overlap(low: NDArray[np.float64], high: NDArray[np.float64]) -> pd.arrays.BooleanArray:
    """Tell whether all intervals of a row have a point in common; missing below two intervals."""
    import pandas as pd

    known = np.isfinite(low) & np.isfinite(high)
    meet = np.where(known, low, -np.inf).max(axis=1) <= np.where(known, high, np.inf).min(axis=1)
    return pd.arrays.BooleanArray(meet, known.sum(axis=1) < 2)


def _with_experiments(
    ranges: pd.DataFrame, frame: pd.DataFrame, experiments: pd.DataFrame | None, confidence: float
) -> pd.DataFrame:
    """Add the experiments' increments, and their shares of the conversions."""
    from scipy.special import ndtri

    shown = ranges["channel"].tolist()
    increment, error = (np.full(len(shown), np.nan) for _ in range(2))
    if experiments is not None:
        tested, *told = experiment_numbers(experiments)
        check_known(
            "experiments", tested, [name for name in shown if name != NO_CHANNEL], what="channels"
        )
        at = [shown.index(name) for name in tested]
        increment[at], error[at] = told
    total = float(frame["n_conversions"].max())
    half = float(ndtri((1 + confidence) / 2)) * error
    return ranges.assign(
        increment=increment,
        std_error=error,
        experiment_share=increment / total,
        experiment_low=(increment - half) / total,
        experiment_high=(increment + half) / total,
    )
