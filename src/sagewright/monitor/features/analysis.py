"""Analysis of the quality of data: of a baseline's data set, or of the data that an endpoint captured in a window.

Source: the developer guide, "Monitor data quality" and "Interpret results".
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sagewright.monitor import documents, metric_lines
from sagewright.monitor.datasets import (
    MAX_COLUMNS,
    CapturedRow,
    DatasetFormat,
    Row,
    captured_rows,
    records,
    rows,
)
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.features import reports
from sagewright.monitor.features.columns import FeatureColumn
from sagewright.monitor.features.violations import BaselineConstraints, drift, violations
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.metric_lines import Metric
from sagewright.monitor.scripts import postprocess, preprocessor

VIOLATIONS = "constraint_violations.json"


def analyze(job: MonitorJob) -> str:
    """Writes statistics.json and constraints.json, and for a job with a baseline its violations. Returns the exit message. Raises
    MonitorError."""
    constraints = documents.baseline(job, documents.CONSTRAINTS)
    known = [str(one.get("name")) for one in (constraints or {}).get("features") or () if isinstance(one, dict)]
    columns, items = _observe(job, known)
    if not items:
        raise MonitorError("Job inputs had no data")
    found = list(columns.values())
    documents.write(job.output, "statistics.json", reports.statistics(found, items))
    method = job.variables.get("categorical_drift_method")
    documents.write(job.output, "constraints.json", reports.constraints(found, method))
    message = "Completed: Job completed successfully with no violations."
    drifts: dict[str, float] = {}
    emits = True
    if constraints is not None:
        baseline = BaselineConstraints(constraints, documents.baseline(job, documents.STATISTICS) or {})
        emits = baseline.config.get("emit_metrics") == metric_lines.ENABLED
        drifts = {one.name: far for one in found if (far := drift(one, baseline)) is not None}
        violated = list(violations(found, baseline, drifts))
        documents.write(job.output, VIOLATIONS, {"violations": violated})
        if violated:
            message = f"CompletedWithViolations: Job completed successfully with {len(violated)} violations."
    if metric_lines.is_published(job) and emits:
        metric_lines.write(job, _metrics(found, drifts))
    postprocess(job)
    return message


def _observe(job: MonitorJob, known: list[str]) -> tuple[dict[str, FeatureColumn], int]:
    """Returns the columns and the number of rows."""
    form, items = DatasetFormat.read(job.variables.get("dataset_format")), 0
    excluded = set(filter(None, job.variables.get("exclude_features_attribute", "").split(",")))
    columns: dict[str, FeatureColumn] = {}
    for row in _captured(job, known) if form.is_captured else rows(job, form):
        items += 1
        for name, value in row.items():
            if name in excluded:
                continue
            column = columns.get(name)
            if column is None:
                if len(columns) == MAX_COLUMNS:
                    raise MonitorError(f"The data set has more than {MAX_COLUMNS} columns.")
                column = columns[name] = FeatureColumn(name)
            column.add(value)
    for column in columns.values():
        column.skip(items - column.present - column.missing)
    logging.info("%d rows of %d columns", items, len(columns))
    return columns, items


def _captured(job: MonitorJob, known: list[str]) -> Iterator[Row]:
    script = preprocessor(job)
    for place, record in records(job):
        if script is not None:
            yield from script.rows(place, record)
        else:
            yield from (_named(row, known) for row in captured_rows(place, record))


def _named(row: CapturedRow, known: list[str]) -> Row:
    """Returns one row's columns, predictions first as in a baseline's data set. Columns of CSV get the baseline's names by their
    positions; without a baseline, and beyond its columns, they are numbered."""
    cells = [*row.outputs, *row.inputs]
    if not all(name.isdecimal() for name, _value in cells):
        return {(f"_c{name}" if name.isdecimal() else name): value for name, value in cells}
    names = known[len(known) - len(row.inputs) :] if len(known) == len(row.inputs) else known
    values = [value for _name, value in (row.inputs if len(known) == len(row.inputs) else cells)]
    return {(names[at] if at < len(names) else f"_c{at}"): value for at, value in enumerate(values)}


def _metrics(columns: list[FeatureColumn], drifts: dict[str, float]) -> Iterator[Metric]:
    for column in columns:
        numbers = column.numbers
        if numbers.count:
            yield metric_lines.spread(
                f"feature_data_{column.name}", numbers.count, numbers.total, numbers.low, numbers.high
            )
        yield metric_lines.value(f"feature_non_null_{column.name}", column.completeness)
        if column.name in drifts:
            yield metric_lines.value(f"feature_baseline_drift_{column.name}", drifts[column.name])
