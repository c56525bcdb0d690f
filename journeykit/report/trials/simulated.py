"""Worlds of a simulated study: drawn anew, with other luck, and without an effect."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from journeykit.errors import ArgumentError, JourneyKitWarning, ParameterError
from journeykit.report.trials.trial import seed_of
from journeykit.report.trials.worlds import NULLS, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.journeys import Journeys
    from journeykit.report.trials.trial import Trial
    from journeykit.study import Study

#: How much larger the world is whose values are the truth, and its most customers.
_LARGER, _MOST = 20, 200_000
_ANEW = (
    "Each of these worlds is simulated anew by the same laws, as large as the study and with other "
    "luck; the true value is what the same report says of one world of {n:,} customers, so it has "
    "a little chance in it itself. So this says whether intervals are as wide as chance demands, "
    "not whether the report answers the right question, such as what a channel causes."
)
_WITHOUT = (
    "Each of these worlds is simulated anew by the same laws, but without one effect: what the "
    "parameter says is 0."
)


def check_parameter(path: str, /) -> None:
    """Look whether the simulated world has a parameter that can be zero.

    Raises
    ------
    ParameterError
        It has none of that name, or it is no number.
    """
    from journeykit.simulate.part import zero
    from journeykit.simulate.parts import PARTS

    try:
        zero([kind() for kind in PARTS], path)
    except ArgumentError as error:
        raise ParameterError(
            f"`--null` must be one of {', '.join(NULLS)}, or a parameter of the simulated world "
            f"such as orders.effect; got {path!r}. {error}"
        ) from error


def without_effect(study: Study, trial: Trial, /) -> World:
    """Return worlds as the study's, but without an effect."""
    from journeykit.simulate.part import overriding, with_settings, zero
    from journeykit.simulate.parts import PARTS

    simulated = study.model.simulated
    assert simulated is not None
    parts = with_settings([kind() for kind in PARTS], simulated.settings)
    settings = overriding(simulated.settings, {trial.null: zero(parts, trial.null)})
    return World(
        kind="null",
        what=trial.null,
        where=f"Where {trial.null} is zero",
        words=_WITHOUT,
        replicate=lambda number: _journeys(
            study, seed_of(trial, number, trial.null), settings=settings
        ),
    )


def other_worlds(study: Study, trial: Trial, /) -> World:
    """Return worlds as the study's with other luck, and a large one for the truth."""
    simulated = study.model.simulated
    assert simulated is not None
    large = max(simulated.customers, min(_LARGER * simulated.customers, _MOST))
    return World(
        kind="recovery",
        what="worlds simulated anew",
        where="Where the truth is known",
        words=_ANEW.format(n=large),
        replicate=lambda number: _journeys(study, seed_of(trial, number, "anew")),
        truth=lambda: _journeys(study, seed_of(trial, 0, "truth"), customers=large),
    )


def _journeys(
    study: Study,
    seed: int,
    /,
    *,
    settings: Mapping[str, object] | None = None,
    customers: int | None = None,
) -> Journeys:
    """Simulate a world, and read it as the study says: ids stitched, customers as its table has."""
    from journeykit.simulate.world import world

    simulated = study.model.simulated
    assert simulated is not None
    made = world(
        customers=customers or simulated.customers,
        seed=seed,
        days=simulated.days,
        settings=simulated.settings if settings is None else settings,
    )
    with (
        tempfile.TemporaryDirectory(prefix="journeykit-world-") as place,
        warnings.catch_warnings(),
    ):
        # What may mislead in the study has been said of the study.
        warnings.simplefilter("ignore", JourneyKitWarning)
        file = made.write(Path(place) / "world")
        return replace(study, path=file).journeys()
