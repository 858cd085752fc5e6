"""The request of a notebook job, as AWS's clients make it.

Source: sagemaker.workflow.notebook_job_step of SageMaker's Python SDK (Apache 2.0): entry point, variables and tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

DRIVER = "amazon_sagemaker_scheduler"
CHANNEL = "sagemaker_headless_execution_pipelinestep"
IS_JOB, NAME, ORIGIN = (
    "sagemaker:is-scheduling-notebook-job",
    "sagemaker:notebook-name",
    "sagemaker:notebook-job-origin",
)
LABEL, DEFINITION, KERNEL_IMAGE = (
    "sagewright:notebook-job-name",
    "sagewright:notebook-job-definition",
    "sagewright:notebook-environment",
)
"""Sagewright's own tags: the name that the user gave, the schedule that started the job, and the environment that was chosen."""
MOST_NAME = 63
_RUN = "<aws.scheduler.execution-id>"
_RUN_LENGTH = 36


class BadNotebookJob(ValueError):
    """The job can't be requested; the message says why."""


@dataclass(frozen=True)
class NotebookJob:
    """`notebook`, `startup_script`: names of files in the input folder. `image`: its URI; `environment_name`: the chosen name."""

    label: str
    notebook: str
    role: str
    image: str
    kernel: str = "python3"
    instance_type: str = "ml.m5.large"
    parameters: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    startup_script: str = ""
    retries: int = 1
    max_runtime_s: int = 172_800
    environment_name: str = ""
    definition: str = ""

    def __post_init__(self) -> None:
        for what, value, least, most in (
            ("retries", self.retries, 1, 30),
            ("max_runtime_s", self.max_runtime_s, 1, 2_419_200),
        ):
            if not least <= value <= most:
                raise BadNotebookJob(f"{what} of a notebook job is {value}: it must be from {least} to {most}.")
        for key, text in self.parameters.items():
            if len(key) > 256 or len(text) > 2500:
                raise BadNotebookJob(f"The parameter {key[:40]} has {len(text)} characters: at most 2500 are allowed.")
        if PurePosixPath(self.notebook).name != self.notebook or not self.notebook.endswith(".ipynb"):
            raise BadNotebookJob(f"{self.notebook} is not a notebook: its name must end with .ipynb.")


def job_name(label: str, suffix: str) -> str:
    """Returns a job's name that begins like its label."""
    stem = re.sub(r"[^a-zA-Z0-9]+", "-", label).strip("-") or "notebook"
    return f"{stem[: MOST_NAME - len(suffix) - 1].rstrip('-')}-{suffix}"


def scheduled_name(label: str) -> str:
    """Returns a name to which the Scheduler adds the id of each run."""
    return job_name(label, "x" * _RUN_LENGTH).removesuffix("x" * _RUN_LENGTH) + _RUN


def output_name(notebook: str) -> str:
    return f"{notebook.removesuffix('.ipynb')}-output.ipynb"


def training_request(job: NotebookJob, name: str, inputs: str, outputs: str) -> dict[str, Any]:
    """Returns the request of CreateTrainingJob. `inputs`: the S3 folder with the notebook; `outputs`: that for its results."""
    system = {
        "SM_JOB_DEF_VERSION": "1.0",
        "SM_ENV_NAME": "sagemaker-default-env",
        "SM_SKIP_EFS_SIMULATION": "true",
        "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{CHANNEL}",
        "SM_KERNEL_NAME": job.kernel,
        "SM_INPUT_NOTEBOOK_NAME": job.notebook,
        "SM_OUTPUT_NOTEBOOK_NAME": output_name(job.notebook),
    }
    if job.startup_script:
        system["SM_INIT_SCRIPT"] = job.startup_script
    if clash := sorted(system.keys() & job.environment.keys()):
        raise BadNotebookJob(f"The environment variable {clash[0]} is the notebook job's own.")
    tags = {
        IS_JOB: "true",
        NAME: job.notebook[:256],
        ORIGIN: "JUPYTER_LAB" if not job.definition else "SCHEDULE",
        LABEL: job.label,
    }
    tags |= {DEFINITION: job.definition} if job.definition else {}
    tags |= {KERNEL_IMAGE: job.environment_name} if job.environment_name else {}
    return {
        "TrainingJobName": name,
        "RoleArn": job.role,
        "AlgorithmSpecification": {
            "TrainingImage": job.image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": [DRIVER],
        },
        "InputDataConfig": [
            {
                "ChannelName": CHANNEL,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": inputs,
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": outputs},
        "ResourceConfig": {"InstanceType": job.instance_type, "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": job.max_runtime_s},
        "RetryStrategy": {"MaximumRetryAttempts": job.retries},
        "Environment": job.environment | system,
        "HyperParameters": dict(job.parameters),
        "Tags": [{"Key": key, "Value": _tag(value)} for key, value in tags.items()],
    }


def _tag(value: str) -> str:
    """Returns a value that tags allow."""
    return re.sub(r"[^\w\s.:/=+@-]", "_", value)[:256]
