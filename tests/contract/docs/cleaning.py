"""Removes what the blocks of a page have left running, so that pages don't share the machine."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

JOBS = {
    "hyper_parameter_tuning_job": ("HyperParameterTuningJobName", "HyperParameterTuningJobSummaries"),
    "training_job": ("TrainingJobName", "TrainingJobSummaries"),
    "processing_job": ("ProcessingJobName", "ProcessingJobSummaries"),
    "transform_job": ("TransformJobName", "TransformJobSummaries"),
}
ENDPOINTS_S = 30
gone = contextlib.suppress(ClientError)
"""Around deletions: the resource may end by itself meanwhile."""


def clean(running: Any) -> None:
    """Stops the jobs and executions that run, and deletes endpoints, schedules, rules, apps and users."""
    sagemaker = running.boto("sagemaker")
    _delete_users(running)
    _delete_schedules(sagemaker)
    _delete_rules(running.boto("events"))
    _stop_executions(sagemaker)
    for kind, (name, member) in JOBS.items():
        for one in getattr(sagemaker, f"list_{kind}s")(StatusEquals="InProgress")[member]:
            with gone:
                getattr(sagemaker, f"stop_{kind}")(**{name: one[name]})
    _delete_endpoints(sagemaker)
    _delete_apps(sagemaker)


def _delete_users(running: Any) -> None:
    """Deletes the users that a page has made: with them, policies decide on all later pages."""
    command = [str(Path(sys.executable).parent / "sagewright"), "users", "delete", "--data", str(running.data)]
    for one in running.boto("iam").list_users()["Users"]:
        if one["UserName"] != "admin":
            subprocess.run([*command, one["UserName"]], check=True)


def _delete_schedules(sagemaker: Any) -> None:
    for one in sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"]:
        with gone:
            sagemaker.delete_monitoring_schedule(MonitoringScheduleName=one["MonitoringScheduleName"])


def _delete_rules(events: Any) -> None:
    for one in events.list_rules()["Rules"]:
        with gone:
            targets = [target["Id"] for target in events.list_targets_by_rule(Rule=one["Name"])["Targets"]]
            if targets:
                events.remove_targets(Rule=one["Name"], Ids=targets)
            events.delete_rule(Name=one["Name"])


def _stop_executions(sagemaker: Any) -> None:
    for pipeline in sagemaker.list_pipelines()["PipelineSummaries"]:
        found = sagemaker.list_pipeline_executions(PipelineName=pipeline["PipelineName"])
        for one in found["PipelineExecutionSummaries"]:
            if one["PipelineExecutionStatus"] == "Executing":
                with gone:
                    sagemaker.stop_pipeline_execution(PipelineExecutionArn=one["PipelineExecutionArn"])


def _delete_endpoints(sagemaker: Any) -> None:
    """Deletes endpoints, with their components first, and waits until they are gone."""
    deadline = time.monotonic() + ENDPOINTS_S
    while (found := sagemaker.list_endpoints()["Endpoints"]) and time.monotonic() < deadline:
        for one in sagemaker.list_inference_components()["InferenceComponents"]:
            with gone:
                sagemaker.delete_inference_component(InferenceComponentName=one["InferenceComponentName"])
        for one in found:
            with gone:
                sagemaker.delete_endpoint(EndpointName=one["EndpointName"])
        time.sleep(0.1)


def _delete_apps(sagemaker: Any) -> None:
    for app in sagemaker.list_apps()["Apps"]:
        if app["Status"] in ("Pending", "InService"):
            owner = "SpaceName" if app.get("SpaceName") else "UserProfileName"
            names = {name: app[name] for name in ("DomainId", "AppType", "AppName", owner)}
            with gone:
                sagemaker.delete_app(**names)
