"""Inference experiments: an endpoint with a temporary shadow variant, created and changed by the operations of endpoints.

Each configuration that an experiment needs has a name derived from the experiment's; a repeated step finds what the first one
created. Source: AWS's developer guide, "Shadow tests".
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "inference-experiment"
CREATING, CREATED, STARTING, RUNNING = "Creating", "Created", "Starting", "Running"
UPDATING, STOPPING, COMPLETED, CANCELLED = "Updating", "Stopping", "Completed", "Cancelled"
OVER = frozenset({COMPLETED, CANCELLED})
WORKING = frozenset({STARTING, UPDATING, STOPPING})
RETAIN, REMOVE, PROMOTE = "Retain", "Remove", "Promote"
MOST_NAME = 63
log = logging.getLogger("sagewright.engine.endpoints.shadow_tests")


class ShadowTestReconciler:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = (KIND,)

    def __init__(self, dependencies: Dependencies) -> None:
        self._store, self._call = dependencies.store, dependencies.call

    def active(self) -> list[tuple[str, str]]:
        return [(KIND, one.id) for one in resources.of_kind(self._store, KIND) if one.status not in OVER]

    def reconcile(self, subject_id: str) -> None:
        experiment = resources.get(self._store, subject_id)
        if experiment is None or experiment.status in OVER:
            return
        schedule, now = experiment.document.get("Times") or {}, now_ms()
        if experiment.status == CREATING:
            later = (schedule.get("StartMs") or 0) > now
            self._move(experiment, CREATED if later else STARTING)
        elif experiment.status == CREATED and (schedule.get("StartMs") or 0) <= now:
            self._move(experiment, STARTING)
        elif experiment.status == RUNNING and (schedule.get("EndMs") or now + 1) <= now:
            self._move(experiment, STOPPING, Final=ended_by_schedule(experiment.document))
        elif experiment.status in WORKING:
            self._bring_about(experiment)

    def _bring_about(self, experiment: Resource) -> None:
        """Brings the endpoint to the configuration of this step."""
        document = experiment.document
        stopping = experiment.status == STOPPING
        config = config_of(document["Final"], None, {}) if stopping else running_config(document)
        name = f"{experiment.name[: MOST_NAME - 8]}-{document['Step']}"
        try:
            described = self._endpoint(experiment)
            if described is None and stopping:
                self._move(experiment, document["DesiredState"])
                return
            self._make_config(experiment, name, config)
            if described is None:
                request = {"EndpointName": document["EndpointName"], "EndpointConfigName": name}
                self._ask(experiment, "CreateEndpoint", request)
            elif described["EndpointStatus"] == "InService" and described["EndpointConfigName"] == name:
                self._reached(experiment)
            elif described["EndpointStatus"] == "Failed" or (
                document.get("AskedStep") == document["Step"] and _failed(described)
            ):
                self._give_up(experiment, described.get("FailureReason", "The endpoint has failed."))
            elif described["EndpointStatus"] == "InService":
                self._update(experiment, name)
        except AwsError as error:
            self._give_up(experiment, error.message)

    def _update(self, experiment: Resource, name: str) -> None:
        request = {"EndpointName": experiment.document["EndpointName"], "EndpointConfigName": name}
        self._ask(experiment, "UpdateEndpoint", request)
        step = experiment.document["Step"]
        resources.alter(
            self._store, experiment.id, lambda one: replace(one, document={**one.document, "AskedStep": step})
        )

    def _reached(self, experiment: Resource) -> None:
        if experiment.status == STOPPING:
            self._move(experiment, experiment.document["DesiredState"])
        else:
            self._move(experiment, RUNNING)

    def _give_up(self, experiment: Resource, reason: str) -> None:
        log.warning("inference experiment %s: %s", experiment.name, reason)
        self._move(experiment, CANCELLED, StatusReason=reason[:1024])

    def _make_config(self, experiment: Resource, name: str, config: dict[str, Any]) -> None:
        try:
            self._ask(experiment, "CreateEndpointConfig", {"EndpointConfigName": name, **config})
        except AwsError as error:
            if "already existing" not in error.message:
                raise

    def _endpoint(self, experiment: Resource) -> dict[str, Any] | None:
        try:
            return self._ask(experiment, "DescribeEndpoint", {"EndpointName": experiment.document["EndpointName"]})
        except AwsError as error:
            if "Could not find" in error.message:
                return None
            raise

    def _ask(self, experiment: Resource, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._call(
            OperationRequest(experiment.document["RoleArn"], "sagemaker", operation, request, region=experiment.region)
        )

    def _move(self, experiment: Resource, status: str, **members: Any) -> None:
        before = experiment.status

        def how(current: Resource) -> Resource | None:
            if current.status != before:
                return None
            document = {**current.document, **members}
            if status == STOPPING:
                document |= {"Step": document["Step"] + 1, "DesiredState": document.get("DesiredState") or COMPLETED}
            if status in OVER:
                document["CompletedMs"] = now_ms()
            if status == RUNNING and "StartMs" not in (document.get("Times") or {}):
                document["Times"] = {**(document.get("Times") or {}), "StartMs": now_ms()}
            return replace(current, status=status, document=document)

        resources.alter(self._store, experiment.id, how)


def running_config(document: dict[str, Any]) -> dict[str, Any]:
    """Returns CreateEndpointConfig's request, without its name, for the running experiment."""
    shadow = document["ShadowModeConfig"]
    (copied,) = shadow["ShadowModelVariants"]
    return config_of(document["ModelVariants"], copied, document)


