"""Refusals of an API server: by the published schema, and by checks that the schema does not have."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from typing import Any

import kubernetes_validate
from kubernetes_validate import utils

VERSIONS = ("1.31", "1.34", kubernetes_validate.latest_version())
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?|Ki)?")
_SECRET_BYTES = 1 << 20

utils.schema_contents = cache(utils.schema_contents)  # it reads megabytes for each resource


class Refused(Exception):
    """The message of a 422."""


def check(resource: dict[str, Any], *versions: str) -> None:
    """Raises Refused."""
    for version in versions or VERSIONS[-1:]:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            raise Refused(f"{list(error.absolute_path)}: {error.message} (Kubernetes {version})") from error
    _check_metadata(resource)
    if resource["kind"] == "Job":
        _check_job(resource)
    elif resource["kind"] == "Secret":
        held = sum(len(base64.b64decode(one, validate=True)) for one in resource.get("data", {}).values())
        _need(held <= _SECRET_BYTES, f"data: Too long: may not be more than {_SECRET_BYTES} bytes")


def _need(holds: object, message: str) -> None:
    if not holds:
        raise Refused(message)


def _check_metadata(resource: dict[str, Any]) -> None:
    meta = resource["metadata"]
    if resource["kind"] in {"Job", "Secret", "Service"}:
        _need(_LABEL.fullmatch(meta["name"]) and len(meta["name"]) <= 63, f"metadata.name: {meta['name']!r}")
    for name, value in meta.get("labels", {}).items():
        _need(_VALUE.fullmatch(value) and len(value) <= 63, f"metadata.labels: {name}={value!r}")
    _need(len(json.dumps(meta.get("annotations", {}))) < 256 << 10, "metadata.annotations: too long")


def _check_job(job: dict[str, Any]) -> None:
    spec, template = job["spec"], job["spec"]["template"]
    pod = template["spec"]
    _need(
        "backoffLimitPerIndex" not in spec or spec.get("completionMode") == "Indexed",
        "backoffLimitPerIndex: needs Indexed",
    )
    _need("completions" in spec, "completions: needed by Indexed")
    _need(len(f"{job['metadata']['name']}-{spec['completions'] - 1}") <= 63, "metadata.name: too long for host names")
    _need(pod.get("restartPolicy") in {"Never", "OnFailure"}, "restartPolicy: must be Never or OnFailure")
    _check_metadata({"kind": "Pod", "metadata": template["metadata"]})
    volumes = {one["name"] for one in pod.get("volumes", [])}
    for container in pod["containers"]:
        _need(container.get("image"), "containers.image: Required value")
        mounts = container.get("volumeMounts", [])
        _need({one["name"] for one in mounts} <= volumes, "volumeMounts: not found in volumes")
        _need(len({one["mountPath"] for one in mounts}) == len(mounts), "mountPath: must be unique")
        _check_resources(container.get("resources", {}))
    for one in pod.get("tolerations", []):
        _need(
            "tolerationSeconds" not in one or one.get("effect") == "NoExecute", "tolerations: effect must be NoExecute"
        )


def _check_resources(resources: dict[str, Any]) -> None:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for name, value in {**limits, **requests}.items():
        _need(_QUANTITY.fullmatch(str(value)), f"resources: {name}={value!r}")
        _need("/" not in name or limits.get(name) == requests.get(name, limits.get(name)), f"{name}: must be equal")
