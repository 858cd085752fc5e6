"""The types of steps."""

from __future__ import annotations

from sagewright.engine.pipelines.steps import functions, jobs, light, lineage, waiting
from sagewright.engine.pipelines.steps.base import StepKind

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
"""The call behind each."""
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
    "Athena": "Athena's queries are not built",
    "BedrockCustomModel": "Bedrock is not served",
    "BedrockCustomModelDeployment": "Bedrock is not served",
    "BedrockModelImport": "Bedrock is not served",
    "BedrockProvisionedModelThroughput": "Bedrock is not served",
    "Cleanup": "deleting the outputs of other steps is not built",
    "ForEach": "steps for each item of a list are not built",
    "HubContent": "hubs are not built",
    "Job": "CreateJob is not served",
    "NotebookJob": "a notebook job is a Training step, as both SDKs send it",
}
"""The types of steps that are accepted and fail when an execution reaches them, with the reason."""
REQUESTS = OPERATIONS | {
    "AutoML": "CreateAutoMLJob",
    "ClarifyCheck": "CreateProcessingJob",
    "Job": "CreateJob",
    "QualityCheck": "CreateProcessingJob",
}
"""The request whose members a step's arguments may have, by its type."""


def kind_of(type_: str) -> StepKind:
    return KINDS.get(type_) or light.unavailable(type_, LACKING.get(type_, "its call is not built"))
