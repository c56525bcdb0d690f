"""Drawing on plain arrays: one look for every picture."""

from journeykit.draw.basics import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import heat_map, interval_bars, signed_map, step_curve
from journeykit.draw.durations import duration_bars
from journeykit.draw.flows import flow_chart
from journeykit.draw.graphs import GraphEdge, GraphNode, flow_graph, flow_order
from journeykit.draw.strips import ribbon_chart

__all__ = [
    "INK",
    "PALETTE",
    "QUIET",
    "GraphEdge",
    "GraphNode",
    "axes",
    "duration_bars",
    "flow_chart",
    "flow_graph",
    "flow_order",
    "heat_map",
    "interval_bars",
    "percent_axis",
    "ribbon_chart",
    "signed_map",
    "step_curve",
    "tidy",
]
