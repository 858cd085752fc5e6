"""Steps that wait for others: endpoints, inference components and callbacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sagewright.engine.described_endpoints import DescribedEndpoint, is_outpaced
from sagewright.engine.pipelines.step_records import StepRecord, token_for
from sagewright.engine.pipelines.steps.base import StepContext, StepObservation, plain
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.pipelines.plan import StepStatus

_CHANGING: frozenset[str] = frozenset({EndpointStatus.CREATING, EndpointStatus.UPDATING})
CALLBACK_MS = 7 * 86_400_000
"""Source: the contract's pipelines.md [K]."""


class EndpointSteps:
    """Creates an endpoint, or updates an existing one, and waits for it."""

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        name, config = (str(record.arguments[member]) for member in ("EndpointName", "EndpointConfigName"))
        try:
            described = context.invoke("DescribeEndpoint", {"EndpointName": name})
        except AwsError as error:
            if "Could not find" not in error.message:
                raise
            described = self._create(context, record)
        if DescribedEndpoint.read(described).config != config:
            self._update(context, record)
        return StepObservation(StepStatus.EXECUTING, {"Endpoint": {"Arn": described["EndpointArn"]}})

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        described = context.invoke("DescribeEndpoint", {"EndpointName": record.arguments["EndpointName"]})
        endpoint = DescribedEndpoint.read(described)
        if endpoint.serves and endpoint.config == record.arguments["EndpointConfigName"]:
            return StepObservation(StepStatus.SUCCEEDED, properties=plain(described))
        if endpoint.serves or endpoint.status == EndpointStatus.FAILED:
            reason = f"ClientError: {endpoint.reason or 'The update failed.'}"[:1024]
            return StepObservation(StepStatus.FAILED, reason=reason)
        return StepObservation(StepStatus.EXECUTING)

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """No-op: creation of an endpoint is not interrupted."""

    def _create(self, context: StepContext, record: StepRecord) -> dict[str, Any]:
        try:
            context.invoke("CreateEndpoint", dict(record.arguments))
        except AwsError as error:
            if not is_outpaced(error):
                raise
        return context.invoke("DescribeEndpoint", {"EndpointName": record.arguments["EndpointName"]})

    def _update(self, context: StepContext, record: StepRecord) -> None:
        try:
            context.invoke("UpdateEndpoint", _given(record, "EndpointName", "EndpointConfigName", "DeploymentConfig"))
        except AwsError as error:
            described = context.invoke("DescribeEndpoint", {"EndpointName": record.arguments["EndpointName"]})
            pending = DescribedEndpoint.read(described).pending
            if not is_outpaced(error) or pending is None or pending.config != record.arguments["EndpointConfigName"]:
                raise


class ComponentSteps:
    """Creates an inference component, or updates an existing one that differs, and waits for it."""

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        try:
            described = self._described(context, record)
        except AwsError as error:
            if "Could not find" not in error.message:
                raise
            described = self._create(context, record)
        self._update(context, record, described)
        return StepObservation(
            StepStatus.EXECUTING, {"InferenceComponent": {"Arn": described["InferenceComponentArn"]}}
        )

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:
        described = self._described(context, record)
        status, reason = described["InferenceComponentStatus"], described.get("FailureReason")
        if status == EndpointStatus.IN_SERVICE and _as_asked(described, record.arguments):
            return StepObservation(StepStatus.SUCCEEDED, properties=plain(described))
        if status == EndpointStatus.FAILED or (status == EndpointStatus.IN_SERVICE and reason):
            return StepObservation(StepStatus.FAILED, reason=f"ClientError: {reason}"[:1024])
        self._update(context, record, described)
        return StepObservation(StepStatus.EXECUTING)

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """No-op: creation of a component is not interrupted."""

    def _create(self, context: StepContext, record: StepRecord) -> dict[str, Any]:
        try:
            context.invoke("CreateInferenceComponent", dict(record.arguments))
        except AwsError as error:
            if not is_outpaced(error):
                raise
        return self._described(context, record)

    def _described(self, context: StepContext, record: StepRecord) -> dict[str, Any]:
        named = {"InferenceComponentName": record.arguments["InferenceComponentName"]}
        return context.invoke("DescribeInferenceComponent", named)

    def _update(self, context: StepContext, record: StepRecord, described: dict[str, Any]) -> None:
        """Updates the component unless an update is in progress, which an earlier attempt of this step may have requested."""
        if described["InferenceComponentStatus"] in _CHANGING or _as_asked(described, record.arguments):
            return
        request = _given(record, "InferenceComponentName", "Specification", "RuntimeConfig")
        try:
            context.invoke("UpdateInferenceComponent", request)
        except AwsError:
            if self._described(context, record)["InferenceComponentStatus"] not in _CHANGING:
                raise


