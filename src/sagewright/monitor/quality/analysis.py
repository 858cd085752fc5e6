"""Analysis of a model's quality: statistics.json and constraints.json of its metrics, and violations of a baseline's constraints.

Source: the developer guide, "Model quality metrics", "Schema for model quality violations".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from sagewright.monitor import documents, metric_lines
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.quality.bootstrap import Numbers, value_and_deviation
from sagewright.monitor.quality.classification import BinaryMetrics, MulticlassMetrics
from sagewright.monitor.quality.observations import JudgedPrediction, observations
from sagewright.monitor.quality.regression import RegressionMetrics
from sagewright.monitor.scripts import postprocess


class QualityMetrics(Protocol):
    """Metrics of one problem type. `problem`: the prefix of its sections."""

    problem: str

    def add(self, batch: list[JudgedPrediction]) -> None:
        """Raises MonitorError for values that the problem type does not have."""

    def values(self) -> dict[str, Numbers]:
        """Returns each metric of the data and of its replicates."""

    def details(self) -> dict[str, object]:
        """Returns matrices and curves."""


PROBLEMS: dict[str, Callable[[], QualityMetrics]] = {
    "BinaryClassification": BinaryMetrics,
    "MulticlassClassification": MulticlassMetrics,
    "Regression": RegressionMetrics,
}
LESS, GREATER = "LessThanThreshold", "GreaterThanThreshold"
LOWER_IS_BETTER = {"mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"}
VIOLATIONS = "constraint_violations.json"


def analyze(job: MonitorJob) -> str:
    """Writes the reports. Returns the exit message. Raises MonitorError."""
    problem = job.variables.get("problem_type", "")
    if problem not in PROBLEMS:
        raise MonitorError(f"problem_type must be one of {', '.join(PROBLEMS)}, got {problem[:40]!r}.")
    metrics, items = PROBLEMS[problem](), 0
    for batch in observations(job):
        metrics.add(batch)
        items += len(batch)
    if not items:
        raise MonitorError("Job inputs had no data")
    values = {name: value_and_deviation(found) for name, found in metrics.values().items()}
    shown = {name: {"value": value, "standard_deviation": spread} for name, (value, spread) in values.items()}
    dataset = {"item_count": items, "evaluation_time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"}
    dataset |= {name: job.variables[name] for name in ("start_time", "end_time") if job.variables.get(name)}
    statistics = {"version": 0.0, "dataset": dataset, f"{metrics.problem}_metrics": {**metrics.details(), **shown}}
    documents.write(job.output, "statistics.json", statistics)
    section = f"{metrics.problem}_constraints"
    documents.write(job.output, "constraints.json", {"version": 0.0, section: _constraints(values)})
    if metric_lines.is_published(job):
        metric_lines.write(job, [metric_lines.value(name, value) for name, (value, _spread) in values.items()])
    message = "Completed: Job completed successfully with no violations."
    baseline = documents.baseline(job, documents.CONSTRAINTS)
    if baseline is not None:
        violated = list(_violations(values, baseline.get(section), section))
        documents.write(job.output, VIOLATIONS, {"violations": violated})
        if violated:
            message = f"CompletedWithViolations: Job completed successfully with {len(violated)} violations."
    postprocess(job)
    return message


def _constraints(values: dict[str, tuple[float, float]]) -> dict[str, dict[str, Any]]:
    """Returns the values of the data set as thresholds; those of a constant classifier constrain nothing."""
    return {
        name: {"threshold": value, "comparison_operator": GREATER if name in LOWER_IS_BETTER else LESS}
        for name, (value, _spread) in values.items()
        if not name.endswith("_best_constant_classifier")
    }


def _violations(values: dict[str, tuple[float, float]], constraints: Any, section: str) -> Iterator[dict[str, str]]:
    if not isinstance(constraints, dict):
        raise MonitorError(f"The baseline's constraints have no {section}: they are those of another problem_type.")
    for name, constraint in constraints.items():
        if name not in values or not isinstance(constraint, dict):
            continue
        threshold, operator = constraint.get("threshold"), constraint.get("comparison_operator")
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or operator not in {LESS, GREATER}:
            raise MonitorError(
                f"The constraint of {name} needs a threshold and a comparison_operator, {LESS} or {GREATER}."
            )
        value, spread = values[name]
        if value < threshold if operator == LESS else value > threshold:
            yield {
                "metric_name": name,
                "constraint_check_type": operator,
                "description": f"Metric {name} with {value} +/- {spread} was {operator} '{threshold}'",
            }
