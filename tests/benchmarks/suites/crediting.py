"""Attribution from a table of paths, as all these tools take it, and from journeys.

The table is in memory, in the form the tool wants, when the clock starts; it stops at the credits.
Ours always hold intervals: by 200 bootstrap samples of the journeys where nothing else is said, by
the infinitesimal jackknife above order 1. No peer makes any. Checked is one number that weighs
every channel's credit by another weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from suites.campaigns import CONVERSION, LOOKBACK_DAYS, WINDOW, paths_of
from suites.registry import task

#: Rules that all the tools have.
COMMON = ("first", "last", "linear")
#: All of ours that do not need times.
EVERY = (
    *COMMON,
    "linear_unique",
    "position_u",
    "position_w",
    "position_j",
    "position_inverse_j",
    "touch_decay",
)


def _mark(credited: Mapping[str, float]) -> float:
    """Sum credits up with weights 1, 2, 3 by the names of the channels."""
    return sum(
        place * float(credit) for place, (_, credit) in enumerate(sorted(credited.items()), start=1)
    )


def _share_mark(credited: Mapping[str, float]) -> float:
    return 1e6 * _mark(credited) / sum(credited.values())


def _by_channel(frame: Any, column: str = "conversions") -> dict[str, float]:
    return dict(zip(frame["channel"], frame[column], strict=True))


# --- ours --------------------------------------------------------------------------------------


def _counts(frame: Any) -> Any:
    from journeykit.counts import path_counts_from_frame

    return path_counts_from_frame(frame, conversions="conversions", nulls="nulls", value="value")


def _ours(path: str, credit: Callable[[Any], Any], *, read: bool = True) -> Callable[[], object]:
    """From the table, or from the path counts read off it, to one model's credits."""
    frame = paths_of(path)
    credit(_counts(frame.head(2_000)))
    counts = None if read else _counts(frame)
    return lambda: _share_mark(
        _by_channel(credit(_counts(frame) if counts is None else counts).frame)
    )


def _markov_ours(order: int, *, read: bool = True, **options: int) -> Any:
    def made(path: str) -> Callable[[], object]:
        from journeykit.attribution import markov

        return _ours(path, lambda data: markov(data, order=order, **options), read=read)

    return made


def _named(name: str, made: Any) -> None:
    made.__name__ = name
    task(made)


for _order in (1, 2, 3):
    _named(f"markov{_order}_journeykit", _markov_ours(_order))
    _named(f"counted{_order}_journeykit", _markov_ours(_order, read=False))
#: All but the bootstrap: two samples are the fewest.
_named("closed_journeykit", _markov_ours(1, read=False, replicates=2))
_named("bootstrap_journeykit", _markov_ours(1, read=False, replicates=1_000))


def _journeys(path: str) -> Any:
    import journeykit as jk

    log = jk.read_events(path, customer="customer", time="time", touchpoint="touchpoint")
    journeys = jk.journeys(log, window=WINDOW)
    _ = journeys.fingerprint
    return journeys


def _cut(journeys: Any) -> Any:
    return journeys.outcomes(conversion=[CONVERSION], lookback_days=LOOKBACK_DAYS)


def _from_journeys(path: str, replicates: int) -> Callable[[], object]:
    from journeykit.attribution import markov

    journeys = _journeys(path)
    markov(_cut(journeys.sample(500, seed=0)))
    journeys = _cut(journeys)
    return lambda: _share_mark(_by_channel(markov(journeys, replicates=replicates).frame))


@task
def customers_journeykit(path: str) -> Callable[[], object]:
    """Order 1 from outcome journeys: customers are resampled, not paths."""
    return _from_journeys(path, 200)


@task
def customersbootstrap_journeykit(path: str) -> Callable[[], object]:
    return _from_journeys(path, 1_000)


def _rules_ours(path: str, models: tuple[str, ...]) -> Callable[[], object]:
    from journeykit.attribution import rules

    frame = paths_of(path)
    options = {"half_life_touches": 2} if "touch_decay" in models else {}

    def work(table: Any = frame) -> object:
        frame = rules(_counts(table), models=models, **options).frame
        return sum(_mark(_by_channel(part)) for _, part in frame.groupby("model"))

    work(frame.head(2_000))
    return work


@task
def rules_journeykit(path: str) -> Callable[[], object]:
    return _rules_ours(path, COMMON)


@task
def everyrule_journeykit(path: str) -> Callable[[], object]:
    return _rules_ours(path, EVERY)


def _shapley_ours(path: str, value: str) -> Callable[[], object]:
    from journeykit.attribution import shapley

    return _ours(path, lambda data: shapley(data, game=value))


