"""The configuration of a monitor's job: what it leaves out is in the job's environment.

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
    """Returns the configuration with the members that the environment gives; unchanged for a job over other data."""
    if not isinstance(document, dict) or not _is_of_captured_data(environment):
        return document
    made = {**document, "dataset_type": CAPTURED}
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


def _is_of_captured_data(environment: Mapping[str, str]) -> bool:
    try:
        form = json.loads(environment.get(FORMAT) or "{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(form, dict) and bool(_CAPTURED_FORMATS & set(form))


def _column(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < 10 else text


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
