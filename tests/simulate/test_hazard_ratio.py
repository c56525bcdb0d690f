from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, CoxTimeVaryingFitter

from journeykit.errors import ArgumentError
from journeykit.simulate.hazard_ratio import HazardRatio, hazard_ratio

WINDOW = 5.0

#: lifelines calls what pandas 3 means to change.
LIFELINES = pytest.mark.filterwarnings("ignore:.*will be keyword-only")


def example(n: int, *, seed: int = 3, log_ratio: float = 0.8) -> dict[str, Any]:
    """Return spells with late entry and touches at random, of which some overlap."""
    rng = np.random.default_rng(seed)
    entry = rng.uniform(0, 10, n) * (rng.uniform(size=n) < 0.5)
    spell = np.sort(rng.integers(0, n, 2 * n))
    touch = rng.uniform(-2, 40, 2 * n)
    # By inversion: each day is at risk by itself, with the exposure at its beginning.
    out, event = np.full(n, 30.0), np.zeros(n, dtype=bool)
    met = np.full((n, 40), -np.inf)
    for k, at in zip(spell, touch, strict=True):
        met[k, int(np.argmax(np.isneginf(met[k])))] = at
    for day in range(30):
        exposed = ((met < day) & (met >= day - WINDOW)).any(axis=1)
        wait = rng.exponential(size=n) / (0.03 * np.exp(log_ratio * exposed))
        leaves = ~event & (wait < 1) & (day + wait > entry) & (out == 30.0)
        out[leaves], event[leaves] = day + wait[leaves], True
    return {"entry": entry, "exit": out, "event": event, "spell": spell, "touch": touch}


def computed(data: dict[str, Any], **keywords: Any) -> HazardRatio:
    return hazard_ratio(
        data["entry"], data["exit"], data["event"], data["spell"], data["touch"],
        window_days=WINDOW, **keywords,
    )  # fmt: skip


def long_rows(data: dict[str, Any]) -> pd.DataFrame:
    """Return one row for each stretch of a spell in which exposure is the same, by a loop."""
    rows = []
    for k in range(len(data["entry"])):
        begin, end = data["entry"][k], data["exit"][k]
        touches = data["touch"][data["spell"] == k]
        edges = np.unique(np.clip([begin, end, *touches, *(touches + WINDOW)], begin, end))
        for start, stop in pairwise(edges):
            middle = (start + stop) / 2
            exposed = bool(((touches < middle) & (middle <= touches + WINDOW)).any())
            rows.append((k, start, stop, int(exposed), bool(data["event"][k] and stop == end)))
    return pd.DataFrame(rows, columns=["id", "start", "stop", "x", "event"])


@LIFELINES
def test_same_as_lifelines() -> None:
    data = example(300)
    found = computed(data)
    fitter = CoxTimeVaryingFitter()
    fitter.fit(
        long_rows(data), id_col="id", start_col="start", stop_col="stop", event_col="event",
        fit_options={"precision": 1e-12},
    )  # fmt: skip
    assert found.n_event == data["event"].sum() > 100
    assert found.log_hazard_ratio == pytest.approx(fitter.params_["x"], abs=1e-6)
    assert found.std_error_model == pytest.approx(fitter.standard_errors_["x"], abs=1e-6)


@LIFELINES
def test_standard_error_is_lifelines_sandwich() -> None:
    """Exposure that covers whole spells is a plain covariate, and its error that of Lin and Wei.

    lifelines leaves late entry out of its sandwich, so nobody enters late here.
    """
    rng = np.random.default_rng(8)
    n = 400
    x = rng.uniform(size=n) < 0.4
    out = rng.exponential(size=n) / np.exp(0.7 * x) * rng.gamma(1.0, 1.0, n)
    event = rng.uniform(size=n) < 0.8
    spell, touch = np.flatnonzero(x), np.full(x.sum(), -1.0)
    found = hazard_ratio(np.zeros(n), out, event, spell, touch, window_days=1e4)
    frame = pd.DataFrame({"x": x.astype(float), "exit": out, "event": event})
    fitter = CoxPHFitter()
    fitter.fit(frame, "exit", "event", robust=True, fit_options={"precision": 1e-12})
    assert found.log_hazard_ratio == pytest.approx(fitter.params_["x"], abs=1e-6)
    assert found.std_error == pytest.approx(fitter.standard_errors_["x"], abs=1e-6)
    assert abs(found.std_error / found.std_error_model - 1) > 1e-3


def test_worked_by_hand() -> None:
    """Events at 1 (exposed of 1 exposed, 3 in all) and 2 (not; 1 exposed of 2).

    Spells a, b, c; a is exposed throughout and leaves at 1, b leaves at 2, c is exposed from 1.5 on
    and stays. The score 1 - r/(r + 2) - r/(r + 1) is zero at r^2 = 2.
    """
    found = hazard_ratio(
        np.zeros(3), np.array([1.0, 2.0, 3.0]), np.array([True, True, False]),
        np.array([0, 2]), np.array([-1.0, 1.5]), window_days=3,
    )  # fmt: skip
    assert found.hazard_ratio == pytest.approx(np.sqrt(2), abs=1e-9)
    assert (found.n, found.n_event, found.n_event_exposed) == (3, 2, 1)
    r = np.sqrt(2)
    information = 2 * r / (r + 2) ** 2 + r / (r + 1) ** 2
    assert found.std_error_model == pytest.approx(information**-0.5)


