"""Steps that run a job: processing, training, batch transform, tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.engine.pipelines.step_records import StepRecord
from sagewright.engine.pipelines.steps.base import StepContext, StepObservation, plain
from sagewright.engine.pipelines.steps.tracking import experiment_config
from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import Status
from sagewright.pipelines import retries
from sagewright.pipelines.plan import StepStatus
from sagewright.pipelines.step_types import JOB_INTERNAL_ERROR

EXECUTION_TAG = "sagemaker:pipeline-execution-arn"
MOST_TAGS = 50
ENDED: dict[str, StepStatus] = {
    Status.COMPLETED: StepStatus.SUCCEEDED,
    Status.FAILED: StepStatus.FAILED,
    Status.STOPPED: StepStatus.STOPPED,
}
EXCEPTIONS = {"InternalServerError": JOB_INTERNAL_ERROR, "CapacityError": retries.CAPACITY_ERROR}
MOST_TOP = 50


def tagged(context: StepContext, arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    """Returns the tags of a step's job: SDKs find the execution by one of them."""
    given = [one for one in arguments.get("Tags") or () if one.get("Key") != EXECUTION_TAG]
    return [*given, {"Key": EXECUTION_TAG, "Value": context.arn}] if len(given) < MOST_TAGS else given


@dataclass(frozen=True)
class JobSteps:
    """`noun`: TrainingJob, as in the names of its members; `metadata`: its member of the step's metadata; `tracked`: True if its
    requests have an ExperimentConfig; jobs created by it have one in any case."""

    noun: str
    metadata: str
    tracked: bool = True

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        request = {**record.arguments, f"{self.noun}Name": record.job, "Tags": tagged(context, record.arguments)}
        config = experiment_config(context)
        if config and self.tracked:
            request["ExperimentConfig"] = config | (record.arguments.get("ExperimentConfig") or {})
        try:
            arn = context.invoke(f"Create{self.noun}", request)[f"{self.noun}Arn"]
        except AwsError as error:
            if error.code != "ResourceInUse":
                raise
            arn = self._describe(context, record)[f"{self.noun}Arn"]  # created in an interrupted step
        return StepObservation(StepStatus.EXECUTING, {self.metadata: {"Arn": arn}})

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        described = self._describe(context, record)
        status = ENDED.get(described[f"{self.noun}Status"], StepStatus.EXECUTING)
        reason = described.get("FailureReason")
        if status == StepStatus.FAILED:
            fault = (reason or "").partition(":")[0]
            return StepObservation(status, reason=f"ClientError: {reason}"[:1024], exception=EXCEPTIONS.get(fault, ""))
        if status != StepStatus.SUCCEEDED:
            return StepObservation(status)
        return StepObservation(status, properties=plain(described) | self._more(context, record))

    def stop(self, context: StepContext, record: StepRecord) -> None:
        context.invoke(f"Stop{self.noun}", {f"{self.noun}Name": record.job})

    def _describe(self, context: StepContext, record: StepRecord) -> dict[str, Any]:
        return context.invoke(f"Describe{self.noun}", {f"{self.noun}Name": record.job})

    def _more(self, context: StepContext, record: StepRecord) -> dict[str, Any]:  # noqa: ARG002 - tuning steps have more
        return {}


class TuningSteps(JobSteps):
    """Tuning steps. Their properties list the training jobs, the best first: SDKs read the models of the best few."""

    def _more(self, context: StepContext, record: StepRecord) -> dict[str, Any]:
        config = context.invoke("DescribeHyperParameterTuningJob", {"HyperParameterTuningJobName": record.job})
        objective = config["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective", {})
        request = {
            "HyperParameterTuningJobName": record.job,
            "SortBy": "FinalObjectiveMetricValue",
            "SortOrder": "Ascending" if objective.get("Type") == "Minimize" else "Descending",
            "MaxResults": MOST_TOP,
        }
        return {"TrainingJobSummaries": plain(
            context.invoke("ListTrainingJobsForHyperParameterTuningJob", request)["TrainingJobSummaries"]
        )}  # fmt: skip


PROCESSING = JobSteps("ProcessingJob", "ProcessingJob")
TRAINING = JobSteps("TrainingJob", "TrainingJob")
TRANSFORM = JobSteps("TransformJob", "TransformJob")
TUNING = TuningSteps("HyperParameterTuningJob", "TuningJob", tracked=False)
