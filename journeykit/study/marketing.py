"""What channels cost, and who was held out of them by chance: the tables beside the events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeykit.errors import DataError, StudyError
from journeykit.study.companions import read_tables
from journeykit.study.reading import whole_key

if TYPE_CHECKING:
    import pandas as pd

    from journeykit.study.study import Study


def read_spend(study: Study, /) -> pd.DataFrame:
    """Add up the cost of each channel; see `Study.spend`."""
    spend = study.model.spend
    if spend is None:
        raise StudyError(f"{study.path}: `spend` is missing; say which table has the costs.")
    wanted = [spend.channel, spend.cost, *([spend.day] if spend.day else [])]
    table = read_tables(study, "spend", spend.source, wanted, text=[spend.channel])
    table["cost"] = _numbers(study, table, spend.cost)
    if spend.day is not None:
        table = table[_in_window(study, table, spend.day)]
    costs = table.groupby(table[spend.channel].astype(str))["cost"].sum()
    return costs.rename_axis("channel").reset_index()


def read_assignments(study: Study, /) -> pd.DataFrame:
    """Read who was held out of what; see `Study.assignments`."""
    import pandas as pd
    import pyarrow as pa

    given = study.model.experiments
    if given is None:
        raise StudyError(
            f"{study.path}: `experiments` is missing; say which table has who was held out."
        )
    wanted = [*given.customer, given.channel, given.arm]
    table = read_tables(study, "experiments", given.source, wanted, text=wanted)
    found = pd.DataFrame(
        {
            "customer_id": whole_key(pa.table(dict(table.items())), given.customer)
            .cast(pa.string())
            .to_numpy(),
            "channel": table[given.channel].astype(str),
            "held_out": table[given.arm].astype(str) == given.held_out,
        }
    ).drop_duplicates(ignore_index=True)
    twice = int(found.duplicated(["customer_id", "channel"]).sum())
    if twice:
        raise DataError(
            f"{study.path}: `experiments` must give a customer one arm in a channel; "
            f"{twice:,} customers and channels have two."
        )
    if not found["held_out"].any():
        arms = ", ".join(sorted(table[given.arm].astype(str).unique())[:5])
        raise DataError(
            f"{study.path}: `experiments.held_out` is {given.held_out!r}, and nobody is in that "
            f"arm; column {given.arm!r} says {arms}."
        )
    return found


def _numbers(study: Study, table: pd.DataFrame, column: str) -> pd.Series[float]:
    import pandas as pd

    numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
    # NaN is not at least 0 either.
    wrong = ~(numbers >= 0)
    if wrong.any():
        raise DataError(
            f"{study.path}: `spend.cost` must be numbers of at least 0; {int(wrong.sum()):,} of "
            f"{len(table):,} rows are not, such as {table.loc[wrong, column].tolist()[0]!r}."
        )
    return numbers


def _in_window(study: Study, table: pd.DataFrame, column: str) -> pd.Series[bool]:
    """Say which days lie in the window, by the calendar of the study."""
    import pandas as pd

    try:
        day = pd.to_datetime(table[column], format="ISO8601")
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{study.path}: `spend.day` must be dates such as 2026-01-31; column {column!r} has "
            f"others, such as {table[column].tolist()[0]!r}."
        ) from error
    day = day.dt.strftime("%Y-%m-%d")
    if study.window is None:
        return day.notna()
    begin, end = (moment.isoformat() for moment in study.window)
    # A window may end within a day: that day has begun, and counts.
    return (day >= begin[:10]) & (day < end)