def _given(record: StepRecord, *members: str) -> dict[str, Any]:
    """Returns those of the members that the step's arguments have."""
    return {one: record.arguments[one] for one in members if one in record.arguments}


def _as_asked(described: dict[str, Any], arguments: Mapping[str, Any]) -> bool:
    present, requested = dict(described["Specification"]), dict(arguments.get("Specification") or {})
    container = dict(present.pop("Container", {}))
    container["Image"] = container.pop("DeployedImage", {}).get("SpecifiedImage")
    copies = (arguments.get("RuntimeConfig") or {}).get("CopyCount", described["RuntimeConfig"]["DesiredCopyCount"])
    given = dict(requested.pop("Container", {}))
    return (
        described["RuntimeConfig"]["DesiredCopyCount"] == copies
        and all(present.get(name) == value for name, value in requested.items())
        and all(container.get(name) == value for name, value in given.items())
    )


class CallbackSteps:
    """Sends a message to a queue; its receiver reports the result with the token."""

    def begin(self, context: StepContext, record: StepRecord) -> StepObservation:
        self._send(context, record, StepStatus.EXECUTING)
        token = token_for(context.execution, record.name, record.attempt)
        metadata = {"CallbackToken": token, "SqsQueueUrl": context.step.queue_url}
        return StepObservation(StepStatus.EXECUTING, {"Callback": metadata})

    def observe(self, context: StepContext, record: StepRecord) -> StepObservation:  # noqa: ARG002
        if record.answer is None and now_ms() - record.started_ms > CALLBACK_MS:
            return StepObservation(
                StepStatus.FAILED, reason="ClientError: The callback was not answered within 7 days."
            )
        if record.answer is None:
            return StepObservation(StepStatus.EXECUTING)
        callback = dict(record.metadata.get("Callback", {}))
        if "FailureReason" in record.answer:
            return StepObservation(StepStatus.FAILED, reason=f"ClientError: {record.answer['FailureReason']}"[:1024])
        outputs = record.answer["OutputParameters"]
        callback["OutputParameters"] = outputs
        named = {one["Name"]: one["Value"] for one in outputs}
        return StepObservation(StepStatus.SUCCEEDED, {"Callback": callback}, {"OutputParameters": named})

    def stop(self, context: StepContext, record: StepRecord) -> None:
        """Notifies the receiver; the step goes on until it has answered."""
        self._send(context, record, StepStatus.STOPPING)

    def _send(self, context: StepContext, record: StepRecord, status: StepStatus) -> None:
        body = {
            "token": token_for(context.execution, record.name, record.attempt),
            "pipelineExecutionArn": context.arn,
            "arguments": dict(record.arguments),
            "status": status,
        }
        url = urlsplit(context.step.queue_url).path
        context.invoke("SendMessage", {"QueueUrl": url, "MessageBody": json.dumps(body)}, service="sqs")


ENDPOINT, COMPONENT, CALLBACK = EndpointSteps(), ComponentSteps(), CallbackSteps()
