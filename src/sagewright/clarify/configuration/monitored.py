"""The configuration of a monitor's job: omitted members are in the job's environment.

The SDK's monitors write neither dataset_type nor the methods of a bias analysis, and name attributes of captured records in the
monitor's input. Source: `BiasAnalysisConfig` and `ExplainabilityAnalysisConfig` of the SageMaker Python SDK; the developer guide,
"Container contract inputs".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CAPTURED = "application/sagemakercapturejson"
FORMAT, ANALYSIS = "dataset_format", "analysis_type"
_CAPTURED_FORMATS = {"sagemakerCaptureJson", "sagemakerMergeJson"}
_OF_BIAS = {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}}


def completed(document: Any, environment: Mapping[str, str]) -> Any:
    """Returns the configuration with the members that the environment gives; unchanged unless the job belongs to a monitor."""
    monitored = _dataset_type(environment)
    if not isinstance(document, dict) or monitored is None:
        return document
    made = {"dataset_type": monitored, **document}
    if monitored == CAPTURED:
        made["dataset_type"] = CAPTURED
    if environment.get(ANALYSIS) == "MODEL_BIAS":
        made.setdefault("methods", _OF_BIAS)
    if environment.get("features_attribute"):
        made.setdefault("features", environment["features_attribute"])
    threshold = _number(environment.get("probability_threshold_attribute"))
    if threshold is not None:
        made.setdefault("probability_threshold", threshold)
    predictor = document.get("predictor", {})
    if isinstance(predictor, dict):
        given = {
            member: _column(environment[variable])
            for member, variable in (("label", "inference_attribute"), ("probability", "probability_attribute"))
            if environment.get(variable)
        }
        if predictor or given:
            made["predictor"] = given | predictor
    return made


def _dataset_type(environment: Mapping[str, str]) -> str | None:
    """Returns the data type of what is monitored: captured records, or inputs of transform jobs; None for other jobs."""
    try:
        form = json.loads(environment.get(FORMAT) or "{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(form, dict):
        return None
    if _CAPTURED_FORMATS & set(form):
        return CAPTURED
    options = form.get("json")
    by_line = isinstance(options, dict) and any(str(options.get(name)).lower() == "true" for name in ("line", "lines"))
    types = {
        "csv": "text/csv",
        "json": f"application/json{'lines' if by_line else ''}",
        "parquet": "application/x-parquet",
    }
    return next((types[name] for name in form if name in types), None)


def _column(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < 10 else text


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
