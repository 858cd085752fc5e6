"""The server's jobs and schedules in the format of jupyter-scheduler's models."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from sagewright.toolkit.notebook_jobs.crontabs import crontab_line
from sagewright.toolkit.notebook_jobs.requests import DEFINITION, KERNEL_IMAGE, LABEL, NAME

STATUSES = {
    "InProgress": "IN_PROGRESS",
    "Completed": "COMPLETED",
    "Failed": "FAILED",
    "Stopping": "STOPPING",
    "Stopped": "STOPPED",
}
FORMATS = ["ipynb", "html"]
_OWN = re.compile(r"SM_[A-Z_]+")


def tags_of(described: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in described.get("Tags", [])}


def job_document(job: dict[str, Any]) -> dict[str, Any]:
    """Returns the members of DescribeJob. `job`: the response of DescribeTrainingJob, with its tags."""
    tags, environment = tags_of(job), job.get("Environment", {})
    return {
        "input_filename": environment.get("SM_INPUT_NOTEBOOK_NAME") or tags.get(NAME, "notebook.ipynb"),
        "runtime_environment_name": tags.get(KERNEL_IMAGE, ""),
        "runtime_environment_parameters": _own_environment(environment),
        "output_formats": FORMATS,
        "job_definition_id": tags.get(DEFINITION),
        "parameters": job.get("HyperParameters") or {},
        "name": tags.get(LABEL) or job["TrainingJobName"],
        "compute_type": job["ResourceConfig"].get("InstanceType"),
        "job_id": job["TrainingJobName"],
        "url": f"/jobs/{job['TrainingJobName']}",
        "create_time": _ms(job["CreationTime"]),
        "update_time": _ms(job["LastModifiedTime"]),
        "start_time": _ms(job.get("TrainingStartTime")),
        "end_time": _ms(job.get("TrainingEndTime")),
        "status": STATUSES[job["TrainingJobStatus"]],
        "status_message": job.get("FailureReason"),
    }


def definition_document(schedule: dict[str, Any]) -> dict[str, Any]:
    """Returns the members of DescribeJobDefinition. `schedule`: the response of GetSchedule."""
    request = json.loads(schedule["Target"]["Input"])
    tags, environment = tags_of(request), request.get("Environment", {})
    return {
        "input_filename": environment.get("SM_INPUT_NOTEBOOK_NAME", "notebook.ipynb"),
        "runtime_environment_name": tags.get(KERNEL_IMAGE, ""),
        "runtime_environment_parameters": _own_environment(environment),
        "output_formats": FORMATS,
        "parameters": request.get("HyperParameters") or {},
        "name": tags.get(LABEL) or schedule["Name"],
        "compute_type": request["ResourceConfig"].get("InstanceType"),
        "schedule": crontab_line(schedule["ScheduleExpression"]),
        "timezone": schedule.get("ScheduleExpressionTimezone", "UTC"),
        "job_definition_id": schedule["Name"],
        "create_time": _ms(schedule["CreationDate"]),
        "update_time": _ms(schedule["LastModificationDate"]),
        "active": schedule["State"] == "ENABLED",
    }


def _own_environment(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not _OWN.fullmatch(name)}


def _ms(at: datetime | None) -> int | None:
    return round(at.timestamp() * 1000) if at else None
