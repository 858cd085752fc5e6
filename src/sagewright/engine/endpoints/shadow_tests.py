"""Inference experiments: an endpoint with a temporary shadow variant, created and changed by the operations of endpoints.

Each configuration that an experiment needs has a name derived from the experiment's; a repeated step finds what the first one
created. Source: AWS's developer guide, "Shadow tests".
"""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from sagewright.engine.calls import OperationRequest
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.described_endpoints import DescribedEndpoint, is_outpaced
from sagewright.engine.endpoints.shadow_documents import (
    OVER,
    ExperimentStatus,
    ShadowTest,
    ShadowVariant,
    VariantAction,
)
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "inference-experiment"
WORKING: frozenset[str] = frozenset({ExperimentStatus.STARTING, ExperimentStatus.UPDATING, ExperimentStatus.STOPPING})
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
        document, now = ShadowTest.read(experiment.document), now_ms()
        start_ms, end_ms = document.times.start_ms or 0, document.times.end_ms
        if experiment.status == ExperimentStatus.CREATING:
            self._move(experiment, ExperimentStatus.CREATED if start_ms > now else ExperimentStatus.STARTING)
        elif experiment.status == ExperimentStatus.CREATED and start_ms <= now:
            self._move(experiment, ExperimentStatus.STARTING)
        elif experiment.status == ExperimentStatus.RUNNING and end_ms and end_ms <= now:
            self._move(experiment, ExperimentStatus.STOPPING, final=ended_by_schedule(document))
        elif experiment.status in WORKING:
            self._bring_about(experiment, document)

    def _bring_about(self, experiment: Resource, document: ShadowTest) -> None:
        """Brings the endpoint to the configuration of this step."""
        stopping = experiment.status == ExperimentStatus.STOPPING
        config = config_of(document.final or [], None, {}) if stopping else running_config(document)
        name = f"{experiment.name[: MOST_NAME - 8]}-{document.step}"
        try:
            described = self._endpoint(experiment, document)
            if described is None and stopping:
                self._reached(experiment, document)
                return
            self._make_config(experiment, document, name, config)
            if described is None:
                request = {"EndpointName": document.endpoint, "EndpointConfigName": name}
                self._ask(experiment, document, "CreateEndpoint", request)
                return
            endpoint = DescribedEndpoint.read(described)
            if endpoint.serves and endpoint.config == name:
                self._reached(experiment, document)
            elif endpoint.status == EndpointStatus.FAILED or (
                document.asked_step == document.step and endpoint.update_failed
            ):
                self._give_up(experiment, endpoint.reason or "The endpoint has failed.")
            elif endpoint.serves:
                self._update(experiment, document, name)
        except AwsError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            if not is_outpaced(error):
                self._give_up(experiment, error.message)

    def _update(self, experiment: Resource, document: ShadowTest, name: str) -> None:
        request = {"EndpointName": document.endpoint, "EndpointConfigName": name}
        self._ask(experiment, document, "UpdateEndpoint", request)
        resources.alter(self._store, experiment.id, lambda one: changed(one, asked_step=document.step))

    def _reached(self, experiment: Resource, document: ShadowTest) -> None:
        stopping = experiment.status == ExperimentStatus.STOPPING
        self._move(experiment, (stopping and document.desired) or ExperimentStatus.RUNNING)

    def _give_up(self, experiment: Resource, reason: str) -> None:
        log.warning("inference experiment %s: %s", experiment.name, reason)
        self._move(experiment, ExperimentStatus.CANCELLED, reason=reason[:1024])

    def _make_config(self, experiment: Resource, document: ShadowTest, name: str, config: dict[str, Any]) -> None:
        try:
            self._ask(experiment, document, "CreateEndpointConfig", {"EndpointConfigName": name, **config})
        except AwsError as error:
            if "already existing" not in error.message:
                raise

    def _endpoint(self, experiment: Resource, document: ShadowTest) -> dict[str, Any] | None:
        try:
            return self._ask(experiment, document, "DescribeEndpoint", {"EndpointName": document.endpoint})
        except AwsError as error:
            if "Could not find" in error.message:
                return None
            raise

    def _ask(
        self, experiment: Resource, document: ShadowTest, operation: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        return self._call(OperationRequest(document.role, "sagemaker", operation, request, region=experiment.region))

    def _move(self, experiment: Resource, status: str, **members: Any) -> None:
        before = experiment.status

        def how(current: Resource) -> Resource | None:
            if current.status != before:
                return None
            document = replace(ShadowTest.read(current.document), **members)
            if status == ExperimentStatus.STOPPING:
                desired = document.desired or ExperimentStatus.COMPLETED.value
                document = replace(document, step=document.step + 1, desired=desired)
            if status in OVER:
                document = replace(document, completed_ms=now_ms())
            if status == ExperimentStatus.RUNNING and document.times.start_ms is None:
                document = replace(document, times=replace(document.times, start_ms=now_ms()))
            return replace(current, status=str(status), document=document.write(current.document))

        resources.alter(self._store, experiment.id, how)


def changed(experiment: Resource, **members: Any) -> Resource:
    """Returns the experiment with changed members of its document."""
    document = replace(ShadowTest.read(experiment.document), **members)
    return replace(experiment, document=document.write(experiment.document))


def running_config(document: ShadowTest) -> dict[str, Any]:
    """Returns CreateEndpointConfig's request, without its name, for the running experiment."""
    (shadow,) = document.mode.shadows
    return config_of(document.variants, shadow, document.storage)


def config_of(variants: list[dict[str, Any]], shadow: ShadowVariant | None, storage: dict[str, Any]) -> dict[str, Any]:
    """Returns the configuration in which the variant that `shadow` names, if any, shadows the other."""
    shadowed = shadow.name if shadow else None
    production = [_variant(one, 1.0) for one in variants if one["VariantName"] != shadowed]
    config: dict[str, Any] = {"ProductionVariants": production}
    if shadow is not None:
        config["ShadowProductionVariants"] = [
            _variant(one, shadow.percentage / 100) for one in variants if one["VariantName"] == shadowed
        ]
    if storage:
        config["DataCaptureConfig"] = _capture(storage)
    return config


def ended(document: ShadowTest, actions: dict[str, str], desired: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Returns the variants left when the experiment ends: those of `desired`, otherwise those that no action removes."""
    if desired:
        return desired
    promoted = [name for name, action in actions.items() if action == VariantAction.PROMOTE]
    kept = promoted or [name for name, action in actions.items() if action == VariantAction.RETAIN]
    return [one for one in document.variants if one["VariantName"] in kept]


def ended_by_schedule(document: ShadowTest) -> list[dict[str, Any]]:
    """Returns the variants after a scheduled end: the production variant stays, and the shadow ends."""
    return [one for one in document.variants if one["VariantName"] == document.mode.source]


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
