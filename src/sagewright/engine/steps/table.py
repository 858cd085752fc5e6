"""The types of steps."""

from __future__ import annotations

from sagewright.engine.steps import functions, jobs, light, lineage, waiting
from sagewright.engine.steps.base import StepKind

KINDS: dict[str, StepKind] = {
    "Processing": jobs.PROCESSING,
    "Training": jobs.TRAINING,
    "Transform": jobs.TRANSFORM,
    "Tuning": jobs.TUNING,
    "Model": light.MODEL,
    "RegisterModel": light.REGISTER,
    "Condition": light.CONDITION,
    "Fail": light.FAIL,
    "EndpointConfig": light.ENDPOINT_CONFIG,
    "Endpoint": waiting.ENDPOINT,
    "InferenceComponent": waiting.COMPONENT,
    "Callback": waiting.CALLBACK,
    "Lambda": functions.FUNCTION,
    "Lineage": lineage.LINEAGE,
}
OPERATIONS = {
    "Processing": "CreateProcessingJob",
    "Training": "CreateTrainingJob",
    "Transform": "CreateTransformJob",
    "Tuning": "CreateHyperParameterTuningJob",
    "Model": "CreateModel",
    "RegisterModel": "CreateModelPackage",
    "EndpointConfig": "CreateEndpointConfig",
    "Endpoint": "CreateEndpoint",
    "InferenceComponent": "CreateInferenceComponent",
}
"""The call behind each: its request's members are what arguments may have."""
LOOKED_AFTER = frozenset({*OPERATIONS, "Callback", "Lambda"})
"""Types whose steps go on for a while: their rows are written before anything is asked for."""
NAMES = {
    "Processing": "ProcessingJobName",
    "Training": "TrainingJobName",
    "Transform": "TransformJobName",
    "Tuning": "HyperParameterTuningJobName",
    "Model": "ModelName",
}
"""Members that name what a step makes: in its arguments they are prefixes."""
LONGEST = {"Tuning": 32}
"""Names of what steps make have 63 characters, or so many."""


LACKING = {
    "ClarifyCheck": "Clarify's analyses are not built",
    "QualityCheck": "Model Monitor's baselines and checks are not built",
    "AutoML": "Autopilot's jobs are not built",
    "EMR": "there are no EMR clusters here; a Processing step with a PySparkProcessor runs Spark",
    "EMRServerless": "there is no EMR Serverless here; a Processing step with a PySparkProcessor runs Spark",
}
"""What is missing where a step of another type is asked for."""


def why_not(type_: str) -> str | None:
    """Why steps of a type can't run here, None if they can."""
    return None if type_ in KINDS else LACKING.get(type_, "what it would call is not built")


def kind_of(type_: str) -> StepKind:
    return KINDS.get(type_) or light.not_yet(type_)
