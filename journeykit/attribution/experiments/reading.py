"""What models credit, in conversions: read from the share and its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

    from journeykit.attribution.credit import Credits


def credited(credits: Credits, /) -> pd.DataFrame:  # noqa: A002 (what they are)
    """Return ``model channel conversions value of low high std_error`` of every row.

    `of` says what the model's shares are of: ``conversions`` where they are proportional to them,
    else ``value``. `low`, `high` and `std_error` are the model's own of its conversions, as of
    `hazard`; without, those of the share, times what all rows share in, in the unit of `of`. Then
    `std_error` is the width of the interval over that of a standard normal one. All are missing
    where the interval is; `value` is where the credits have none.
    """
    import pandas as pd

    wanted = ("model", "channel", "conversions", "share", "conf_low", "conf_high")
    frame = getattr(credits, "frame", None)
    if not isinstance(frame, pd.DataFrame) or not set(wanted) <= set(frame.columns):
        raise ArgumentError(
            "`credits` must be what `rules`, `markov`, `shapley` or `hazard` returned; got "
            f"{type(credits).__name__}."
        )
    confidence = float(str(credits.provenance.parameters.get("confidence", 0.95)))
    parts = [_of_model(part, confidence) for _, part in frame.groupby("model", sort=False)]
    return pd.concat(parts, ignore_index=True)


def _of_model(frame: pd.DataFrame, confidence: float) -> pd.DataFrame:
    import pandas as pd
    from scipy.special import ndtri

    value = frame["value"] if "value" in frame.columns else pd.Series(np.nan, frame.index)
    share, whole = frame["share"], frame["share"].sum()
    total = frame["conversions"].sum() / whole if whole else np.nan
    gap = (frame["conversions"] - share * total).abs().max()
    of_value = bool(gap > 1e-9 * frame["conversions"].abs().max())
    if of_value:
        total = value.sum() / whole
    low, high = frame["conf_low"] * total, frame["conf_high"] * total
    made = {"low": low, "high": high, "std_error": (high - low) / 2 / ndtri((1 + confidence) / 2)}
    own = {"low": "conversions_low", "high": "conversions_high", "std_error": "std_error"}
    for name, column in own.items():
        if column in frame.columns and not of_value:
            # Several models may stand in one frame, and only some know their own errors.
            made[name] = frame[column].where(frame[column].notna(), made[name])
    return pd.DataFrame(
        {
            "model": frame["model"],
            "channel": frame["channel"],
            "conversions": frame["conversions"],
            "value": value,
            "of": "value" if of_value else "conversions",
            **made,
        }
    )
