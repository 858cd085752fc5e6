"""Removes the resources that a solution created: only those that have its tag, or that its pipeline and group name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from sagewright.model.guide.solutions import TAG, SolutionTemplate

STOP_S = 120
_MISSING = {"ValidationException", "ResourceNotFound", "ResourceNotFoundException"}


class NotRemoved(RuntimeError):
    """A resource of the solution could not be deleted; the message names it."""


class SolutionRemoval:
    """Deletes the resources of a solution. Each method yields a sentence on each one that it has deleted or left."""

    def __init__(self, template: SolutionTemplate, sagemaker: Any, s3: Any, bucket: str) -> None:
        self._template, self._sagemaker, self._s3, self._bucket = template, sagemaker, s3, bucket

    def resources(self) -> Iterator[str]:
        """Deletes the endpoint, what it serves, the pipeline and the registered versions. Raises NotRemoved."""
        yield from self._endpoint()
        owned = self._executions_end() if self._is_own("pipeline", self._pipeline()) else []
        for operation in ("endpoint_config", "model"):
            yield from self._tagged(operation)
        for name in owned:
            if self._done("delete_model", ModelName=name):
                yield f"deleted   model {name}"
        yield from self._versions()
        if self._is_own("pipeline", self._pipeline()):
            self._sagemaker.delete_pipeline(PipelineName=self._template.pipeline)
            yield f"deleted   pipeline {self._template.pipeline}"

    def objects(self) -> Iterator[str]:
        """Deletes the data, results and reports in S3."""
        count = 0
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._template.prefix)
        try:
            for page in pages:
                keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
                if keys:
                    failed = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
                    if errors := failed.get("Errors"):
                        raise NotRemoved(f"{errors[0]['Key']} could not be deleted: {errors[0]['Message']}")
                    count += len(keys)
        except self._s3.exceptions.NoSuchBucket:
            return
        if count:
            yield f"deleted   {count} objects of s3://{self._bucket}/{self._template.prefix}"

    def _endpoint(self) -> Iterator[str]:
        name = self._template.name
        found = self._found("describe_endpoint", EndpointName=name)
        if found is None:
            return
        if not self._is_own("endpoint", found):
            yield f"left      endpoint {name}: it has no tag {TAG}={name}, so the solution did not make it"
            return
        self._until_settled(name, found["EndpointStatus"])
        self._sagemaker.delete_endpoint(EndpointName=name)
        self._sagemaker.get_waiter("endpoint_deleted").wait(
            EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        yield f"deleted   endpoint {name}"

    def _until_settled(self, name: str, status: str) -> None:
        deadline = time.monotonic() + STOP_S
        while status in {"Creating", "Updating", "RollingBack"}:
            if time.monotonic() > deadline:
                raise NotRemoved(f"The endpoint {name} is still {status} after {STOP_S} s.")
            time.sleep(0.5)
            status = self._sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]

    def _pipeline(self) -> dict[str, Any] | None:
        return self._found("describe_pipeline", PipelineName=self._template.pipeline)

    def _executions_end(self) -> list[str]:
        """Stops what runs, and returns the names of the models that executions have made."""
        models = []
        pages = self._sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=self._template.pipeline)
        for each in [one for page in pages for one in page["PipelineExecutionSummaries"]]:
            arn = each["PipelineExecutionArn"]
            self._end(arn, each["PipelineExecutionStatus"])
            for step in self._sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)[
                "PipelineExecutionSteps"
            ]:
                if "Model" in step.get("Metadata", {}):
                    models.append(step["Metadata"]["Model"]["Arn"].rpartition("/")[2])
        return models

    def _end(self, execution: str, status: str) -> None:
        if status in {"Executing", "Stopping"}:
            if status == "Executing":
                self._sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution, ClientRequestToken="remove" * 8)
            deadline = time.monotonic() + STOP_S
            while status in {"Executing", "Stopping"}:
                if time.monotonic() > deadline:
                    raise NotRemoved(f"The execution {execution} is still {status} after {STOP_S} s.")
                time.sleep(0.5)
                found = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
                status = found["PipelineExecutionStatus"]

    def _tagged(self, noun: str) -> Iterator[str]:
        camel = "".join(word.capitalize() for word in noun.split("_"))
        pages = self._sagemaker.get_paginator(f"list_{noun}s").paginate(NameContains=f"{self._template.name}-")
        for each in [one for page in pages for one in page[f"{camel}s"]]:
            name = each[f"{camel}Name"]
            if self._is_own(noun, each) and self._done(f"delete_{noun}", **{f"{camel}Name": name}):
                yield f"deleted   {noun.replace('_', ' ')} {name}"

    def _versions(self) -> Iterator[str]:
        group = self._template.pipeline
        found = self._found("describe_model_package_group", ModelPackageGroupName=group)
        if found is None or not self._is_own("model_package_group", found):
            return
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
        versions: Sequence[str] = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
        for arn in versions:
            self._sagemaker.delete_model_package(ModelPackageName=arn)
        self._sagemaker.delete_model_package_group(ModelPackageGroupName=group)
        yield f"deleted   model package group {group}, versions: {len(versions)}"

    def _is_own(self, noun: str, described: dict[str, Any] | None) -> bool:
        if described is None:
            return False
        arn = described["".join(word.capitalize() for word in noun.split("_")) + "Arn"]
        tags = self._sagemaker.list_tags(ResourceArn=arn)["Tags"]
        return {"Key": TAG, "Value": self._template.name} in tags

    def _found(self, operation: str, **named: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = getattr(self._sagemaker, operation)(**named)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            return None
        return found

    def _done(self, operation: str, **named: str) -> bool:
        return self._found(operation, **named) is not None
