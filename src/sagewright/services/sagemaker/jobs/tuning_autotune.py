"""Autotune: fills in the settings that a request leaves open, and stores them as if they had been requested.

AWS doesn't publish its choices. Ours are: the ranges that AWS recommends for a built-in algorithm, and otherwise ranges around a
hint; a number of training jobs that fits the number of ranges; early stopping; an end by convergence. Source: AWS's API reference,
Autotune and AutoParameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.schema import catalogue
from sagewright.algorithms.schema.declaration import Declaration
from sagewright.model.documents import read_json
from sagewright.runtimes import images

JOBS_A_RANGE, FEWEST_JOBS, MOST_JOBS = 10, 20, 100
SPREAD = 10.0
"""Factor by which a range extends to both sides of its hint; for whole numbers, half the number of orders of magnitude."""
KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
Ranges = dict[str, list[dict[str, Any]]]


def autotuned(request: dict[str, Any]) -> dict[str, Any]:
    """Returns the request with all omissions filled in; unchanged if it has no Autotune, or no readable definition."""
    single, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    if "Autotune" not in request or (single is None) == (several is None):
        return request
    config = dict(request["HyperParameterTuningJobConfig"])
    if single is not None:
        definition, config["ParameterRanges"] = _definition(single, config.get("ParameterRanges") or {})
        definitions: dict[str, Any] = {"TrainingJobDefinition": definition}
        count = _count(config["ParameterRanges"])
        if config["Strategy"] != "Hyperband":
            config.setdefault("TrainingJobEarlyStoppingType", "Auto")
    else:  # each has its own ranges, and no training job is stopped early
        chosen = [_definition(one, one.get("HyperParameterRanges") or {}) for one in several or ()]
        definitions = {"TrainingJobDefinitions": [one | {"HyperParameterRanges": ranges} for one, ranges in chosen]}
        count = sum(_count(ranges) for _, ranges in chosen)
    return request | {"HyperParameterTuningJobConfig": config | _ends(config, count)} | definitions


def _definition(given: Mapping[str, Any], named: Mapping[str, Any]) -> tuple[dict[str, Any], Ranges]:
    """Returns a training job definition and its ranges. `named`: the ranges in the request."""
    static = dict(given.get("StaticHyperParameters") or {})
    ranges = _ranges(named, given, static)
    for kind in KINDS:
        for one in ranges.get(kind, ()):
            static.pop(one["Name"], None)
    return {"RetryStrategy": {"MaximumRetryAttempts": 3}, **given, "StaticHyperParameters": static}, ranges


def _count(ranges: Ranges) -> int:
    return sum(len(ranges.get(kind, ())) for kind in KINDS)


def _ends(config: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Returns the completion criteria of the tuning job. `count`: number of its ranges."""
    limits = dict(config["ResourceLimits"])
    criteria = dict(config.get("TuningJobCompletionCriteria") or {})
    if "MaxNumberOfTrainingJobs" not in limits and config["Strategy"] != "Grid":
        chosen = min(MOST_JOBS, max(FEWEST_JOBS, JOBS_A_RANGE * count))
        limits["MaxNumberOfTrainingJobs"] = max(chosen, limits["MaxParallelTrainingJobs"])
    criteria.setdefault("ConvergenceDetected", {"CompleteOnConvergence": "Enabled"})
    return {"ResourceLimits": limits, "TuningJobCompletionCriteria": criteria}


def _ranges(given: Mapping[str, Any], definition: Mapping[str, Any], static: dict[str, str]) -> Ranges:
    """Returns the requested ranges, those derived from hints, and a built-in algorithm's where there is neither. A hyperparameter
    with a hint but no range becomes static: SDK v2 sends all hyperparameters of an estimator as hints, including internal ones and
    those that can't be tuned.
    """
    ranges: Ranges = {kind: list(given.get(kind) or ()) for kind in KINDS}
    named = {one["Name"] for kind in KINDS for one in ranges[kind]}
    declared = _declared(definition)
    recommended = _recommended(declared)
    hints = [one for one in given.get("AutoParameters") or () if one["Name"] not in named]
    for hint in hints:
        found = recommended.get(hint["Name"]) or (None if declared else around(hint["Name"], hint["ValueHint"]))
        if found is None:
            static[hint["Name"]] = hint["ValueHint"]
        else:
            ranges[found[0]].append(found[1])
    if not hints and not named:
        for name, (kind, range_) in recommended.items():
            if name not in static:
                ranges[kind].append(range_)
    kept = {"AutoParameters": given["AutoParameters"]} if given.get("AutoParameters") else {}
    return {kind: found for kind, found in ranges.items() if found} | kept


def _declared(definition: Mapping[str, Any]) -> Declaration | None:
    image = definition["AlgorithmSpecification"].get("TrainingImage")
    return catalogue.find(images.resolve_image(image).repository) if image else None


def _recommended(declared: Declaration | None) -> dict[str, tuple[str, dict[str, Any]]]:
    if declared is None:
        return {}
    return {one["Name"]: (kind, one) for kind, found in declared.recommended_ranges().items() for one in found}


def around(name: str, hint: str) -> tuple[str, dict[str, Any]] | None:
    """Returns the kind of range and the range that a hint stands for; None if it is not a number, or is internal to the SDK."""
    if name.startswith(("sagemaker_", "_")):
        return None
    try:
        value = read_json(read_json(hint)) if hint.startswith('"') else read_json(hint)
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        step = max(1, round(abs(value) / SPREAD**0.5))
        ends = (step, max(step + 1, round(value * SPREAD**0.5))) if value > 0 else (value - step, value + step)
        return "IntegerParameterRanges", _range(name, *(str(end) for end in (ends if value else (0, 1))))
    if 0 < value < 1:
        low, high = value / SPREAD, min(value * SPREAD, (1 + value) / 2)
    else:
        low, high = sorted((value / SPREAD, value * SPREAD)) if value else (0.0, 1.0)
    return "ContinuousParameterRanges", _range(name, repr(low), repr(high))


def _range(name: str, low: str, high: str) -> dict[str, Any]:
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": "Auto"}
