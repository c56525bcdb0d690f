"""Purchase histories that were counted elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_known, check_positive
from journeykit.errors import ArgumentError, DataError
from journeykit.results import Provenance
from journeykit.survival.buying.histories import PurchaseHistories

if TYPE_CHECKING:
    from numpy.typing import NDArray


def purchase_histories_from_frame(
    frame: pd.DataFrame,
    /,
    *,
    customer_id: str | None = None,
    frequency: str = "frequency",
    recency: str = "recency_days",
    observed: str = "observed_days",
    mean_value: str | None = None,
    holdout_frequency: str | None = None,
    holdout_days: float | None = None,
) -> PurchaseHistories:
    """Take purchase histories from a table that was counted elsewhere.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a customer who bought at least once.
    customer_id : str, optional
        Column of identifiers, each once; by default customers are numbered from 0.
    frequency : str
        Column of repeat purchases, whole numbers of at least 0: the first one does not count.
    recency, observed : str
        Columns of days from the first purchase to the last, and to the end of watching. Recency
        is 0 where there is no repeat, above 0 where there is one, and at most `observed`.
    mean_value : str, optional
        Column of the mean value of the repeat purchases; it is not read where there is none.
    holdout_frequency : str, optional
        Column of purchases in the `holdout_days` after the end of watching.
    holdout_days : float, optional

    Raises
    ------
    MappingError, DataError, ArgumentError
        A column does not exist or holds something else, or one of the last two parameters comes
        without the other.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"frequency": [0, 2], "recency_days": [0, 30], "observed_days": [90, 60]}
    ... )
    >>> purchase_histories_from_frame(table).summary()
    '2 customers bought, 1 of them again (50.0%), 2 repeat purchases'
    """
    if (holdout_frequency is None) != (holdout_days is None):
        raise ArgumentError(
            "`holdout_frequency` and `holdout_days` belong together; got "
            f"{holdout_frequency!r} and {holdout_days!r}."
        )
    named = [customer_id, frequency, recency, observed, mean_value, holdout_frequency]
    given = [name for name in named if name is not None]
    check_known("frame", given, list(map(str, frame.columns)), what="columns")
    if frame.empty:
        raise DataError("The frame has no rows: there is no customer.")
    frame = frame.reset_index(drop=True)
    x, last, end = (_numbers(frame, name) for name in (frequency, recency, observed))
    _refuse(frame, x != np.rint(x), f"Column {frequency!r} must hold whole numbers")
    wrong = (last > end) | ((x > 0) != (last > 0))
    _refuse(
        frame,
        wrong,
        f"Column {recency!r} must be 0 where there is no repeat purchase, above 0 where there is "
        f"one, and at most {observed!r}",
    )
    ids = np.arange(len(frame)) if customer_id is None else frame[customer_id].to_numpy()
    _refuse(frame, pd.Series(ids).duplicated().to_numpy(), "Every customer must have one row")
    own: dict[str, object] = {
        "customer_id": ids,
        "frequency": x.astype(np.int64),
        "recency_days": last,
        "observed_days": end,
    }
    if mean_value is not None:
        own["mean_value"] = _means(frame, mean_value, x > 0)
    if holdout_frequency is not None and holdout_days is not None:
        check_positive("holdout_days", holdout_days)
        own["holdout_frequency"] = _numbers(frame, holdout_frequency).astype(np.int64)
        own["holdout_days"] = np.full(len(frame), float(holdout_days))
    table = pd.DataFrame(own).assign(edge=False)
    hashed = pd.util.hash_pandas_object(table.drop(columns="customer_id"), index=False)
    number = sum(hashed.to_numpy().astype(object).tolist()) % (1 << 128)
    return PurchaseHistories(
        frame=table, provenance=Provenance(f"{number:032x}", {"columns": tuple(given)})
    )


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    try:
        values: NDArray[np.float64] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"Column {name!r} must hold numbers; got {frame[name].dtype}.") from None
    wrong = ~(np.isfinite(values) & (values >= 0))
    _refuse(frame, wrong, f"Column {name!r} must hold numbers of at least 0")
    return values


def _means(frame: pd.DataFrame, name: str, repeated: NDArray[np.bool_]) -> NDArray[np.float64]:
    wanted = frame[name].where(repeated, 0.0)
    means = _numbers(pd.DataFrame({name: wanted}), name)
    return np.where(repeated, means, np.nan)


def _refuse(frame: pd.DataFrame, wrong: NDArray[np.bool_], must: str) -> None:
    if wrong.any():
        raise DataError(
            f"{must}; {int(wrong.sum()):,} of {len(frame):,} rows do not, such as row "
            f"{int(np.flatnonzero(wrong)[0]):,}. Mend them or leave them out."
        )
