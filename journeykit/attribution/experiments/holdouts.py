"""From the counts of randomised holdouts to what each channel adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from journeykit.attribution.experiments.tables import check_columns, numbers, one_row_each
from journeykit.checks import check_fraction
from journeykit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

ARMS = ("treated", "held_out")
COUNTS = ("treated", "held_out", "treated_conversions", "held_out_conversions")


def holdout_increments(table: pd.DataFrame, /, *, confidence: float = 0.95) -> pd.DataFrame:
    """Estimate what each channel adds from randomised holdouts.

    With m_t and m_h the conversions a customer in the two arms, the increment is (m_t - m_h) times
    the customers it is for: the conversions that would be lost without the channel, those included
    that it brings through other channels. Its standard error is that of m_t - m_h, customers
    independent, times the same number. The errors of channels that share one held-out group go
    together, which the result does not say. A customer who converts at most once gives an arm of n
    customers the variance m (1 - m) / (n - 1) of its mean; one who may convert several times
    (sum of squares / n - m^2) / (n - 1).

    Parameters
    ----------
    table : pandas.DataFrame
        One row a channel, assigned by chance to customers: `channel`; `treated` and `held_out`,
        customers, at least 2 each, whether a touch reached them or not;
        `treated_conversions` and `held_out_conversions`. Where wanted also

        - `treated_squares`, `held_out_squares`: sums over customers of squared conversions; needed
          where a customer may convert several times
        - `difference_std_error`: of m_t - m_h, in conversions a customer, in the place of the
          above, as from an analysis with covariates or clusters
        - `customers`: the number that the increment is for, at least `treated`; `treated` without
          it. For a test on some of the customers of whom the tested are a random sample.

    confidence : float in (0, 1)

    Returns
    -------
    pandas.DataFrame
        `channel`, `increment`, `std_error`, `conf_low`, `conf_high`, in conversions; the interval
        is the normal one. The experiments that `compare` and `calibrate` take.

    Raises
    ------
    DataError
        When a count is impossible, a channel has two rows, or an arm does not vary (all or none
        convert), so that the error is not known.
    MappingError
        When a column is missing.

    References
    ----------
    Gordon, Zettelmeyer, Bhargava, Chapsky (2019), A comparison of approaches to advertising
    measurement, Marketing Science 38.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {
    ...         "channel": ["mail"],
    ...         "treated": [9000],
    ...         "held_out": [1000],
    ...         "treated_conversions": [360],
    ...         "held_out_conversions": [30],
    ...     }
    ... )
    >>> holdout_increments(table).round(1)
      channel  increment  std_error  conf_low  conf_high
    0    mail       90.0       52.0     -11.9      191.9
    """
    import pandas as pd

    check_fraction("confidence", confidence)
    check_columns("table", table, ("channel", *COUNTS))
    channels = one_row_each("table", table)
    n = [numbers("table", table, arm, least=2, whole=True) for arm in ARMS]
    total = [numbers("table", table, f"{arm}_conversions", least=0, whole=True) for arm in ARMS]
    means = [sums / size for sums, size in zip(total, n, strict=True)]
    scale = n[0]
    if "customers" in table.columns:
        scale = numbers("table", table, "customers", least=2, whole=True)
        _refuse(table, scale < n[0], "`customers` must be at least `treated`")
    if "difference_std_error" in table.columns:
        error = numbers("table", table, "difference_std_error", above=0)
    else:
        error = np.sqrt(sum(_variances(table, n, total)))
    increment, error = (means[0] - means[1]) * scale, error * scale
    half = float(ndtri((1 + confidence) / 2)) * error
    return pd.DataFrame(
        {
            "channel": list(channels),
            "increment": increment,
            "std_error": error,
            "conf_low": increment - half,
            "conf_high": increment + half,
        }
    )


def _variances(
    table: pd.DataFrame, n: list[NDArray[np.float64]], total: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return the variances of the means of the two arms."""
    variances = []
    several = [f"{arm}_squares" in table.columns for arm in ARMS]
    if any(several) and not all(several):
        check_columns("table", table, [f"{arm}_squares" for arm in ARMS])
    for arm, size, sums in zip(ARMS, n, total, strict=True):
        squares = sums
        if all(several):
            squares = numbers("table", table, f"{arm}_squares", least=0, whole=True)
            _refuse(table, squares < sums, f"`{arm}_squares` must be at least the conversions")
            few = squares * size < sums**2
            _refuse(table, few, f"`{arm}_squares` must be at least conversions^2 / customers")
        else:
            _refuse(
                table,
                sums > size,
                f"`{arm}_conversions` must be at most the customers, unless `treated_squares` and "
                "`held_out_squares` say how often customers convert",
            )
        spread = squares / size - (sums / size) ** 2
        _refuse(
            table,
            squares * size == sums**2,
            f"Conversions must vary among the customers in `{arm}`, or the error is not known; "
            "give it as `difference_std_error`, or test longer",
        )
        variances.append(spread / (size - 1))
    return variances


def _refuse(table: pd.DataFrame, wrong: NDArray[np.bool_], must: str) -> None:
    if wrong.any():
        named = ", ".join(repr(channel) for channel in table["channel"][wrong])
        raise DataError(f"{must}; not so for {named}.")
