"""statistics.json and constraints.json of a data set.

Source: the developer guide, "Schema for statistics" and "Schema for constraints".
"""

from __future__ import annotations

from typing import Any

from sagewright.monitor.features.columns import FeatureColumn, InferredType

MAX_DOMAIN = 100
"""Distinct values of a text column that are still a domain."""
LEAST_REPEATS = 10
"""Average number of times that each value of a domain occurs."""
MONITORING_CONFIG: dict[str, Any] = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1,
        "categorical_drift_method": "LInfinity",
    },
}


def statistics(columns: list[FeatureColumn], items: int) -> dict[str, Any]:
    return {"version": 0.0, "dataset": {"item_count": items}, "features": [_statistics(one) for one in columns]}


def constraints(columns: list[FeatureColumn], drift_method: str | None) -> dict[str, Any]:
    """Returns constraints that the data set satisfies. `drift_method`: of text columns, None for the default."""
    distribution = MONITORING_CONFIG["distribution_constraints"]
    if drift_method:
        distribution = {**distribution, "categorical_drift_method": drift_method}
    return {
        "version": 0.0,
        "features": [_constraints(one) for one in columns],
        "monitoring_config": {**MONITORING_CONFIG, "distribution_constraints": distribution},
    }


def _statistics(column: FeatureColumn) -> dict[str, Any]:
    common = {"num_present": column.present, "num_missing": column.missing}
    head: dict[str, Any] = {"name": column.name, "inferred_type": column.type.value}
    if column.type in {InferredType.INTEGRAL, InferredType.FRACTIONAL}:
        numbers = column.numbers
        kll = {"buckets": column.sketch.buckets(numbers.low, numbers.high), "sketch": column.sketch.document()}
        return head | {
            "numerical_statistics": {
                "common": common,
                "mean": numbers.mean,
                "sum": numbers.total,
                "std_dev": numbers.deviation,
                "min": numbers.low,
                "max": numbers.high,
                "distribution": {"kll": kll},
            }
        }
    if column.type is InferredType.UNKNOWN:
        return head
    described: dict[str, Any] = {"common": common, "distinct_count": float(column.distinct)}
    if column.counts is not None:
        ordered = sorted(column.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        described["distribution"] = {
            "categorical": {"buckets": [{"value": value, "count": count} for value, count in ordered]}
        }
    return head | {"string_statistics": described}


def _constraints(column: FeatureColumn) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": column.name,
        "inferred_type": column.type.value,
        "completeness": column.completeness,
    }
    if column.type in {InferredType.INTEGRAL, InferredType.FRACTIONAL}:
        found["num_constraints"] = {"is_non_negative": column.numbers.low >= 0}
    elif column.type is InferredType.STRING and column.counts is not None:
        few = len(column.counts) <= MAX_DOMAIN and len(column.counts) * LEAST_REPEATS <= column.present
        if few:
            found["string_constraints"] = {"domains": sorted(column.counts)}
    return found
