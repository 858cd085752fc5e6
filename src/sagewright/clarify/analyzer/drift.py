"""Drift from a baseline: constraint_violations.json, and metrics for CloudWatch, of jobs that monitors and check steps start.

Sources: the developer guide, "Bias drift violations", "Feature attribution drift violations", "CloudWatch metrics for bias drift
analysis" and "for feature drift analysis", "Feature attribution drift for models in production" (nDCG).
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.tables import Section

CONSTRAINTS = "baseline_constraints"
ENDPOINT, SCHEDULE, PUBLISH = (
    "sagemaker_endpoint_name",
    "sagemaker_monitoring_schedule_name",
    "publish_cloudwatch_metrics",
)
LEAST_NDCG = 0.9
UNBIASED = {"DI": 1.0}
"""Values of metrics without bias; 0 for all others."""
STAGES = {"pre_training_bias_metrics": "Pre-training", "post_training_bias_metrics": "Post-training"}
MAX_CONSTRAINTS_BYTES = 64 << 20


def check(job: ClarifyJob, analysis: Section, environment: Mapping[str, str] = os.environ) -> None:
    """Writes constraint_violations.json if the job has a baseline, and the metrics if it is a monitor's. Raises CustomerError."""
    if PUBLISH in environment and environment[PUBLISH].lower() == "enabled":
        _write_metrics(job, analysis, environment)
    place = environment.get(CONSTRAINTS)
    if not place:
        return
    baseline = _read(job.root / place.removeprefix("/opt/ml/").lstrip("/"))
    violations = [*_bias_violations(analysis, baseline), *_shap_violations(analysis, baseline)]
    logging.info("%d violations of the baseline's constraints", len(violations))
    document = {"version": "1.0", "violations": violations}
    text = json.dumps(document, indent=4)
    (job.output / "constraint_violations.json").write_text(text, encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    paths = [path] if path.is_file() else sorted(path.rglob("*.json"))
    try:
        if not paths or paths[0].stat().st_size > MAX_CONSTRAINTS_BYTES:
            raise CustomerError(
                f"The baseline constraints are missing, or have more than {MAX_CONSTRAINTS_BYTES >> 20} MiB."
            )
        found = json.loads(paths[0].read_bytes())
    except (ValueError, RecursionError):
        raise CustomerError(f"The baseline constraints {paths[0].name} are not valid JSON.") from None
    if not isinstance(found, dict):
        raise CustomerError(f"The baseline constraints {paths[0].name} are not a Clarify analysis.")
    return found


def _metrics(analysis: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yields section, facet, facet value and metric."""
    for section in STAGES:
        for facet, values in (analysis.get(section) or {}).get("facets", {}).items():
            for value in values:
                for metric in value.get("metrics", ()):
                    yield section, facet, str(value.get("value_or_threshold")), metric


def _bias_violations(analysis: Section, baseline: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yields a violation for each metric that is further from no bias than in the baseline."""
    before = {(section, facet, value, metric["name"]): metric for section, facet, value, metric in _metrics(baseline)}
    for section, facet, value, metric in _metrics(analysis):
        name = metric["name"]
        reference = before.get((section, facet, value, name))
        if reference is None:
            continue
        now, then = number(metric.get("value")), number(reference.get("value"))
        unbiased = UNBIASED.get(name, 0.0)
        if now is None or then is None or abs(now - unbiased) <= abs(then - unbiased):
            continue
        yield {
            "facet": facet,
            "facet_value": value,
            "metric_name": name,
            "constraint_check_type": "bias_drift_check",
            "description": f"Value {now} does not meet the constraint requirement",
        }


def number(value: Any) -> float | None:
    """Returns a metric's value; infinities are texts in analysis.json."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _shap_violations(analysis: Section, baseline: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yields a violation for each label whose order of features changed."""
    before = (baseline.get("explanations") or {}).get("kernel_shap") or {}
    for label, values in ((analysis.get("explanations") or {}).get("kernel_shap") or {}).items():
        reference = (before.get(label) or {}).get("global_shap_values")
        if not reference:
            continue
        score = ndcg(reference, values["global_shap_values"])
        if score < LEAST_NDCG:
            yield {
                "label": label,
                "metric_name": "shap",
                "constraint_check_type": "feature_attribution_drift_check",
                "description": f"Feature attribution drift {score} exceeds threshold {LEAST_NDCG}",
            }


def ndcg(baseline: Mapping[str, float], live: Mapping[str, float]) -> float:
    """Returns the normalised discounted cumulative gain of the baseline's attributions in the order of the live ones."""
    gains = {name: abs(value) for name, value in baseline.items()}
    order = sorted(gains, key=lambda name: -abs(live.get(name, 0.0)))
    ideal = _gain(sorted(gains.values(), reverse=True))
    return _gain([gains[name] for name in order]) / ideal if ideal else 1.0


def _gain(values: list[float]) -> float:
    return sum(value / math.log2(rank + 2) for rank, value in enumerate(values))


def _write_metrics(job: ClarifyJob, analysis: Section, environment: Mapping[str, str]) -> None:
    shared = [
        {"Name": name, "Value": environment[variable]}
        for name, variable in (("Endpoint", ENDPOINT), ("MonitoringSchedule", SCHEDULE))
        if environment.get(variable)
    ]
    time = (
        environment.get("metric_time")
        or environment.get("end_time")
        or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    folder = job.root / "output" / "metrics" / "cloudwatch"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "cloudwatch_metrics.jsonl").open("w", encoding="utf-8") as stream:
        for name, value, dimensions in (*_bias_metrics(analysis), *_shap_metrics(analysis)):
            named = [*shared, *({"Name": key, "Value": text} for key, text in dimensions.items())]
            line = {"MetricName": name, "Timestamp": time, "Dimensions": named, "Value": value}
            stream.write(json.dumps(line) + "\n")


def _bias_metrics(analysis: Section) -> Iterator[tuple[str, float, dict[str, str]]]:
    for section, facet, facet_value, metric in _metrics(analysis):
        value = number(metric.get("value"))
        if value is None or math.isnan(value):
            continue
        label = analysis[section]
        yield (
            f"bias_metric_{metric['name']}",
            max(-sys.float_info.max, min(value, sys.float_info.max)),
            {
                "BiasStage": STAGES[section],
                "Label": str(label.get("label")),
                "LabelValue": str(label.get("label_value_or_threshold")),
                "Facet": facet,
                "FacetValue": facet_value,
            },
        )


def _shap_metrics(analysis: Section) -> Iterator[tuple[str, float, dict[str, str]]]:
    for label, values in ((analysis.get("explanations") or {}).get("kernel_shap") or {}).items():
        dimensions = {"ExplainabilityMethod": "KernelShap", "Label": label}
        for feature, value in values["global_shap_values"].items():
            yield f"feature_{feature}", value, {**dimensions, "ValueType": "GlobalShapValues"}
        yield "ExpectedValue", values["expected_value"], {**dimensions, "ValueType": "ExpectedValue"}
