"""Types of steps: one declaration each, which definitions, caching, retries, the engine and the reference page read.

Source: AWS's developer guide, "Pipelines steps", "Caching pipeline steps" and "Retry policy for pipeline steps"; the steps of the
SDKs' `workflow` packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

JOB_INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
_STEPS = "sagewright.engine.pipelines.steps"


@dataclass(frozen=True)
class StepType:
    """One type of step.

    `runs`: MODULE:NAME of the object that implements it (`engine.pipelines.steps.base.StepKind`); "" for an unsupported type, whose
    steps fail with `lacking` as the reason. `operation`: the operation that it calls, whose members its arguments have.
    `name_member`: member of the arguments that names the created resource, where a given name is a prefix; `longest_name`: in
    characters. `called_member`: member of the step that names the function or queue it calls. `cache_keys`: paths of the arguments
    that decide whether two steps are equal; none for a type that is not cached. `retried`: True if it accepts RetryPolicies, except
    for the exception types of `not_retried`. `iterated`: True if a ForEach step can contain it. `polled`: True if no event reports
    its end.
    """

    name: str
    runs: str = ""
    lacking: str = ""
    operation: str = ""
    name_member: str = ""
    longest_name: int = 63
    called_member: str = ""
    cache_keys: tuple[str, ...] = ()
    retried: bool = False
    not_retried: frozenset[str] = frozenset()
    iterated: bool = True
    polled: bool = False

    @property
    def makes_job(self) -> bool:
        return bool(self.runs) and self.operation.endswith("Job")

    @property
    def recorded_first(self) -> bool:
        """True if the step's row is written before it begins, since it calls something that a restart must not repeat."""
        return bool(self.runs) and bool(self.operation or self.called_member)


_types: dict[str, StepType] = {}


def register(declared: StepType) -> StepType:
    """Registers a type. Raises RuntimeError for a duplicate name."""
    if declared.name in _types:
        raise RuntimeError(f"the type of step {declared.name} is registered twice")
    _types[declared.name] = declared
    return declared


def step_type(name: str) -> StepType:
    """Returns the type with that name. Raises KeyError."""
    return _types[name]


def is_type(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and name in _types


def step_types() -> Iterator[StepType]:
    return iter(_types.values())


register(
    StepType(
        "Processing",
        runs=f"{_STEPS}.jobs:PROCESSING",
        operation="CreateProcessingJob",
        name_member="ProcessingJobName",
        cache_keys=("AppSpecification", "Environment", "ProcessingInputs"),
        retried=True,
    )
)
register(
    StepType(
        "Training",
        runs=f"{_STEPS}.jobs:TRAINING",
        operation="CreateTrainingJob",
        name_member="TrainingJobName",
        cache_keys=(
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        ),
        retried=True,
    )
)
register(
    StepType(
        "Transform",
        runs=f"{_STEPS}.jobs:TRANSFORM",
        operation="CreateTransformJob",
        name_member="TransformJobName",
        cache_keys=("DataProcessing", "Environment", "ModelName", "TransformInput"),
        retried=True,
    )
)
register(
    StepType(
        "Tuning",
        runs=f"{_STEPS}.jobs:TUNING",
        operation="CreateHyperParameterTuningJob",
        name_member="HyperParameterTuningJobName",
        longest_name=32,
        cache_keys=(
            "HyperParameterTuningJobConfig",
            "TrainingJobDefinition.AlgorithmSpecification",
            "TrainingJobDefinition.HyperParameterRanges",
            "TrainingJobDefinition.InputDataConfig",
            "TrainingJobDefinition.StaticHyperParameters",
            "TrainingJobDefinition.TuningObjective",
            "TrainingJobDefinitions",
        ),
        retried=True,
        not_retried=frozenset({JOB_INTERNAL_ERROR}),
    )
)
register(
    StepType("Model", runs=f"{_STEPS}.light:MODEL", operation="CreateModel", name_member="ModelName", retried=True)
)
register(StepType("RegisterModel", runs=f"{_STEPS}.light:REGISTER", operation="CreateModelPackage", retried=True))
register(StepType("Condition", runs=f"{_STEPS}.light:CONDITION", iterated=False))
register(StepType("Fail", runs=f"{_STEPS}.light:FAIL", iterated=False))
register(
    StepType(
        "EndpointConfig",
        runs=f"{_STEPS}.light:ENDPOINT_CONFIG",
        operation="CreateEndpointConfig",
        cache_keys=("ProductionVariants", "ShadowProductionVariants", "DataCaptureConfig", "AsyncInferenceConfig"),
        retried=True,
    )
)
register(
    StepType(
        "Endpoint",
        runs=f"{_STEPS}.waiting:ENDPOINT",
        operation="CreateEndpoint",
        cache_keys=("EndpointName", "EndpointConfigName"),
        polled=True,
    )
)
register(
    StepType(
        "InferenceComponent", runs=f"{_STEPS}.waiting:COMPONENT", operation="CreateInferenceComponent", polled=True
    )
)
register(
    StepType(
        "Callback",
        runs=f"{_STEPS}.waiting:CALLBACK",
        called_member="SqsQueueUrl",
        cache_keys=("SqsQueueUrl", "Inputs", "OutputParameters"),
    )
)
register(
    StepType(
        "Lambda",
        runs=f"{_STEPS}.functions:FUNCTION",
        called_member="FunctionArn",
        cache_keys=("FunctionArn", "Inputs", "OutputParameters"),
    )
)
register(StepType("Lineage", runs=f"{_STEPS}.lineage:LINEAGE"))
register(
    StepType(
        "AutoML",
        lacking="Autopilot's jobs are not built",
        operation="CreateAutoMLJob",
        retried=True,
        not_retried=frozenset({JOB_INTERNAL_ERROR}),
    )
)
for _check, _object in (("ClarifyCheck", "CLARIFY"), ("QualityCheck", "QUALITY")):
    register(
        StepType(
            _check,
            runs=f"{_STEPS}.checks:{_object}",
            operation="CreateProcessingJob",
            name_member="ProcessingJobName",
            cache_keys=("AppSpecification", "Environment", "ProcessingInputs"),
        )
    )
register(StepType("Job", lacking="CreateJob is not served", operation="CreateJob", retried=True))
register(StepType("NotebookJob", lacking="a notebook job is a Training step, as both SDKs send it", retried=True))
for _cluster, _where in (("EMR", "are no EMR clusters"), ("EMRServerless", "is no EMR Serverless")):
    _lacking = f"there {_where}; a Processing step with a PySparkProcessor runs Spark"
    register(StepType(_cluster, lacking=_lacking, retried=True))
for _name, _lacking in {
    "Athena": "Athena's queries are not built",
    "BedrockCustomModel": "Bedrock is not served",
    "BedrockCustomModelDeployment": "Bedrock is not served",
    "BedrockModelImport": "Bedrock is not served",
    "BedrockProvisionedModelThroughput": "Bedrock is not served",
    "Cleanup": "deleting the outputs of other steps is not built",
    "HubContent": "hubs are not built",
}.items():
    register(StepType(_name, lacking=_lacking))
register(StepType("ForEach", lacking="steps for each item of a list are not built", iterated=False))
