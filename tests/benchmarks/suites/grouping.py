"""Distances between 5,000 journeys of ten events each: optimal matching, constant costs."""

from __future__ import annotations

from collections.abc import Callable

from suites.registry import task

JOURNEYS = 5_000
EVENTS = 10


def _first_events(path: str) -> list[list[str]]:
    import pandas as pd

    frame = pd.read_parquet(path).sort_values(["customer", "time", "touchpoint"])
    place = frame.groupby("customer").cumcount()
    size = frame.groupby("customer")["touchpoint"].transform("size")
    kept = frame[(size >= EVENTS) & (place < EVENTS)].head(JOURNEYS * EVENTS)
    return kept["touchpoint"].to_numpy().reshape(-1, EVENTS).tolist()


@task
def distances_journeykit(path: str) -> Callable[[], object]:
    import numpy as np
    import pandas as pd

    import journeykit as jk

    rows = _first_events(path)
    frame = pd.DataFrame(
        {
            "customer": np.repeat(np.arange(len(rows)), EVENTS),
            "time": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(np.arange(len(rows) * EVENTS), unit="s"),
            "touchpoint": np.array(rows).ravel(),
        }
    )
    journeys = jk.journeys(
        jk.read_events(frame, customer="customer", time="time", touchpoint="touchpoint")
    )
    distances = jk.paths.distances
    distances(journeys.sample(10, seed=0), substitution="constant")
    return lambda: round(float(distances(journeys, substitution="constant").matrix.sum()) / 2)


@task
def distances_sequenzo(path: str) -> Callable[[], object]:
    import contextlib
    import io

    import pandas as pd
    from sequenzo import SequenceData, get_distance_matrix

    rows = _first_events(path)
    places = [f"{place}" for place in range(1, EVENTS + 1)]
    states = sorted({state for row in rows for state in row})
    frame = pd.DataFrame(rows, columns=places).assign(id=range(len(rows)))
    with contextlib.redirect_stdout(io.StringIO()):
        data = SequenceData(frame, time=places, states=states, id_col="id")

    def work() -> object:
        with contextlib.redirect_stdout(io.StringIO()):
            table = get_distance_matrix(data, method="OM", sm="CONSTANT", indel=1)
        return round(float(table.to_numpy().sum()) / 2)

    return work
