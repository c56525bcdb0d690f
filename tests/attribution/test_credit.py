from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from journeykit import attribution
from journeykit.counts import path_counts, path_counts_from_frame
from journeykit.errors import ArgumentError, DataError
from tests.attribution.example import OUTCOMES

RULES = attribution.rules(OUTCOMES)
MARKOV = attribution.markov(OUTCOMES)


def test_summary_names_leaders_losses_and_what_a_share_is_not() -> None:
    low, high = MARKOV.frame.loc[1, ["conf_low", "conf_high"]]
    assert MARKOV.summary() == (
        f"4 conversions, most to: markov web (51.3%, {low:.1%} to {high:.1%}); 1 without a "
        "touch; 1 with an unseen first touch; 1 journeys still open and left out. "
        "An interval on a share is not an interval on an effect."
    )


def test_models_side_by_side() -> None:
    both = RULES.beside(MARKOV)
    assert both.frame["model"].unique().tolist() == ["first", "last", "linear", "markov"]
    assert len(both.frame) == 12
    assert both.provenance.parameters["order"] == 1
    with pytest.raises(ArgumentError, match="Each model may stand once; got first, last, linear,"):
        RULES.beside(RULES)
    other = attribution.markov(path_counts(OUTCOMES.take(np.arange(5))))
    with pytest.raises(ArgumentError, match="only on the same journeys"):
        RULES.beside(other)
    with pytest.raises(ArgumentError, match="Shares of conversions and shares of value do not"):
        MARKOV.beside(attribution.rules(OUTCOMES, share_of="value", replicates=5))


def test_parameters_that_differ_stand_by_model() -> None:
    both = MARKOV.beside(attribution.markov(OUTCOMES, order=2)).provenance.parameters
    assert both["order"] == {"markov": 1, "markov order 2": 2}
    assert both["removal"] == "to_null"


def test_shares_of_value_are_called_so() -> None:
    of_value = attribution.rules(OUTCOMES, models=["last"], share_of="value", replicates=5)
    assert "4 conversions, most of their value to: last web (80.2%" in of_value.summary()
    assert of_value.plot().get_xlabel() == "share of value"
    assert MARKOV.plot().get_xlabel() == "share of conversions"


def test_channels_of_any_name_but_one() -> None:
    names = ["<b>web</b>", "$5 off $x_^", "a_b^$c", "\N{SNOWMAN} \\frac{1}{"]
    table = pd.DataFrame({"path": [*names, " | ".join(names)], "n": [4, 3, 2, 1, 5]})
    counts = path_counts_from_frame(table, conversions="n", separator="|")
    ax = attribution.markov(counts, replicates=5).plot()
    ax.figure.canvas.draw()
    assert "<b>web</b>" in [label.get_text() for label in ax.get_yticklabels()]
    taken = pd.DataFrame({"path": ["web > (no touch)", ""], "n": [1, 1]})
    for model in (attribution.rules, attribution.markov):
        with pytest.raises(DataError, match="A channel must not be called '\\(no touch\\)'"):
            model(path_counts_from_frame(taken, conversions="n"))


def test_picture_shows_every_share() -> None:
    ax = RULES.beside(MARKOV).plot()
    drawn = {line.get_label(): line.get_xdata().tolist() for line in ax.lines}
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["web", "(no touch)", "mail"]
    assert drawn["last"] == [0.5, 0.25, 0.25]
    assert drawn["markov"] == pytest.approx([39 / 76, 19 / 76, 18 / 76])
    assert MARKOV.plot(ax) is ax


def test_picture_adds_small_channels_up() -> None:
    table = pd.DataFrame({"path": [f"c{k:02d}" for k in range(25)], "n": np.arange(25, 0, -1)})
    ax = attribution.markov(path_counts_from_frame(table, conversions="n"), replicates=5).plot()
    assert ax.get_yticklabels()[-1].get_text() == "(5 other channels)"
    shares = ax.lines[-1].get_xdata()
    assert shares.sum() == pytest.approx(1)
    assert shares[-1] == pytest.approx(15 / 325)


def test_names_load_on_first_use() -> None:
    code = (
        "import sys, journeykit.attribution as a; "
        "assert not {'pandas', 'scipy'} & set(sys.modules); "
        "a.rules; assert sorted(a.__all__) == dir(a)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'rulez'"):
        attribution.rulez  # type: ignore[attr-defined] # noqa: B018
