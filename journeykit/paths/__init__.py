"""Which way customers go."""

from journeykit.paths.stepping import StepTable, step_table
from journeykit.paths.transitions import Transitions, transitions
from journeykit.paths.variants import Variants, variants

__all__ = ["StepTable", "Transitions", "Variants", "step_table", "transitions", "variants"]
