"""Trials of a simulated study: other worlds by the same laws, and without an effect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from journeykit.errors import ParameterError
from journeykit.report.trials.trial import Trial
from journeykit.report.trials.worlds import check_trial, worlds_of
from journeykit.simulate import world
from journeykit.study import Study, load_study
from journeykit.study.models import Simulated

#: Who logs in at checkout is recognised by what they did: the study says so when it is read.
pytestmark = pytest.mark.filterwarnings("ignore:.*devices with an outcome")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    place = tmp_path_factory.mktemp("simulated") / "shop"
    return load_study(
        world(customers=400, seed=6, settings={"orders.law": "saturating"}).write(place)
    )


def test_a_null_world_is_the_studys_without_the_effect(study: Study) -> None:
    path = "channels.touchpoints.catalog_mailed.touches_a_day"
    (null,) = worlds_of(study, study.journeys(), Trial(null=path, replicates=2))
    assert (null.kind, null.what, null.truth) == ("null", path, None)
    first, again, other = (null.replicate(number) for number in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert "catalog_mailed" in study.journeys().names
    assert "catalog_mailed" not in {*first.names, *other.names}
    # The study's own settings hold there too: its law is drawn, not the default one.
    default = replace(study, model=study.model.model_copy(update={"simulated": _plain(study)}))
    (unlike,) = worlds_of(default, study.journeys(), Trial(null=path, replicates=2))
    assert unlike.replicate(0).fingerprint != first.fingerprint


def _plain(study: Study) -> Simulated:
    assert study.model.simulated is not None
    return study.model.simulated.model_copy(update={"settings": {}})


def test_other_worlds_have_other_luck_and_a_large_one_is_the_truth(study: Study) -> None:
    (anew,) = worlds_of(study, study.journeys(), Trial(recovery=True))
    first, other = anew.replicate(0), anew.replicate(1)
    assert first.fingerprint != other.fingerprint != study.journeys().fingerprint
    assert anew.truth is not None
    persons = [name for name in anew.truth().customer_id.to_pylist() if name.startswith("C")]
    assert 4_000 < len(persons) <= 8_000
    assert "8,000 customers" in anew.words
    assert first.attributes.column_names == study.journeys().attributes.column_names


def test_exposures_and_attributes_can_tell_nothing_there_too(study: Study) -> None:
    (null,) = worlds_of(study, study.journeys(), Trial(null="attributes"))
    assert null.replicate(0).n_events == study.journeys().n_events


@pytest.mark.parametrize("wrong", ["orders.efect", "nonsense", "orders.law"])
def test_a_parameter_that_cannot_be_zero_is_refused(study: Study, wrong: str) -> None:
    with pytest.raises(ParameterError, match=r"`--null` must be one of exposure, attributes, or"):
        check_trial(study, Trial(null=wrong))


def test_a_study_of_ones_own_has_no_parameters(study: Study) -> None:
    own = Study(
        Path(study.path), study.model.model_copy(update={"simulated": None}), study.catalogue
    )
    with pytest.raises(ParameterError, match=r"must be one of exposure, attributes; got 'orders"):
        check_trial(own, Trial(null="orders.effect"))
