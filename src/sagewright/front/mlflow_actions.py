"""The action of IAM that a request to a tracking server asks for.

Source: the service authorization reference, "Actions defined by Amazon SageMaker with MLflow"; MLflow's REST API.
"""

from __future__ import annotations

import re

from sagewright.http.messages import HttpRequest

_PATH = re.compile(r"/(?:ajax-)?api/[0-9.]+/(?:preview/)?mlflow/([a-z-]+)/?([a-z-]*)")
_NOUNS = {
    "experiments": "Experiment",
    "logged-models": "LoggedModel",
    "model-versions": "ModelVersion",
    "registered-models": "RegisteredModel",
    "runs": "Run",
}
_VERBS = ("create", "delete", "get", "rename", "restore", "search", "update")
_NAMED = {
    ("artifacts", "list"): "ListArtifacts",
    ("experiments", "get-by-name"): "GetExperimentByName",
    ("experiments", "set-experiment-tag"): "SetExperimentTag",
    ("metrics", "get-history"): "GetMetricHistory",
    ("model-versions", "delete-tag"): "DeleteModelVersionTag",
    ("model-versions", "get-download-uri"): "GetDownloadURIForModelVersionArtifacts",
    ("model-versions", "set-tag"): "SetModelVersionTag",
    ("model-versions", "transition-stage"): "TransitionModelVersionStage",
    ("registered-models", "alias"): "SetRegisteredModelAlias",
    ("registered-models", "delete-tag"): "DeleteRegisteredModelTag",
    ("registered-models", "get-latest-versions"): "GetLatestModelVersions",
    ("registered-models", "set-tag"): "SetRegisteredModelTag",
    ("runs", "delete-tag"): "DeleteTag",
    ("runs", "log-batch"): "LogBatch",
    ("runs", "log-inputs"): "LogInputs",
    ("runs", "log-metric"): "LogMetric",
    ("runs", "log-model"): "LogModel",
    ("runs", "log-parameter"): "LogParam",
    ("runs", "outputs"): "LogOutputs",
    ("runs", "set-tag"): "SetTag",
}
_ALIASES = {"GET": "GetModelVersionByAlias", "DELETE": "DeleteRegisteredModelAlias"}
OTHERWISE = "AccessUI"
"""Action of a request without a specific one."""


def mlflow_action(request: HttpRequest) -> str:
    """Returns the action's name, without the prefix `sagemaker-mlflow:`."""
    found = _PATH.match(request.path)
    if found is None:
        return OTHERWISE
    collection, verb = found[1], found[2]
    if (collection, verb) == ("registered-models", "alias") and request.method in _ALIASES:
        return _ALIASES[request.method]
    if (name := _NAMED.get((collection, verb))) is not None:
        return name
    noun = _NOUNS.get(collection)
    if noun is None or verb not in _VERBS:
        return OTHERWISE
    return f"{verb.capitalize()}{noun}{'s' if verb == 'search' else ''}"
