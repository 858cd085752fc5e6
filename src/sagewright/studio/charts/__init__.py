"""Charts as SVG, drawn by the server: lengths in per cent, text in pixels, colours by class, no style attribute. Imports no
page."""

from __future__ import annotations

from sagewright.studio.charts.bars import LaneSpan, bars, lanes, meter, slots
from sagewright.studio.charts.curves import Curve, curves, spark
from sagewright.studio.charts.graphs import GraphNode, graph
from sagewright.studio.charts.parallel import Axis, ParallelRun, parallel
from sagewright.studio.charts.rails import RailStep, rail, rail_steps, shape

__all__ = [
    "Axis",
    "Curve",
    "GraphNode",
    "LaneSpan",
    "ParallelRun",
    "RailStep",
    "bars",
    "curves",
    "graph",
    "lanes",
    "meter",
    "parallel",
    "rail",
    "rail_steps",
    "shape",
    "slots",
    "spark",
]
