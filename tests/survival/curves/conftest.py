"""Values computed with R, and the data they were computed on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Table = Callable[[str], pd.DataFrame]


@pytest.fixture
def expected(shared: Path) -> Table:
    """``quantity at value rtol`` of one oracle."""

    def of(oracle: str) -> pd.DataFrame:
        table = pd.read_csv(
            shared / "oracles/survival/expected.csv", dtype={"at": str}, keep_default_na=False
        )
        found = table[table["oracle"] == oracle].copy()
        assert len(found), f"no rows of {oracle}"
        found["value"] = pd.to_numeric(found["value"], errors="coerce")
        return found

    return of


@pytest.fixture
def inputs(shared: Path) -> Table:
    """Data the values were computed on."""
    return lambda name: pd.read_csv(shared / "oracles/survival/inputs" / f"{name}.csv")
