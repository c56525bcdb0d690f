"""Groups two by two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.stats.multiplicity import benjamini_hochberg, holm
from journeykit.survival.curves.weights import chi_squared, comparison

if TYPE_CHECKING:
    from journeykit.survival.curves.weights import Stratified, Weighting


def pairs_of(groups: Sequence[str], reference: str | None, /) -> list[tuple[str, str]]:
    """Pair every group with the reference, or with each group before it."""
    if reference is not None:
        return [(group, reference) for group in groups if group != reference]
    return [(later, first) for at, first in enumerate(groups) for later in groups[at + 1 :]]


def tested_pairs(data: Stratified, weighting: Weighting, reference: str | None) -> pd.DataFrame:
    """Return a row of `PairwiseLogRank` for each pair."""
    if reference is not None:
        check_known("reference", [reference], data.groups, what="groups")
    place = {group: at for at, group in enumerate(data.groups)}
    records = []
    for group, other in pairs_of(data.groups, reference):
        two = [place[group], place[other]]
        found = comparison([[stratum[at] for at in two] for stratum in data.tables], weighting)
        test = chi_squared(found)
        told = test.degrees_of_freedom > 0
        records.append(
            {
                "group": group,
                "reference": other,
                "n": int(data.customers[two[0]]),
                "n_reference": int(data.customers[two[1]]),
                "n_event": int(found.n_event[0]),
                "observed": found.observed[0],
                "expected": found.expected[0],
                "statistic": test.statistic if told else np.nan,
                "p_value": test.p_value if told else np.nan,
            }
        )
    frame = pd.DataFrame.from_records(records)
    return frame.assign(p_holm=holm(frame["p_value"]), q_value=benjamini_hochberg(frame["p_value"]))