def test_ties_share_a_risk_set() -> None:
    """Two events at 1, one of them exposed, one exposed of three: 1 = 2 r/(r + 2), so r = 2."""
    found = hazard_ratio(
        np.zeros(3), np.array([1.0, 1.0, 3.0]), np.array([True, True, False]),
        np.array([0]), np.array([0.5]), window_days=3,
    )  # fmt: skip
    assert found.hazard_ratio == pytest.approx(2)


def test_edges_of_the_window_and_of_the_spell() -> None:
    """At the touch itself not exposed, exactly `window_days` after it still; before entry too."""
    base = {"entry": np.array([0.0, 0.0, 2.0]), "exit": np.array([4.0, 6.0, 9.0])}
    event = np.array([True, True, False])

    def exposed(touch: float) -> int:
        try:
            return hazard_ratio(
                base["entry"], base["exit"], event, np.array([0, 2]), np.array([touch, 5.0]),
                window_days=3,
            ).n_event_exposed  # fmt: skip
        except ArgumentError:
            return 0

    assert [exposed(touch) for touch in (0.9, 1.0, 3.9, 4.0, 4.1)] == [0, 1, 1, 0, 0]


def test_order_of_spells_and_touches_does_not_matter() -> None:
    data = example(400)
    rng = np.random.default_rng(0)
    spells, touches = rng.permutation(400), rng.permutation(800)
    place = np.argsort(spells)
    shuffled = {
        **{name: data[name][spells] for name in ("entry", "exit", "event")},
        "spell": place[data["spell"]][touches],
        "touch": data["touch"][touches],
    }
    one, other = computed(data), computed(shuffled)
    assert one.log_hazard_ratio == pytest.approx(other.log_hazard_ratio, abs=1e-10)
    assert one.std_error == pytest.approx(other.std_error, abs=1e-10)


def test_copies_in_clusters_add_no_certainty() -> None:
    """Each spell twice: ties aside nothing new is known, and only the clustered error says so."""
    data = example(400)
    twice = {
        **{name: np.tile(data[name], 2) for name in ("entry", "exit", "event")},
        "spell": np.concatenate([data["spell"], data["spell"] + 400]),
        "touch": np.tile(data["touch"], 2),
    }
    one, both = computed(data), computed(twice, cluster=np.tile(np.arange(400), 2))
    assert both.log_hazard_ratio == pytest.approx(one.log_hazard_ratio, abs=1e-9)
    assert both.std_error == pytest.approx(one.std_error, rel=1e-6)
    assert both.std_error_model == pytest.approx(one.std_error_model / np.sqrt(2), rel=1e-6)


def test_standard_error_is_that_of_repetitions() -> None:
    """120 data sets: the mean within 4 errors of the log ratio, the sd within 4 of its error."""
    found = [computed(example(250, seed=seed)) for seed in range(120)]
    estimates = np.array([one.log_hazard_ratio for one in found])
    told = np.mean([one.std_error for one in found])
    # The data change exposure at whole days, the window within them: a tenth less of a ratio.
    assert 0.6 < estimates.mean() < 0.85
    assert abs(estimates.std(ddof=1) / told - 1) < 4 / np.sqrt(2 * 119)


def test_spells_never_at_risk_do_not_count() -> None:
    data = example(200)
    more = {
        "entry": np.append(data["entry"], [7.0, 8.0]),
        "exit": np.append(data["exit"], [7.0, 3.0]),
        "event": np.append(data["event"], [True, True]),
        "spell": data["spell"],
        "touch": data["touch"],
    }
    assert computed(more) == computed(data)


def test_refusals() -> None:
    entry, out = np.zeros(3), np.array([1.0, 2.0, 3.0])
    nobody, never = np.zeros(0, dtype=np.int64), np.zeros(0)
    with pytest.raises(ArgumentError, match="there are 0 during and 2 outside, 0 such risk sets"):
        hazard_ratio(entry, out, np.array([True, True, False]), nobody, never, window_days=3)
    everybody, always = np.arange(3), np.full(3, -0.5)
    with pytest.raises(ArgumentError, match="there are 2 during and 0 outside"):
        hazard_ratio(entry, out, np.array([True, True, False]), everybody, always, window_days=9)
    # The exposed event comes where both are at risk, the other one where only the exposed is not.
    with pytest.raises(ArgumentError, match="zero or infinite"):
        hazard_ratio(
            entry, out, np.array([True, True, False]), np.array([0]), np.array([-1.0]),
            window_days=9,
        )  # fmt: skip


def test_what_is_harmless_has_a_ratio_of_one_among_many() -> None:
    rng = np.random.default_rng(1)
    n = 200_000
    out = rng.exponential(500.0, n)
    spell = rng.integers(0, n, 2 * n)
    found = hazard_ratio(
        np.zeros(n), np.minimum(out, 700), out < 700, spell, rng.uniform(0, 700, 2 * n),
        window_days=30,
    )  # fmt: skip
    assert abs(found.log_hazard_ratio) < 4 * found.std_error < 0.06
