"""Made-up journeys to a purchase for the attribution suites: one a customer, twelve channels.

Of a million journeys some 250,000 paths are distinct; 4 % of the journeys convert. They lie in two
files that hold the same: the log of events, and one row a path as attribution tools take it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

CHANNELS = tuple(f"channel {number:02}" for number in range(12))
CONVERSION = "purchase"
#: Touches a journey at most and on average, before the cut; every fifth repeats the one before.
MOST, MEAN, REPEATED = 30, 3.9, 0.2
SEED, LOOKBACK_DAYS = 7, 30
DAY = 86_400_000_000
#: Journeys begin in the middle of it, so that each was seen from its beginning to its end.
WINDOW = ("2025-01-01", "2026-01-01")


def campaigns(n: int, folder: Path) -> Path:
    """Write ``campaigns-n.parquet``, the events, and ``campaigns-n-paths.parquet``."""
    path = folder / f"campaigns-{n}.parquet"
    if not path.exists():
        random = np.random.default_rng(SEED)
        length = np.minimum(random.geometric(1 / MEAN, n), MOST)
        start = np.concatenate([[0], np.cumsum(length)])
        touch = _touches(random, start)
        won = _won(random, touch, start)
        value = np.where(won, np.round(random.lognormal(4, 0.7, n), 2), 0.0)
        _paths(touch, start, won, value).to_parquet(_beside(path))
        _events(random, touch, start, won).to_parquet(path)
    return path


def paths_of(path: str | Path) -> pd.DataFrame:
    """Read the aggregated paths: `path`, `conversions`, `nulls` and `value`."""
    return pd.read_parquet(_beside(Path(path)))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-paths.parquet")


def _touches(random: np.random.Generator, start: np.ndarray) -> np.ndarray:
    """Draw the channels, large ones first; some touches repeat what came before them."""
    weight = 1 / np.arange(1, len(CHANNELS) + 1)
    drawn = random.choice(len(CHANNELS), start[-1], p=weight / weight.sum())
    fresh = random.random(start[-1]) >= REPEATED
    fresh[start[:-1]] = True
    return drawn[np.maximum.accumulate(np.where(fresh, np.arange(start[-1]), 0))]


def _won(random: np.random.Generator, touch: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Let who met more, and other, channels convert more often."""
    pull = np.linspace(0.5, -0.3, len(CHANNELS))
    pull = pull[np.random.default_rng(SEED + 1).permutation(len(CHANNELS))]
    score = np.add.reduceat(pull[touch], start[:-1]) + pull[touch[start[1:] - 1]]
    return random.random(len(score)) < 1 / (1 + np.exp(3.55 - 0.6 * score))


def _paths(
    touch: np.ndarray, start: np.ndarray, won: np.ndarray, value: np.ndarray
) -> pd.DataFrame:
    """Write each path out and add equal ones up."""
    names = pa.array(CHANNELS).take(pa.array(touch))
    written = pc.binary_join(pa.ListArray.from_arrays(pa.array(start, pa.int32()), names), " > ")
    frame = pd.DataFrame({"path": written.to_pandas(), "conversions": won, "nulls": ~won})
    return frame.assign(value=value).groupby("path", as_index=False).sum()


def _events(
    random: np.random.Generator, touch: np.ndarray, start: np.ndarray, won: np.ndarray
) -> pd.DataFrame:
    """Give every touch a time, about a day apart, and every purchase one after the last touch."""
    pause = np.minimum(random.exponential(1.0, len(touch)), LOOKBACK_DAYS - 1)
    pause[start[:-1]] = random.uniform(60, 240, len(won))
    passed = np.concatenate([[0], np.cumsum(np.ceil(pause * DAY).astype(np.int64))])
    customer = np.repeat(np.arange(len(won)), np.diff(start))
    time = passed[1:] - passed[start[:-1]][customer]
    bought = np.flatnonzero(won)
    at = time[start[1:] - 1][bought] + np.ceil(random.exponential(0.2, len(bought)) * DAY).astype(
        np.int64
    )
    frame = pd.DataFrame(
        {
            "customer": np.concatenate([customer, bought]),
            "time": np.concatenate([time, at]),
            "touchpoint": np.array([*CHANNELS, CONVERSION])[
                np.concatenate([touch, np.full(len(bought), len(CHANNELS))])
            ],
        }
    ).sort_values(["customer", "time"], ignore_index=True)
    return frame.assign(time=pd.Timestamp(WINDOW[0]) + pd.to_timedelta(frame["time"], unit="us"))
