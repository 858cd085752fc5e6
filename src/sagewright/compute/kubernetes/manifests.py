"""Manifests of a gang: its Job, the Secret with its orders, and the Service by which its hosts find each other."""

from __future__ import annotations

import base64
import hashlib
import json
import lzma
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sagewright.compute.backend import NoBackend
from sagewright.compute.kubernetes.api import Resource
from sagewright.model.settings import Settings

GANG = "sagewright/gang"
"""Label of everything that belongs to a gang: the name of its Job."""
OURS = {"app.kubernetes.io/managed-by": "sagewright"}
RANK = "batch.kubernetes.io/job-completion-index"
CONTAINER = "host"
GPUS = "nvidia.com/gpu"
HOME = "/data"
"""The home of a host's container, a folder of the pod's own."""
ORDERS = Path("/run/sagewright/orders")
ORDERS_FILE = "orders.json.xz"
LOST_S = 60
"""Time after which Kubernetes gives up the pods of a node that does not answer."""
_KEPT_S = 3600
"""Time for which an ended Job stays, for a server that is down meanwhile."""
_UPLOADS_S = 3600
"""Time for the outputs of a stopped host, beyond the grace period of its program."""
_NAME_CHARACTERS = 32


def name_of(gang: str) -> str:
    """Returns the name of a gang's Job: always the same for a gang, and a DNS label together with an index."""
    readable = re.sub(r"[^a-z0-9]+", "-", gang.lower()).strip("-")[:_NAME_CHARACTERS].rstrip("-")
    return f"sagewright-{readable}-{hashlib.sha256(gang.encode()).hexdigest()[:8]}"


def peers_of(name: str, count: int) -> list[str]:
    """Returns the names by which hosts of a gang find each other; none for a single host."""
    return [f"{name}-{rank}.{name}" for rank in range(count)] if count > 1 else []


def job(settings: Settings, name: str, document: Mapping[str, Any], count: int, extra: Resource) -> Resource:
    """Returns the Job of a gang of `count` hosts. `document`: that of one of them; `extra`: fields of the pod template.

    A host that has failed is not replaced, and does not end the others: the server decides about them.
    """
    labels = {**extra.get("metadata", {}).get("labels", {}), **OURS, GANG: name}
    template = merged(_template(settings, name, document), extra)
    template["metadata"]["labels"] |= labels
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"sagewright/job": str(document["brief"]["arn"])},
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": count,
            "parallelism": count,
            "backoffLimitPerIndex": 0,
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": _KEPT_S,
            "template": template,
        },
    }


def _template(settings: Settings, name: str, document: Mapping[str, Any]) -> Resource:
    share = {"cpu": str(document["cpus"]), "memory": f"{int(document['memory_gb'] * 1024)}Mi"}
    if document["gpus"]:
        share[GPUS] = str(document["gpus"])
    container = {
        "name": CONTAINER,
        "image": settings.kubernetes_image,
        "command": [settings.kubernetes_python, "-m", "sagewright.compute.kubernetes.host", "start"],
        "env": [{"name": "HOME", "value": HOME}],
        "resources": {"requests": share, "limits": share},
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "orders", "mountPath": str(ORDERS), "readOnly": True},
            {"name": "data", "mountPath": HOME},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 (it is the pod's)
        ],
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {GANG: name}},
    }
    spec: Resource = {
        "restartPolicy": "Never",
        "subdomain": name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(document["stop_grace_s"]) + _UPLOADS_S,
        "topologySpreadConstraints": [spread],
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{what}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": LOST_S,
            }
            for what in ("unreachable", "not-ready")
        ],
        "containers": [container],
        "volumes": [
            {"name": "orders", "secret": {"secretName": name, "defaultMode": 0o400}},
            {"name": "data", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
        ],
    }
    if settings.kubernetes_service_account:
        spec["serviceAccountName"] = settings.kubernetes_service_account
    return {"metadata": {"labels": {}}, "spec": spec}


def secret(name: str, uid: str, orders: Sequence[Mapping[str, Any]]) -> Resource:
    """Returns the Secret with the orders of all hosts, which is deleted with its Job. Their documents are almost the same."""
    packed = base64.b64encode(lzma.compress(json.dumps(orders).encode())).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _owned(name, uid),
        "immutable": True,
        "type": "Opaque",
        "data": {ORDERS_FILE: packed},
    }


def read_orders(folder: Path) -> list[dict[str, Any]]:
    """Returns the orders from the Secret as it is mounted."""
    orders: list[dict[str, Any]] = json.loads(lzma.decompress((folder / ORDERS_FILE).read_bytes()))
    return orders


def service(name: str, uid: str) -> Resource:
    """Returns the headless Service that gives each pod of a gang a name before it is ready."""
    spec = {"clusterIP": "None", "selector": {GANG: name}, "publishNotReadyAddresses": True}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _owned(name, uid), "spec": spec}


def _owned(name: str, uid: str) -> Resource:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "blockOwnerDeletion": False}
    return {"name": name, "labels": {**OURS, GANG: name}, "ownerReferences": [owner]}


def pod_fields(path: Path) -> Resource:
    """Reads the file of `kubernetes_pod`: fields of a pod template. Raises NoBackend."""
    if path == Path():
        return {}
    try:
        found = yaml.safe_load(path.expanduser().read_text()) or {}  # JSON is YAML
    except (OSError, yaml.YAMLError) as error:
        raise NoBackend(f"kubernetes_pod={path} cannot be read: {error}") from error
    parts = found.items() if isinstance(found, dict) else [("", None)]
    wrong = [name for name, part in parts if name not in {"metadata", "spec"} or not isinstance(part, dict)]
    if wrong:
        raise NoBackend(f"kubernetes_pod={path} must have only the maps metadata and spec; it has {wrong[0]!r}")
    checked: Resource = found
    return checked


def merged(ours: Any, theirs: Any) -> Any:
    """Returns `ours` with the members of `theirs`: maps are merged, and so are list entries of the same `name`; other entries are
    added."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours | {name: merged(ours[name], value) if name in ours else value for name, value in theirs.items()}
    if isinstance(ours, list) and isinstance(theirs, list):
        result = list(ours)
        for one in theirs:
            same = [i for i, own in enumerate(result) if _name(own) and _name(own) == _name(one)]
            if same:
                result[same[0]] = merged(result[same[0]], one)
            else:
                result.append(one)
        return result
    return theirs


def _name(entry: Any) -> Any:
    return entry.get("name") if isinstance(entry, dict) else None
