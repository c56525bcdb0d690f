"""Drawing on plain arrays: one look for every picture."""

from journeykit.draw.basics import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import heat_map, interval_bars, step_curve
from journeykit.draw.flows import flow_chart

__all__ = [
    "INK",
    "PALETTE",
    "QUIET",
    "axes",
    "flow_chart",
    "heat_map",
    "interval_bars",
    "percent_axis",
    "step_curve",
    "tidy",
]
