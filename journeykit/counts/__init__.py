"""Additive counts: what is counted on parts of the customers adds up to the whole."""

from journeykit.counts.calendar import PeriodCounts, Periods, period_counts, periods
from journeykit.counts.life import LifeCounts, life_counts
from journeykit.counts.paths import PathCounts, path_counts, path_counts_from_frame
from journeykit.counts.run import run
from journeykit.counts.steps import StepCounts, step_counts
from journeykit.counts.transitions import TransitionCounts, transition_counts

__all__ = [
    "LifeCounts",
    "PathCounts",
    "PeriodCounts",
    "Periods",
    "StepCounts",
    "TransitionCounts",
    "life_counts",
    "path_counts",
    "path_counts_from_frame",
    "period_counts",
    "periods",
    "run",
    "step_counts",
    "transition_counts",
]
