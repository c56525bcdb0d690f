"""What models credit, in conversions: read from the share and its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.credit import NO_TOUCH
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

    from journeykit.results import Result

#: Rows of credits that are no channel.
NO_CHANNEL = (NO_TOUCH, "(baseline)")


def credited(credits: Result, /) -> pd.DataFrame:  # noqa: A002 (what they are)
    """Return ``model channel conversions value low high std_error`` of every row.

    `low`, `high` and `std_error` are those of the share, times what all rows share in: conversions,
    or values where the shares are of values. `std_error` is the width of the interval over that of
    a standard normal one; both are missing where the interval is. `value` is missing where the
    credits have none.
    """
    import pandas as pd
    from scipy.special import ndtri

    wanted = ("model", "channel", "conversions", "share", "conf_low", "conf_high")
    frame = getattr(credits, "frame", None)
    if not isinstance(frame, pd.DataFrame) or not set(wanted) <= set(frame.columns):
        raise ArgumentError(
            "`credits` must be what `rules`, `markov`, `shapley` or `hazard` returned; got "
            f"{type(credits).__name__}."
        )
    value = frame["value"] if "value" in frame.columns else pd.Series(np.nan, frame.index)
    shared = value if shares_values(credits) else frame["conversions"]
    sums = pd.DataFrame({"of": shared, "share": frame["share"]}).groupby(frame["model"]).sum()
    total = frame["model"].map(sums["of"] / sums["share"].where(sums["share"] != 0))
    confidence = credits.provenance.parameters.get("confidence", 0.95)
    width = 2 * ndtri((1 + float(str(confidence))) / 2)
    return pd.DataFrame(
        {
            "model": frame["model"],
            "channel": frame["channel"],
            "conversions": frame["conversions"],
            "value": value,
            "low": frame["conf_low"] * total,
            "high": frame["conf_high"] * total,
            "std_error": (frame["conf_high"] - frame["conf_low"]) * total / width,
        }
    ).reset_index(drop=True)


def shares_values(credits: Result, /) -> bool:  # noqa: A002 (what they are)
    """Tell whether the shares are of values rather than of conversions."""
    return credits.provenance.parameters.get("share_of") == "value"
