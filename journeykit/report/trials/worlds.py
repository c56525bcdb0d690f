"""The worlds a study's reports can be tried on: from a number to journeys, and to the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    exchanged : callable or None
        What was exchanged and among how many, with names of the data: ``touchpoints`` and
        ``n_at_risk``, the median over successes or None where there is none.
    """

    kind: str
    what: str
    where: str
    words: str
    replicate: Callable[[int], Journeys]
    truth: Callable[[], Journeys] | None = None
    exchanged: Callable[[], Mapping[str, Any]] | None = None


#: What can be made to tell nothing in any study.
NULLS = ("exposure", "attributes")
_EXPOSURE = (
    "Among customers who began in the same week and were still at risk of a first success at the "
    "same elapsed time, whole histories of {touches} up to that success were exchanged. "
    "Everything else stayed as it was, and may still tell something: {others}the season and the "
    "shocks of the calendar, the first event of a customer where watching begins at the window's "
    "edge, and what follows the first success. So this is only roughly a null, and more roughly "
    "the fewer customers were at risk; how many there were is told with the checks."
)
_FIRMS = "the firm's touches ({n} of the {n_all} kinds of touch in the data, by the catalogue)"
_ALL = (
    "touches (all {n} kinds in the data, as the catalogue names none of the firm's: those that "
    "customers begin by themselves are among them)"
)
_ATTRIBUTES = (
    "The attributes of customers were dealt out anew among them, all of a customer's together; all "
    "else stayed as it was. So what kind of customer somebody is tells nothing of what they do."
)
_RESAMPLED = (
    "Each of these worlds draws as many customers as the study has, from those of the study and "
    "with replacement; the true value is that of the study for all its customers. So this says "
    "whether intervals are as wide as chance demands, not whether the report answers the right "
    "question, such as what a channel causes, nor whether these customers are like those of "
    "tomorrow."
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
    return _touches(study, _firm(study, names) or names)


def _firm(study: Study, names: Sequence[str]) -> list[str]:
    return [name for name in study.catalogue.firm_touchpoints() if name in names]


def _touches(study: Study, names: Sequence[str]) -> list[str]:
    successes = study.outcome.conversions
    return [name for name in names if name not in successes]


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
        words=_exposure_words(study, journeys.names),
        replicate=lambda number: exposure_null(
            journeys,
            exposures=exposures,
            conversions=successes,
            seed=seed_of(trial, number, "exposure"),
        ),
        exchanged=lambda: _exchanged(journeys, exposures, successes),
    )


def _exposure_words(study: Study, names: Sequence[str]) -> str:
    n, n_all = len(exposures_of(study, names)), len(_touches(study, names))
    if not _firm(study, names):
        return _EXPOSURE.format(touches=_ALL.format(n=n), others="")
    others = "what customers do by themselves, "
    return _EXPOSURE.format(touches=_FIRMS.format(n=n, n_all=n_all), others=others)


def _exchanged(
    journeys: Journeys, exposures: Sequence[str], successes: Sequence[str]
) -> dict[str, Any]:
    import numpy as np

    from journeykit.simulate.permuting import n_at_risk

    n = n_at_risk(journeys, exposures=exposures, conversions=successes)
    median = int(np.median(n)) if len(n) else None
    return {"touchpoints": list(exposures), "n_at_risk": median}


def _without_attributes(study: Study, journeys: Journeys, trial: Trial) -> World:
    from journeykit.simulate.permuting import attribute_null

    churn = study.model.churn
    parts = (churn, churn.start) if churn else ()
    # Times by which leaving is known, and its cause, belong to the customer who left.
    keep = [part.attribute for part in parts if part is not None and part.attribute is not None]
    if churn is not None and churn.cause is not None:
        keep.append(churn.cause)
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
