"""From who was held out of a channel, and who converted, to the counts of a holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.experiments.tables import check_columns
from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.journeys.ending import refuse_cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys


def holdout_arms(
    journeys: Journeys, assignments: pd.DataFrame, /, *, conversion: Sequence[str]
) -> pd.DataFrame:
    """Count customers and their conversions by arm, for `holdout_increments`.

    All who were assigned count, whether the channel reached them or not, and whether they ever did
    anything or not: whom chance held out is known, whom the channel would have reached is not. A
    customer who is in `assignments` and not in the journeys has no conversion. Customers of the
    journeys who were assigned to nothing are in no arm.

    Parameters
    ----------
    journeys : Journeys
        Whole customers. All their conversions count: hold the arms to one period before, with
        `Journeys.between`, where customers were assigned within it.
    assignments : pandas.DataFrame
        `customer_id channel held_out`: one row a customer and channel, such as
        ``study.assignments()``.
    conversion : sequence of str

    Returns
    -------
    pandas.DataFrame
        One row a channel: ``channel treated held_out treated_conversions held_out_conversions
        treated_squares held_out_squares``, the last two the sums over customers of squared
        conversions.

    Raises
    ------
    ArgumentError
        When the journeys are cut finer than customers.
    MappingError
        When a column is missing or a conversion does not occur.
    DataError
        When a customer stands twice in a channel, a customer or a channel is missing, `held_out` is
        neither true nor false, or nobody who was assigned is in the journeys.

    Examples
    --------
    >>> import pandas as pd
    >>> import pyarrow as pa
    >>> from journeykit.journeys import Journeys
    >>> two = Journeys(
    ...     names=("buy", "web"),
    ...     touchpoint=np.array([1, 0, 0, 1], dtype=np.uint8),
    ...     start=np.array([0, 3, 4]),
    ...     customer_id=pa.array(["a", "b"]),
    ... )
    >>> who = pd.DataFrame(
    ...     {"customer_id": ["a", "b", "c"], "channel": "mail", "held_out": [False, True, False]}
    ... )
    >>> holdout_arms(two, who, conversion=["buy"]).iloc[:, :4]
      channel  treated  held_out  treated_conversions
    0    mail        2         1                    2
    """
    import pandas as pd

    refuse_cut(journeys, "`holdout_arms`")
    check_columns("assignments", assignments, ("customer_id", "channel", "held_out"))
    check_known("conversion", conversion, journeys.names, what="touchpoints")
    assignments = assignments.assign(held_out=_held_out(assignments))
    twice = int(assignments.duplicated(["customer_id", "channel"]).sum())
    if twice:
        raise DataError(
            f"`assignments` must have a customer once in a channel; {twice:,} rows stand twice."
        )
    bought = np.isin(journeys.names, list(conversion))[journeys.touchpoint]
    owner = np.repeat(journeys.customer_index, journeys.length)
    n = np.bincount(owner[bought], minlength=len(journeys.customer_id))
    by_customer = pd.Series(n, index=journeys.customer_id.to_pylist())
    conversions = assignments["customer_id"].map(by_customer)
    if conversions.isna().all():
        raise DataError(
            "None of the customers in `assignments` is in the journeys, such as "
            f"{assignments['customer_id'].tolist()[:1]}; are they called otherwise there?"
        )
    counts = assignments.assign(n=conversions.fillna(0).astype(np.int64))
    counts["squares"] = counts["n"] ** 2
    rows = []
    for channel, part in counts.groupby("channel", sort=True, observed=True):
        row: dict[str, object] = {"channel": channel}
        arms = {"treated": part[~part["held_out"]], "held_out": part[part["held_out"]]}
        row |= {arm: len(some) for arm, some in arms.items()}
        row |= {f"{arm}_conversions": int(some["n"].sum()) for arm, some in arms.items()}
        row |= {f"{arm}_squares": int(some["squares"].sum()) for arm, some in arms.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _held_out(assignments: pd.DataFrame) -> NDArray[np.bool_]:
    """Return who is held out; a row that does not say so would be in no arm, so it is refused."""
    for name in ("customer_id", "channel"):
        n = int(assignments[name].isna().sum())
        if n:
            raise DataError(f"Column `{name}` of `assignments` misses a name in {n:,} rows.")
    column = assignments["held_out"]
    right = column.isin([True, False]).to_numpy(dtype=bool)
    if not right.all():
        raise DataError(
            "`held_out` of `assignments` must be true or false, or 1 or 0; "
            f"{int((~right).sum()):,} of {len(column):,} rows are not, such as "
            f"{column[~right].tolist()[0]!r}."
        )
    return np.asarray(column.to_numpy(dtype=object), dtype=np.bool_)
