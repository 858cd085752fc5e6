"""Violations of a baseline's constraints by the current data.

Source: the developer guide, "Schema for violations" and "Schema for constraints".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.monitor.features.columns import FeatureColumn, InferredType
from sagewright.monitor.features.kll import KllSketch, distance
from sagewright.monitor.features.reports import MONITORING_CONFIG

Violation = dict[str, str]
ENABLED = "Enabled"


class BaselineConstraints:
    """Constraints and statistics of a baseline, by the name of a feature."""

    def __init__(self, constraints: dict[str, Any], statistics: dict[str, Any]) -> None:
        self.constraints = _by_name(constraints)
        self.statistics = _by_name(statistics)
        given = constraints.get("monitoring_config")
        config = given if isinstance(given, dict) else {}
        self.config = {**MONITORING_CONFIG, **config}
        distribution = config.get("distribution_constraints")
        self.distribution = {
            **MONITORING_CONFIG["distribution_constraints"],
            **(distribution if isinstance(distribution, dict) else {}),
        }

    def config_of(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the settings of a feature: monitoringConfigOverrides come before monitoring_config."""
        own = self.constraints.get(name, {}).get("monitoringConfigOverrides")
        own = own if isinstance(own, dict) else {}
        distribution = own.get("distribution_constraints")
        return {**self.config, **own}, {
            **self.distribution,
            **(distribution if isinstance(distribution, dict) else {}),
        }


def drift(column: FeatureColumn, baseline: BaselineConstraints) -> float | None:
    """Returns the distance of a column's distribution from the baseline's; None where there is nothing to compare."""
    known = baseline.statistics.get(column.name, {})
    _config, distribution = baseline.config_of(column.name)
    numerical, text = known.get("numerical_statistics"), known.get("string_statistics")
    if isinstance(numerical, dict) and column.numbers.count:
        try:
            sketch = KllSketch.read(numerical["distribution"]["kll"]["sketch"])
        except (KeyError, TypeError, ValueError):
            return None
        return distance(column.sketch, sketch, robust=distribution.get("comparison_method") != "Simple")
    if isinstance(text, dict) and column.counts:
        try:
            before = {str(one["value"]): float(one["count"]) for one in text["distribution"]["categorical"]["buckets"]}
        except (KeyError, TypeError, ValueError):
            return None
        chi = distribution.get("categorical_drift_method") == "ChiSquared"
        return _chi_squared(column.counts, before) if chi else _largest(column.counts, before)
    return None


def violations(
    columns: list[FeatureColumn], baseline: BaselineConstraints, drifts: dict[str, float]
) -> Iterator[Violation]:
    """Yields the violations of all columns; `drifts`: distances by column."""
    if baseline.config.get("evaluate_constraints") != ENABLED:
        return
    yield from _column_violations({one.name for one in columns}, set(baseline.constraints))
    for column in columns:
        constraint = baseline.constraints.get(column.name)
        if constraint is not None:
            config, distribution = baseline.config_of(column.name)
            if config.get("evaluate_constraints") == ENABLED:
                yield from _value_violations(column, constraint, config)
                yield from _drift_violations(column, constraint, distribution, drifts.get(column.name))


def _column_violations(current: set[str], expected: set[str]) -> Iterator[Violation]:
    counts = f"Number of columns in current dataset: {len(current)}, Number of columns in baseline constraints: {len(expected)}"
    for kind, names in (("missing", expected - current), ("extra", current - expected)):
        if names:
            yield _violation(
                min(names), f"{kind}_column_check", f"There are {kind} columns in current dataset. {counts}"
            )


def _value_violations(column: FeatureColumn, constraint: dict[str, Any], config: dict[str, Any]) -> Iterator[Violation]:
    expected = str(constraint.get("inferred_type", InferredType.UNKNOWN))
    share, least = column.share_of(expected), _number(config.get("datatype_check_threshold"), 1.0)
    if share < least:
        yield _violation(
            column.name,
            "data_type_check",
            f"Data type match requirement is not met. Expected data type: {expected}, Expected match: {least * 100}%. "
            f"Observed: Only {share * 100}% of data is {expected}.",
        )
    complete = _number(constraint.get("completeness"), 0.0)
    if column.completeness < complete:
        yield _violation(
            column.name,
            "completeness_check",
            f"Data completeness requirement is not met. Expected completeness: {complete * 100}%. "
            f"Observed: Only {column.completeness * 100}% of data is present.",
        )
    strings = constraint.get("string_constraints")
    domains = strings.get("domains") if isinstance(strings, dict) else None
    if isinstance(domains, list) and column.present:
        known = set(map(str, domains))
        fitting = sum(count for value, count in (column.counts or {}).items() if value in known) / column.present
        least = _number(config.get("domain_content_threshold"), 1.0)
        if fitting < least:
            yield _violation(
                column.name,
                "categorical_values_check",
                f"Categorical values requirement is not met. Expected match: {least * 100}%. "
                f"Observed: Only {fitting * 100}% of the values are in the baseline's domain.",
            )


def _drift_violations(
    column: FeatureColumn, constraint: dict[str, Any], distribution: dict[str, Any], found: float | None
) -> Iterator[Violation]:
    if found is None or distribution.get("perform_comparison") != ENABLED:
        return
    text = constraint.get("inferred_type") == InferredType.STRING
    name = "categorical_comparison_threshold" if text else "comparison_threshold"
    if text and distribution.get("categorical_drift_method") == "ChiSquared":
        limit = _number(distribution.get(name), 0.05)
        if found < limit:  # a p-value
            yield _violation(
                column.name,
                "baseline_drift_check",
                f"BaselineConstraints drift p-value: {found} is below threshold: {limit}",
            )
        return
    limit = _number(distribution.get(name), 0.1)
    if found > limit:
        yield _violation(
            column.name,
            "baseline_drift_check",
            f"BaselineConstraints drift distance: {found} exceeds threshold: {limit}",
        )


def _largest(current: dict[str, int], before: dict[str, float]) -> float:
    """Returns the largest difference of a value's share."""
    now, then = sum(current.values()) or 1, sum(before.values()) or 1
    return max(abs(current.get(one, 0) / now - before.get(one, 0) / then) for one in {*current, *before})


def _chi_squared(current: dict[str, int], before: dict[str, float]) -> float:
    """Returns the p-value of the current counts under the baseline's shares; a new value makes it 0."""
    from scipy.stats import chi2

    total, whole = sum(current.values()), sum(before.values())
    if not whole or any(not before.get(value) for value in current):
        return 0.0
    expected = {value: count / whole * total for value, count in before.items() if count}
    statistic = sum((current.get(value, 0) - count) ** 2 / count for value, count in expected.items())
    return float(chi2.sf(statistic, max(1, len(expected) - 1)))


def _violation(name: str, check: str, description: str) -> Violation:
    return {"feature_name": name, "constraint_check_type": check, "description": description}


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def _by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    features = document.get("features")
    entries = features if isinstance(features, list) else []
    return {str(one["name"]): one for one in entries if isinstance(one, dict) and "name" in one}
