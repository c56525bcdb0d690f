"""What the customers of a group do otherwise than all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.counts.transitions import ENTRY, EXIT
from journeykit.paths.kinds.mixtures import step_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.paths.kinds.sequences import Observed

#: A step that fewer customers of a group made does not characterise it.
_LEAST_CUSTOMERS = 10
_TOLD = 3


def profile(
    observed: Observed, label: NDArray[np.int64], names: NDArray[np.object_]
) -> pd.DataFrame:
    """Return P(target | source) by group, and in all other groups together.

    Columns ``group source target n n_customers estimate rest``; only steps both of whose ends were
    seen, one row for each cell that anybody made and each group that was at its source.
    """
    table = step_table(observed)
    cells, groups = len(table.source), len(names)
    place = np.repeat(label, np.diff(table.start)) * cells + table.cell
    n = np.bincount(place, weights=table.count, minlength=groups * cells).reshape(groups, cells)
    customers = np.bincount(place, minlength=groups * cells).reshape(groups, cells)
    first = table.first_of_source
    length = np.diff(np.concatenate([first, [cells]]))
    total = np.repeat(np.add.reduceat(n, first, axis=1), length, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = n / total
        rest = (n.sum(axis=0) - n) / (total.sum(axis=0) - total)
    touchpoints = np.array([*observed.sequences.names, ENTRY], dtype=object)
    targets = np.array([*observed.sequences.names, EXIT], dtype=object)
    frame = pd.DataFrame(
        {
            "group": np.repeat(names, cells),
            "source": np.tile(touchpoints[table.source], groups),
            "target": np.tile(targets[table.target], groups),
            "n": n.ravel().astype(np.int64),
            "n_customers": customers.ravel(),
            "estimate": estimate.ravel(),
            "rest": rest.ravel(),
        }
    )
    return frame[total.ravel() > 0].reset_index(drop=True)


def told(profiles: pd.DataFrame, names: NDArray[np.object_]) -> list[str]:
    """Say in words which steps tell each group from the others most.

    Steps are ranked by n log(estimate / rest): what they add to the evidence that a journey is of
    this group. Groups were made from these very steps, so no p-value belongs to them.
    """
    enough = profiles[
        (profiles["n_customers"] >= _LEAST_CUSTOMERS) & (profiles["estimate"] > profiles["rest"])
    ]
    with np.errstate(divide="ignore"):
        ratio = np.log(enough["estimate"] / np.maximum(enough["rest"], 1e-3))
    ranked = enough.assign(evidence=enough["n"] * ratio).sort_values(
        ["evidence", "source", "target"], ascending=[False, True, True]
    )
    sentences = []
    for name in names:
        top = ranked[ranked["group"] == name].head(_TOLD)
        sentences.append(
            "; ".join(
                f"{source} > {target}: {own:.0%}, others {rest:.0%}"
                for source, target, own, rest in zip(
                    top["source"], top["target"], top["estimate"], top["rest"], strict=True
                )
            )
        )
    return sentences
