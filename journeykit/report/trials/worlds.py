"""The worlds a study's reports can be tried on: from a number to journeys, and to the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeykit.checks import did_you_mean
from journeykit.errors import ParameterError
from journeykit.report.trials.trial import seed_of

if TYPE_CHECKING:
    from journeykit.journeys import Journeys
    from journeykit.report.trials.trial import Trial
    from journeykit.study import Study


@dataclass(frozen=True, slots=True)
class World:
    """A kind of made-up world.

    Attributes
    ----------
    kind : {"null", "recovery"}
    what : str
        A few words, also for programs.
    where : str
        In which case we are, for sentences about it: "Where exposures tell nothing".
    words : str
        What it is and what it cannot say, for readers: sentences without any name of the data.
    replicate : callable
        From the number of a world, counted from 0, to its journeys.
    truth : callable or None
        Journeys on which the report gives the true values; None where there is nothing to find.
    """

    kind: str
    what: str
    where: str
    words: str
    replicate: Callable[[int], Journeys]
    truth: Callable[[], Journeys] | None = None


#: What can be made to tell nothing in any study.
NULLS = ("exposure", "attributes")
_EXPOSURE = (
    "What customers met before their first success was exchanged with that of others who began in "
    "the same week and were still under way; all else stayed as it was. So it tells nothing any "
    "more of who succeeds and when. This is an approximation: what happens after the first success "
    "stays as it is, and so may tell something still."
)
_ATTRIBUTES = (
    "The attributes of customers were dealt out anew among them, all of a customer's together; all "
    "else stayed as it was. So what kind of customer somebody is tells nothing of what they do."
)
_RESAMPLED = (
    "Each of these worlds draws as many customers as the study has, from those of the study and "
    "with replacement; the truth is the value for all customers of the study. This says whether "
    "intervals are as wide as chance demands. It does not say whether the question is the right "
    "one, nor whether these customers are like those of tomorrow."
)


def check_trial(study: Study, trial: Trial, /) -> None:
    """Look, before any data are read, whether a study has the worlds that are asked for.

    Raises
    ------
    ParameterError
        There is no such world, or the study lacks what it needs.
    """
    if trial.null and trial.null not in NULLS and study.model.simulated is not None:
        from journeykit.report.trials.simulated import check_parameter

        check_parameter(trial.null)
        return
    if trial.null and trial.null not in NULLS:
        raise ParameterError(
            f"`--null` must be one of {', '.join(NULLS)}; got {trial.null!r}."
            f"{did_you_mean(trial.null, NULLS)}"
        )
    if trial.null == "exposure" and study.model.outcome is None:
        raise ParameterError(
            f"`--null exposure` needs to know what counts as success; add `outcome:` to "
            f"{study.path}."
        )


def worlds_of(study: Study, journeys: Journeys, trial: Trial, /) -> tuple[World, ...]:
    """Return the worlds that a trial asks for.

    The one place that knows which worlds a study has.

    Raises
    ------
    ParameterError
        There is no such world, or the study or its data lack what it needs.
    """
    check_trial(study, trial)
    worlds = []
    if trial.null in NULLS:
        null = {"exposure": _without_exposure, "attributes": _without_attributes}[trial.null]
        worlds.append(null(study, journeys, trial))
    elif trial.null:
        from journeykit.report.trials.simulated import without_effect

        worlds.append(without_effect(study, trial))
    if trial.recovery and study.model.simulated is not None:
        from journeykit.report.trials.simulated import other_worlds

        worlds.append(other_worlds(study, trial))
    elif trial.recovery:
        worlds.append(_drawn_anew(journeys, trial))
    return tuple(worlds)


def exposures_of(study: Study, names: Sequence[str], /) -> list[str]:
    """Return what can have worked on customers, of the touchpoints `names` of the data.

    It is what the catalogue calls the firm's; where it names none of them, all that is no success.
    """
    successes = study.outcome.conversions
    firm = [name for name in study.catalogue.firm_touchpoints() if name in names]
    return [name for name in firm or names if name not in successes]


def _without_exposure(study: Study, journeys: Journeys, trial: Trial) -> World:
    from journeykit.simulate.permuting import exposure_null

    exposures = exposures_of(study, journeys.names)
    successes = [name for name in study.outcome.conversions if name in journeys.names]
    if not exposures or not successes:
        missing = "touchpoint that is no success" if successes else "success"
        raise ParameterError(f"`--null exposure` needs a {missing}, and the data have none.")
    return World(
        kind="null",
        what="exposure",
        where="Where exposures tell nothing",
        words=_EXPOSURE,
        replicate=lambda number: exposure_null(
            journeys,
            exposures=exposures,
            conversions=successes,
            seed=seed_of(trial, number, "exposure"),
        ),
    )


def _without_attributes(study: Study, journeys: Journeys, trial: Trial) -> World:
    from journeykit.simulate.permuting import attribute_null

    churn = study.model.churn
    parts = (churn, churn.start) if churn else ()
    # Times by which leaving is known belong to the customer who left.
    keep = [part.attribute for part in parts if part is not None and part.attribute is not None]
    if not {*journeys.attributes.column_names} - {*keep}:
        raise ParameterError(
            "`--null attributes` needs attributes of customers, and the study has none to deal out."
        )
    return World(
        kind="null",
        what="attributes",
        where="Where attributes tell nothing",
        words=_ATTRIBUTES,
        replicate=lambda number: attribute_null(
            journeys, keep=keep, seed=seed_of(trial, number, "attributes")
        ),
    )


def _drawn_anew(journeys: Journeys, trial: Trial) -> World:
    from journeykit.simulate.permuting import resampled

    return World(
        kind="recovery",
        what="customers drawn anew",
        where="Where the truth is known",
        words=_RESAMPLED,
        replicate=lambda number: resampled(journeys, seed=seed_of(trial, number, "drawn anew")),
        truth=lambda: journeys,
    )
