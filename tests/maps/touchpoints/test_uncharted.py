"""Events that the catalogue does not have: all listed, nothing lost, and the run stopped."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit import load_study
from journeykit.errors import ArgumentError, MappingError
from journeykit.journeys import Journeys
from journeykit.maps import unmapped
from journeykit.stats import wilson_interval
from journeykit.study.catalogue import Catalogue, Touchpoint

KNOWN = Catalogue({name: Touchpoint(name) for name in ("buy", "view_home", "mail")})


def journeys_of(*paths: str) -> Journeys:
    steps = [path.split() for path in paths]
    names = tuple(sorted({name for path in steps for name in path} | {"buy"}))
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for path in steps for name in path], dtype=np.uint8),
        start=np.cumsum([0, *map(len, steps)]),
    )


def test_worked_by_hand() -> None:
    made = journeys_of("view_home odd odd buy", "veiw_home mail", "odd mail buy", "mail")
    found = unmapped(made, KNOWN, conversions=["buy"])
    frame = found.frame.set_index("touchpoint")
    assert frame.index.tolist() == ["odd", "veiw_home"]
    assert frame["n_events"].tolist() == [3, 1]
    assert frame["event_share"].tolist() == pytest.approx([3 / 10, 1 / 10])
    assert frame["n"].tolist() == [2, 1]
    assert frame["share"].tolist() == [0.5, 0.25]
    low, high = wilson_interval([2, 1], [4, 4])
    assert frame["conf_low"].tolist() == pytest.approx(low.tolist())
    assert frame["conf_high"].tolist() == pytest.approx(high.tolist())
    assert frame["n_success"].tolist() == [2, 0]
    assert frame["success_share"].tolist() == [1.0, 0.0]
    assert frame["near"].tolist() == ["", "view_home"]
    assert (found.n_mapped, found.n_unmapped, found.n_events) == (6, 4, 10)
    assert (found.n_met, found.n_customers) == (3, 4)
    assert (found.n_successes, found.n_successes_met) == (2, 2)
    assert found.summary() == (
        "4 of 10 events (40.0%), of 3 of 4 customers, are at 2 touchpoints that the catalogue does "
        "not have: odd (3), veiw_home (1)"
    )


def test_the_run_stops_above_the_parameter() -> None:
    made = journeys_of("view_home odd odd buy", "veiw_home mail", "odd mail buy", "mail")
    assert unmapped(made, KNOWN, most_share=0.39).check().status == "failed"
    told = unmapped(made, KNOWN, most_share=0.4).check()
    assert told.status == "warned"
    assert "odd (3), veiw_home (1); add them to the catalogue" in told.found
    fine = unmapped(journeys_of("mail buy"), KNOWN, most_share=0.0).check()
    assert fine.status == "passed"
    assert fine.found == "All 2 events are at touchpoints of the catalogue."
    lost = unmapped(made, KNOWN)
    object.__setattr__(lost, "n_mapped", 5)
    assert lost.check().found == "4 events are listed and 5 mapped, of 10."


def test_seven_planted_names_are_listed_with_their_counts() -> None:
    study = load_study("demo")
    journeys = study.journeys()
    n = np.bincount(journeys.touchpoint, minlength=len(journeys.names))
    seldom = np.argsort(n)[:7]
    planted = {journeys.names[at]: f"Planted {place}" for place, at in enumerate(seldom)}
    made = journeys.relabel(planted)
    found = unmapped(made, study.catalogue, conversions=study.outcome.conversions)
    assert dict(zip(found.frame["touchpoint"], found.frame["n_events"], strict=True)) == {
        f"Planted {place}": n[at] for place, at in enumerate(seldom)
    }
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    for place, at in enumerate(seldom):
        row = found.frame.set_index("touchpoint").loc[f"Planted {place}"]
        assert row["n"] == len(np.unique(owner[journeys.touchpoint == at]))
    assert found.check().status == "warned"
    assert found.n_mapped + found.n_unmapped == journeys.n_events


def test_of_cut_journeys_those_converted_succeed() -> None:
    made = journeys_of("odd buy mail odd", "mail odd")
    timed = made.replace(
        time=np.arange(6) * 3_600_000_000,
        observed_from=np.zeros(2, dtype=np.int64),
        observed_to=np.full(2, 10**15),
    )
    cut = timed.outcomes(conversion=["buy"], lookback_days=30)
    found = unmapped(cut, KNOWN)
    row = found.frame.iloc[0]
    # One customer's journey to the order, and the two that led nowhere.
    assert (row["n"], row["n_events"], found.n_successes, row["n_success"]) == (2, 3, 1, 1)


@given(st.lists(st.lists(st.sampled_from("abcxyz"), max_size=6), min_size=1, max_size=8))
def test_nothing_is_lost_and_everything_is_as_counted(paths: list[list[str]]) -> None:
    made = journeys_of(*[" ".join(path) for path in paths])
    known = Catalogue({name: Touchpoint(name) for name in ("a", "b", "c", "buy")})
    found = unmapped(made, known, conversions=["buy"])
    every = [name for path in paths for name in path]
    strange = {name for name in every if name in "xyz"}
    assert set(found.frame["touchpoint"]) == strange
    for row in found.frame.itertuples():
        assert row.n_events == every.count(row.touchpoint)
        assert row.n == sum(row.touchpoint in path for path in paths)
    assert found.n_mapped + int(found.frame["n_events"].sum()) == len(every)
    assert found.n_met == sum(bool(strange & set(path)) for path in paths)


def test_few_are_hidden_where_it_is_published() -> None:
    paths = ["odd mail"] * 12 + ["rare mail", "rare", "rare"]
    found = unmapped(journeys_of(*paths), KNOWN)
    shown = found.published().set_index("touchpoint")
    assert shown["n"].isna().all()
    assert shown["n_events"].isna().all()
    assert found.published(small_cell=1)["n"].tolist() == [12, 3]


def test_it_is_drawn_and_so_is_nothing() -> None:
    ax = unmapped(journeys_of("odd odd", "mail"), KNOWN).plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["odd (2)"]
    assert ax.get_xlabel() == "share of 2 customers who met it (events)"
    plt.close(ax.figure)  # type: ignore[arg-type]
    ax = unmapped(journeys_of("mail"), KNOWN).plot()
    assert [text.get_text() for text in ax.texts] == ["Every event is in the catalogue."]
    plt.close(ax.figure)  # type: ignore[arg-type]


def test_what_must_hold() -> None:
    made = journeys_of("mail buy")
    with pytest.raises(ArgumentError, match="`catalogue` must describe touchpoints; it is empty"):
        unmapped(made, Catalogue())
    with pytest.raises(ArgumentError, match=r"`most_share` must lie in \[0, 1\); got 1"):
        unmapped(made, KNOWN, most_share=1)
    with pytest.raises(ArgumentError, match="`conversions` must be a list of names"):
        unmapped(made, KNOWN, conversions="buy")
    with pytest.raises(MappingError, match="'bye'. Did you mean 'buy'"):
        unmapped(made, KNOWN, conversions=["bye"])