@task
def volume_journeykit(path: str) -> Callable[[], object]:
    return _shapley_ours(path, "volume")


@task
def rate_journeykit(path: str) -> Callable[[], object]:
    return _shapley_ours(path, "rate")


@task
def hazard_journeykit(path: str) -> Callable[[], object]:
    """From whole journeys; it needs the time at risk, which no table of paths has."""
    from journeykit.attribution import hazard

    journeys = _journeys(path)
    hazard(journeys.sample(20_000, seed=0), conversion=[CONVERSION])
    return lambda: _mark(_by_channel(hazard(journeys, conversion=[CONVERSION]).frame))


# --- ChannelAttribution ------------------------------------------------------------------------


def _channelattribution(order: int) -> Any:
    def made(path: str) -> Callable[[], object]:
        from ChannelAttribution import markov_model

        frame = paths_of(path)

        def work() -> object:
            found = markov_model(
                frame,
                "path",
                "conversions",
                var_value="value",
                var_null="nulls",
                order=order,
                verbose=False,
                flg_pro=False,
            )
            found = found["result"] if isinstance(found, dict) else found
            return _share_mark(
                dict(zip(found["channel_name"], found["total_conversions"], strict=True))
            )

        return work

    return made


for _order in (1, 2, 3):
    _named(f"markov{_order}_channelattribution", _channelattribution(_order))


@task
def rules_channelattribution(path: str) -> Callable[[], object]:
    from ChannelAttribution import heuristic_models

    frame = paths_of(path)

    def work() -> object:
        found = heuristic_models(frame, "path", "conversions", var_value="value", flg_pro=False)
        found = found.set_index("channel_name")
        return sum(_mark(found[f"{rule}_touch_conversions"].to_dict()) for rule in COMMON)

    return work


# --- marketing-attribution-models --------------------------------------------------------------


def _with_ends(path: str) -> Any:
    """One row a path and end: `path`, `won` and `n`."""
    import pandas as pd

    frame = paths_of(path)
    ends = [
        frame.assign(won=True, n=frame["conversions"]),
        frame.assign(won=False, n=frame["nulls"]),
    ]
    both = pd.concat(ends, ignore_index=True)[["path", "won", "n"]]
    return both[both["n"] > 0].reset_index(drop=True)


def _mam(path: str, work: Callable[[Any], object]) -> Callable[[], object]:
    import polars as pl
    from mam import MAM

    frame = pl.from_pandas(_with_ends(path))
    return lambda: work(
        MAM(
            df=frame,
            format_type="grouped_journey",
            channels_colname="path",
            journey_with_conv_colname="won",
            occurrences_colname="n",
        )
    )


def _mam_credits(found: Any) -> dict[str, float]:
    return dict(found.to_polars().rows())


@task
def markov1_marketingattribution(path: str) -> Callable[[], object]:
    return _mam(path, lambda models: _share_mark(_mam_credits(models.run_markov())))


@task
def rules_marketingattribution(path: str) -> Callable[[], object]:
    def work(models: Any) -> object:
        found = (models.run_first_click(), models.run_last_click(), models.run_linear())
        return sum(_mark(_mam_credits(one)) for one in found)

    return _mam(path, work)


@task
def rate_marketingattribution(path: str) -> Callable[[], object]:
    """All channels: by default it keeps four a path, and says so nowhere in its result."""
    return _mam(path, lambda models: _share_mark(_mam_credits(models.run_shapley(max_size=12))))


# --- do-attribution ----------------------------------------------------------------------------


def _doattribution(order: int) -> Any:
    def made(path: str) -> Callable[[], object]:
        from do_attribution import MarkovAttribution

        rows = _with_ends(path)
        paths, won, n = rows["path"].to_numpy(), rows["won"].to_numpy(int), rows["n"].to_numpy()

        def work() -> object:
            model = MarkovAttribution(order=order, removal_strategy="redirect_to_null")
            return _share_mark(model.fit(paths, won, weights=n)["attribution"])

        return work

    return made


for _order in (1, 2, 3):
    _named(f"markov{_order}_doattribution", _doattribution(_order))


@task
def rate_doattribution(path: str) -> Callable[[], object]:
    """It takes one row a journey; its values are no shares here, and it says so."""
    from do_attribution import ShapleyAttribution

    rows = _with_ends(path)
    every = rows.loc[rows.index.repeat(rows["n"])]
    paths, won = every["path"].to_numpy(), every["won"].to_numpy(int)
    return lambda: _mark(ShapleyAttribution().fit(paths, won)["shapley_values"])
