"""Attribution by rule: the first touch, the last one, or all alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from journeykit.attribution.credit import Credits, frame_of, population, share
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.results import Provenance
from journeykit.stats.intervals import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys

MODELS = ("first", "last", "linear")


def rules(
    data: Journeys | PathCounts,
    /,
    *,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Credits:
    """Credit conversions to the first touch, to the last touch, and to all touches alike.

    A conversion and its value go to the channel of the first touch of its journey (``first``), of
    the last (``last``), or in equal parts to all its touches, a channel met twice counting twice
    (``linear``). The conversion itself is no touch. Conversions before which no touch was seen
    make up the row ``(no touch)``.

    ``last`` and ``linear`` distribute all conversions. ``first`` distributes those whose first
    touch was seen: journeys that may have begun before the window (`edge`) are left out of it, and
    counted in `population`. Open journeys are left out, and counted.

    Parameters
    ----------
    data : Journeys or PathCounts
        From `Journeys.outcomes`, touchpoints grouped into channels beforehand with `relabel`, and
        activity that is no marketing touch taken out with `only` (it would keep journeys open); or
        path counts, where edges are not known and every journey is taken as a customer.
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    Credits
        Three models, one row a channel each. Intervals are percentiles over samples of customers,
        each weighing Poisson(1); samples without a conversion tell nothing and are left out. An
        interval on a share is not an interval on an effect.

    Raises
    ------
    ArgumentError
        When `data` is not made of outcomes.
    DataError
        When no finished journey converts.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [2, 1], "none": [3, 9]})
    >>> credits = rules(path_counts_from_frame(table, conversions="buys", nulls="none"))
    >>> credits.frame[["model", "channel", "conversions"]]
        model channel  conversions
    0   first    mail          0.0
    1   first     web          3.0
    2    last    mail          2.0
    3    last     web          1.0
    4  linear    mail          1.0
    5  linear     web          2.0
    """
    import pandas as pd

    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = touch_paths(data)
    tables = _credit_tables(paths)
    width = len(paths.channels) + 1

    def shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        by_model = sums.reshape(len(sums), len(MODELS), width)
        return share(by_model).reshape(sums.shape)

    draws = replicated(
        paths, sparse.hstack(tables, format="csr"), shares, replicates=replicates, seed=seed
    )
    low, high = percentile_interval(draws, confidence=confidence)
    frames = [
        frame_of(
            paths,
            model,
            conversions=paths.n @ table,
            # A row's value is that of all its journeys, the table's credit that of one.
            value=paths.value @ table,
            interval=Interval(low[at : at + width], high[at : at + width]),
        )
        for model, table, at in zip(
            MODELS, tables, range(0, len(MODELS) * width, width), strict=True
        )
    ]
    return Credits(
        frame=pd.concat(frames, ignore_index=True),
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}",
            parameters={
                "replicates": replicates,
                "confidence": confidence,
            },
            seed=seed,
        ),
        population=population(paths),
    )


def _credit_tables(paths: TouchPaths) -> list[sparse.csr_array]:
    """Return what one conversion of each row credits, by model; each of shape (n_rows, m + 1)."""
    length, m = paths.length, len(paths.channels)
    touched = paths.converted & (length > 0)
    untouched = np.flatnonzero(paths.converted & (length == 0))
    seen, row = np.flatnonzero(touched), np.repeat(np.arange(len(length)), length)
    counted = touched[row]
    touches_of = {
        "first": (seen, paths.touch[paths.start[seen]]),
        "last": (seen, paths.touch[paths.start[seen + 1] - 1]),
        "linear": (row[counted], paths.touch[counted]),
    }
    tables = []
    for model in MODELS:
        rows, channel = touches_of[model]
        part = 1.0 / length[rows] if model == "linear" else np.ones(len(rows))
        rows = np.append(rows, untouched)
        channel = np.append(channel, np.full(len(untouched), m))
        part = np.append(part, np.ones(len(untouched)))
        if model == "first":
            part = part * ~paths.edge[rows]
        tables.append(sparse.csr_array((part, (rows, channel)), shape=(len(length), m + 1)))
    return tables
