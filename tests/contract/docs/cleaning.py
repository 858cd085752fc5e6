"""Removes what the blocks of a page have left running, so that pages don't share the machine."""

from __future__ import annotations

import contextlib
from typing import Any

from botocore.exceptions import ClientError


def clean(running: Any) -> None:
    """Stops the jobs and executions that run, and deletes endpoints, schedules and rules."""
    sagemaker, events = running.boto("sagemaker"), running.boto("events")
    for one in sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"]:
        with contextlib.suppress(ClientError):
            sagemaker.delete_monitoring_schedule(MonitoringScheduleName=one["MonitoringScheduleName"])
    for one in events.list_rules()["Rules"]:
        with contextlib.suppress(ClientError):
            targets = [target["Id"] for target in events.list_targets_by_rule(Rule=one["Name"])["Targets"]]
            if targets:
                events.remove_targets(Rule=one["Name"], Ids=targets)
            events.delete_rule(Name=one["Name"])
    for one in sagemaker.list_pipelines()["PipelineSummaries"]:
        executions = sagemaker.list_pipeline_executions(PipelineName=one["PipelineName"])
        for execution in executions["PipelineExecutionSummaries"]:
            if execution["PipelineExecutionStatus"] == "Executing":
                with contextlib.suppress(ClientError):
                    sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution["PipelineExecutionArn"])
    for kind, member in (
        ("HyperParameterTuningJob", "HyperParameterTuningJobSummaries"),
        ("TrainingJob", "TrainingJobSummaries"),
        ("ProcessingJob", "ProcessingJobSummaries"),
        ("TransformJob", "TransformJobSummaries"),
    ):
        snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in kind).replace(
            "hyper_parameter", "hyper_parameter"
        )
        found = getattr(sagemaker, f"list{snake}s")(StatusEquals="InProgress")[member]
        for one in found:
            with contextlib.suppress(ClientError):
                getattr(sagemaker, f"stop{snake}")(**{f"{kind}Name": one[f"{kind}Name"]})
    for one in sagemaker.list_endpoints()["Endpoints"]:
        with contextlib.suppress(ClientError):
            sagemaker.delete_endpoint(EndpointName=one["EndpointName"])
    for app in sagemaker.list_apps()["Apps"]:
        if app["Status"] not in ("Deleted", "Deleting", "Failed"):
            owner = "SpaceName" if app.get("SpaceName") else "UserProfileName"
            with contextlib.suppress(ClientError):
                sagemaker.delete_app(
                    DomainId=app["DomainId"], AppType=app["AppType"], AppName=app["AppName"], **{owner: app[owner]}
                )
    for one in sagemaker.list_notebook_instances(StatusEquals="InService")["NotebookInstances"]:
        with contextlib.suppress(ClientError):
            sagemaker.stop_notebook_instance(NotebookInstanceName=one["NotebookInstanceName"])