def config_of(
    variants: list[dict[str, Any]], shadow: dict[str, Any] | None, document: dict[str, Any]
) -> dict[str, Any]:
    """Returns the configuration in which the variant that `shadow` names, if any, shadows the other."""
    shadowed = shadow["ShadowModelVariantName"] if shadow else None
    production = [_variant(one, 1.0) for one in variants if one["VariantName"] != shadowed]
    config: dict[str, Any] = {"ProductionVariants": production}
    if shadow is not None:
        percent = shadow["SamplingPercentage"]
        config["ShadowProductionVariants"] = [
            _variant(one, percent / 100) for one in variants if one["VariantName"] == shadowed
        ]
    storage = document.get("DataStorageConfig")
    if storage:
        config["DataCaptureConfig"] = _capture(storage)
    return config


def ended(
    document: dict[str, Any], actions: dict[str, str], desired: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Returns the variants left when the experiment ends: those of `desired`, otherwise those that no action removes."""
    if desired:
        return desired
    promoted = [name for name, action in actions.items() if action == PROMOTE]
    kept = promoted or [name for name, action in actions.items() if action == RETAIN]
    return [one for one in document["ModelVariants"] if one["VariantName"] in kept]


def ended_by_schedule(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the variants after a scheduled end: the production variant stays, and the shadow ends."""
    source = document["ShadowModeConfig"]["SourceModelVariantName"]
    return [one for one in document["ModelVariants"] if one["VariantName"] == source]


def _variant(one: dict[str, Any], weight: float) -> dict[str, Any]:
    real = one["InfrastructureConfig"]["RealTimeInferenceConfig"]
    return {
        "VariantName": one["VariantName"],
        "ModelName": one["ModelName"],
        "InstanceType": real["InstanceType"],
        "InitialInstanceCount": real["InstanceCount"],
        "InitialVariantWeight": weight,
    }


def _capture(storage: dict[str, Any]) -> dict[str, Any]:
    capture: dict[str, Any] = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": storage["Destination"],
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    if storage.get("KmsKey"):
        capture["KmsKeyId"] = storage["KmsKey"]
    if storage.get("ContentType"):
        capture["CaptureContentTypeHeader"] = storage["ContentType"]
    return capture


def _failed(described: dict[str, Any]) -> bool:
    """True if the last update of the endpoint failed."""
    return described["EndpointStatus"] == "InService" and "FailureReason" in described
