"""Explanations of an endpoint's predictions: checks of ExplainerConfig, and the container that explains.

Source: AWS's API reference, ClarifyExplainerConfig; the developer guide, "Online Explainability with SageMaker Clarify".
"""

from __future__ import annotations

import json
import re
from typing import Any

from sagewright.model.errors import ValidationException

IMAGE = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
HOSTNAME = "clarify-explainer"
CONFIGURATION, EXPLAINED_IMAGE = "SAGEWRIGHT_EXPLAINER", "SAGEWRIGHT_EXPLAINED_IMAGE"
"""Variables that `sagewright.clarify.online.settings` reads."""
MEDIA = ("text/csv", "application/jsonlines")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""One record is too little work for several threads, which wait for each other on a busy machine."""
_EVALUATED = re.compile(r"(?:^|/)(sagemaker-xgboost|xgboost|linear-learner)(?:[:@]|$)")
"""Images whose artefacts the explainer can evaluate itself."""


def explainer_config(config: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the ClarifyExplainerConfig of an endpoint configuration, None if it has none."""
    found: dict[str, Any] | None = (config.get("ExplainerConfig") or {}).get("ClarifyExplainerConfig")
    return found


def check(request: dict[str, Any]) -> None:
    """Raises ValidationException for models that can't be explained, or for contradicting settings."""
    explainer = explainer_config(request)
    if explainer is None:
        return
    for member in ("AsyncInferenceConfig", "ShadowProductionVariants"):
        if request.get(member):
            raise ValidationException(f"ExplainerConfig is not supported with {member}.")
    for one in request["ProductionVariants"]:
        if "ServerlessConfig" in one:
            raise ValidationException(
                f"ExplainerConfig is not supported for serverless variants, and {one['VariantName']} is one."
            )
    inference = explainer.get("InferenceConfig") or {}
    _check_baseline(explainer["ShapConfig"]["ShapBaselineConfig"])
    _check_inference(inference)
    types = inference.get("FeatureTypes")
    if "TextConfig" in explainer["ShapConfig"] and types and "text" not in types:
        raise ValidationException("TextConfig needs a feature of the type text, and FeatureTypes has none.")
    if "TextConfig" not in explainer["ShapConfig"] and "text" in (types or ()):
        raise ValidationException("FeatureTypes has a text, which needs the TextConfig of ShapConfig.")


def _check_baseline(baseline: dict[str, Any]) -> None:
    given = [name for name in ("ShapBaseline", "ShapBaselineUri") if baseline.get(name)]
    if len(given) != 1:
        raise ValidationException(
            f"ShapBaselineConfig needs either ShapBaseline or ShapBaselineUri, got {' and '.join(given) or 'neither'}."
        )
    media = baseline.get("MimeType")
    if media and media not in MEDIA:
        raise ValidationException(f"MimeType of ShapBaselineConfig must be one of {', '.join(MEDIA)}, got {media}.")


def _check_inference(inference: dict[str, Any]) -> None:
    headers, types = inference.get("FeatureHeaders"), inference.get("FeatureTypes")
    if headers and types and len(headers) != len(types):
        raise ValidationException(
            f"FeatureHeaders has {len(headers)} entries, and FeatureTypes {len(types)}: they must be as many."
        )
    if headers and len(set(headers)) < len(headers):
        twice = next(name for name in headers if headers.count(name) > 1)
        raise ValidationException(f"FeatureHeaders must be unique: {twice} is given twice.")
    if "ContentTemplate" in inference and "$features" not in inference["ContentTemplate"]:
        raise ValidationException(
            f"ContentTemplate must contain the placeholder $features, got {inference['ContentTemplate']}."
        )
    for name in ("Probability", "Label"):
        if f"{name}Index" in inference and f"{name}Attribute" in inference:
            raise ValidationException(f"{name}Index is for CSV and {name}Attribute for JSON Lines: give one of them.")


def check_expressions(explainer: dict[str, Any]) -> None:
    """Raises ValidationException for an invalid JMESPath expression: the endpoint can't be created."""
    import jmespath  # the server's start needs no expression
    from jmespath.exceptions import JMESPathError

    inference = explainer.get("InferenceConfig") or {}
    members = {name: inference.get(name) for name in ("FeaturesAttribute", "ProbabilityAttribute", "LabelAttribute")}
    for name, expression in {"EnableExplanations": explainer.get("EnableExplanations"), **members}.items():
        if not expression:
            continue
        try:
            jmespath.compile(expression)
        except (JMESPathError, ValueError, RecursionError) as error:
            raise ValidationException(
                f"{name} of the ClarifyExplainerConfig is not a valid JMESPath expression: {expression!r}: {str(error)[:200]}"
            ) from None


def explainer_container(config: dict[str, Any], model: dict[str, Any], isolated: bool) -> dict[str, Any] | None:
    """Returns the container that explains a model's predictions, None if the configuration requests none.

    `model`: its document with Containers. Raises ValidationException for a model whose predictions can't be explained.
    """
    explainer = explainer_config(config)
    if explainer is None:
        return None
    check_expressions(explainer)
    containers = model["Containers"]
    if (model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct":
        raise ValidationException("ExplainerConfig is not supported for models in the Mode Direct.")
    if isolated and explainer["ShapConfig"]["ShapBaselineConfig"].get("ShapBaselineUri"):
        raise ValidationException(
            "ShapBaselineUri can't be read under EnableNetworkIsolation: give the baseline as ShapBaseline."
        )
    environment = {CONFIGURATION: json.dumps(explainer), **_ONE_THREAD}
    container: dict[str, Any] = {"Image": IMAGE, "ContainerHostname": HOSTNAME, "Environment": environment}
    if len(containers) == 1 and _is_evaluated(containers[0]):
        environment[EXPLAINED_IMAGE] = containers[0]["Image"]
        container |= {
            name: containers[0][name] for name in ("ModelDataUrl", "ModelDataSource") if name in containers[0]
        }
    return container


def _is_evaluated(container: dict[str, Any]) -> bool:
    """True if the artefact of the container's model is a built-in algorithm's, which no program of the user serves. The models of
    a multi-model container are many, and asked for scores."""
    environment = container.get("Environment") or {}
    return (
        container.get("Mode") != "MultiModel"
        and _EVALUATED.search(container["Image"]) is not None
        and "SAGEMAKER_PROGRAM" not in environment
    )
