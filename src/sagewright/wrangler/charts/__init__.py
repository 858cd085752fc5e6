"""Charts: each has a sentence, a table of the same numbers, and a Vega-Lite specification.

shapes      the chart's dataclass, and marks that several share
columns     table summary, histogram, scatter plot
models      quick model, target leakage
relations   correlation, multicollinearity
series      seasonal decomposition, anomalies
bias        Clarify's metrics of bias before training
custom      a user's Altair code: it runs where the flow runs, inside a job or a session
rendering   a specification as SVG
"""

from __future__ import annotations

from sagewright.wrangler.charts.making import chart
from sagewright.wrangler.charts.rendering import render
from sagewright.wrangler.charts.shapes import DrawnChart

__all__ = ["DrawnChart", "chart", "render"]
