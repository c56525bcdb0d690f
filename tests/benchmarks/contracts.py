"""Made-up contracts for the survival suites: one row a customer, and about five with what changes.

Whole days up to two years (many ties), the same with a fraction of a day (none), three ends, seven
columns of categories in three covariates, two numbers, and two covariates that change over time.
Beside them what the customers met: ten events each on average at five touchpoints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

DAYS, INTERVALS, SEED = 730, 5, 6
TOUCHES, TOUCHPOINTS = 10, 5
#: Times are whole microseconds, so that every tool sees the same.
DAY = 86_400_000_000


def contracts(n: int, folder: Path) -> Path:
    """Write ``contracts-n.parquet`` and ``contracts-n-rows.parquet``, both as CSV too, for R."""
    path = folder / f"contracts-{n}.parquet"
    if not path.exists():
        lives = _lives(n)
        for frame, target in ((_rows(lives), _beside(path)), (lives, path)):
            frame.to_csv(target.with_suffix(".csv"), index=False)
            frame.to_parquet(target)
    return path


def touches(n: int, folder: Path) -> Path:
    """Write ``contracts-n-touches.parquet`` beside the contracts, as CSV too, for R."""
    path = contracts(n, folder)
    target = path.with_name(f"{path.stem}-touches.parquet")
    if not target.exists():
        lives = pd.read_parquet(path, columns=["exact"])
        random = np.random.default_rng(SEED + 2)
        who = np.sort(random.integers(0, n, n * TOUCHES))
        time = np.floor(random.random(len(who)) * lives["exact"].to_numpy()[who] * DAY)
        frame = pd.DataFrame(
            {
                "customer": who,
                "time": time.astype(np.int64),
                "touchpoint": random.integers(0, TOUCHPOINTS, len(who)),
            }
        )
        frame = frame[frame["time"] > 0].sort_values(["customer", "time"], ignore_index=True)
        frame.assign(time=frame["time"] / DAY).to_csv(target.with_suffix(".csv"), index=False)
        frame.to_parquet(target)
    return path


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-rows.parquet")


def _lives(n: int) -> pd.DataFrame:
    random = np.random.default_rng(SEED)
    plan, channel, region = (random.integers(0, m, n) for m in (3, 4, 3))
    age, spend = random.normal(45, 12, n), random.gamma(2.0, 20.0, n)
    score = 0.3 * plan - 0.2 * (channel == 2) + 0.01 * (age - 45) - 0.005 * (spend - 40)
    left = random.exponential(900 * np.exp(-score))
    seen = random.uniform(30, DAYS, n)
    exact = np.minimum(left, seen) + 0.001
    return pd.DataFrame(
        {
            "customer": np.arange(n),
            "time": np.ceil(exact),
            "exact": exact,
            "status": (left <= seen).astype(np.int64),
            "cause": np.where(left <= seen, random.integers(1, 4, n), 0),
            "plan": np.array(["basic", "family", "premium"])[plan],
            "channel": np.array(["mail", "phone", "shop", "web"])[channel],
            "region": np.array(["north", "south", "west"])[region],
            "age": age,
            "spend": spend,
        }
    )


def _rows(lives: pd.DataFrame) -> pd.DataFrame:
    """Cut every contract at whole days into up to five intervals, with what is known in each."""
    random = np.random.default_rng(SEED + 1)
    n = len(lives)
    cuts = np.floor(random.random((n, INTERVALS - 1)) * lives["time"].to_numpy()[:, None])
    edge = np.sort(np.column_stack([np.zeros(n), cuts, lives["time"]]), axis=1)
    start, stop = edge[:, :-1].ravel(), edge[:, 1:].ravel()
    who, place = np.divmod(np.arange(n * INTERVALS), INTERVALS)
    kept = start < stop
    rows = lives.drop(columns=["time", "exact", "status", "cause"]).iloc[who].reset_index(drop=True)
    rows["start"], rows["stop"] = start, stop
    last = stop == lives["time"].to_numpy()[who]
    rows["status"] = np.where(last, lives["status"].to_numpy()[who], 0)
    rows["called"] = (random.integers(1, 12, n)[who] <= place).astype(np.int64)
    rows["orders"] = np.cumsum(random.poisson(0.4, (n, INTERVALS)), axis=1).ravel()
    return rows[kept]
