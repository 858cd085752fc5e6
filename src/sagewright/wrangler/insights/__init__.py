"""The data quality and insights report.

shapes    the report's dataclasses, and ready-made steps
power     how well a column alone predicts the target, and the quick model
rows      duplicates and unusual rows
columns   findings about single columns
target    findings about the target
report    all of it
"""

from __future__ import annotations

from sagewright.wrangler.insights.report import insights
from sagewright.wrangler.insights.shapes import DataFinding, Fix, Insights

__all__ = ["DataFinding", "Fix", "Insights", "insights"]
