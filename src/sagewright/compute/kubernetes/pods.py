"""States of pods and nodes, as the API server shows them. Source: Kubernetes' reference of PodStatus, NodeStatus and taints."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sagewright.compute.backend import Pulse
from sagewright.compute.kubernetes.api import Resource
from sagewright.compute.kubernetes.manifests import GPUS, RANK
from sagewright.model.aws.instance_types import Resources

_GIB = 1 << 30
_UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
          "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}  # fmt: skip
_QUANTITY = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)", re.ASCII)
_LOST = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
_NEVER = frozenset({"InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError"})
_MAYBE = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"})
ENDED = frozenset({"Succeeded", "Failed"})


def quantity(text: str) -> float:
    """Parses a quantity such as 3920m or 16Gi. Raises ValueError."""
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is not a quantity of Kubernetes")
    return float(found[1]) * _UNITS[found[2]]


def reserved(text: str) -> dict[str, float]:
    """Parses quantities such as `cpu=500m,memory=512Mi`. Raises ValueError."""
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    for name, _, _value in parts:
        if name.strip() not in {"cpu", "memory"}:
            raise ValueError(f"{name.strip()!r} must be cpu or memory")
    return {name.strip(): quantity(value) for name, _, value in parts}


def usable(nodes: Sequence[Resource], template: Resource) -> list[Resource]:
    """Returns the nodes that are ready and on which pods with the fields of `template` may run."""
    spec = template.get("spec", {})
    selector, tolerations = spec.get("nodeSelector", {}), spec.get("tolerations", [])
    return [one for one in nodes if _is_usable(one, selector, tolerations)]


def _is_usable(node: Resource, selector: Mapping[str, str], tolerations: Sequence[Resource]) -> bool:
    labels, spec = node["metadata"].get("labels", {}), node.get("spec", {})
    taints = [one for one in spec.get("taints", []) if one["effect"] in {"NoSchedule", "NoExecute"}]
    return (
        not spec.get("unschedulable")
        and _condition(node, "Ready").get("status") == "True"
        and all(labels.get(name) == value for name, value in selector.items())
        and all(any(_tolerates(toleration, taint) for toleration in tolerations) for taint in taints)
    )


def _tolerates(toleration: Resource, taint: Resource) -> bool:
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return (toleration.get("key"), toleration.get("value", "")) == (taint["key"], taint.get("value", ""))


def resources(node: Resource, kept: Mapping[str, float]) -> Resources:
    """Returns what hosts can have of a node: what it offers to pods, without what is `kept` for others."""
    offered = node["status"].get("allocatable", {})
    has = {name: quantity(str(offered.get(name, "0"))) for name in ("cpu", "memory", GPUS)}
    cpus, memory = has["cpu"] - kept.get("cpu", 0), has["memory"] - kept.get("memory", 0)
    return Resources(max(0, int(cpus)), max(0, int(memory // _GIB)), int(has[GPUS]))


def addresses(nodes: Sequence[Resource]) -> list[str]:
    """Returns the internal addresses of nodes."""
    listed = [one for node in nodes for one in node["status"].get("addresses", [])]
    return [str(one["address"]) for one in listed if one["type"] == "InternalIP"]


def rank_of(pod: Resource) -> int:
    """Returns the rank of the host that a pod is; -1 if it is none."""
    return int(pod["metadata"].get("annotations", {}).get(RANK, -1))


def oldest(pods: Sequence[Resource], rank: int) -> Resource | None:
    """Returns the pod of a host: the first that Kubernetes made."""
    own = [pod for pod in pods if rank_of(pod) == rank]
    return min(own, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def pulse(pod: Resource, image_s: float) -> Pulse:
    """Returns the state of a host by its pod. `image_s`: how long its image may fail to be pulled."""
    status, node = pod.get("status", {}), pod.get("spec", {}).get("nodeName", "")
    where = f" on node {node}" if node else ""
    target = _condition(pod, "DisruptionTarget")
    if (target.get("status") == "True" and target.get("reason") in _LOST) or status.get("reason") == "NodeLost":
        return Pulse(False, f"its node {node} was lost")
    if status.get("phase") in ENDED:
        return Pulse(False, _end(pod, target) + where)
    if pod["metadata"].get("deletionTimestamp") and pod["metadata"].get("deletionGracePeriodSeconds") == 0:
        return Pulse(False, f"its pod was deleted{where}")
    waiting = _container(pod).get("state", {}).get("waiting", {})
    said = f"{waiting.get('reason')}: {waiting.get('message', '')}".strip(": ")
    if waiting.get("reason") in _NEVER or (waiting.get("reason") in _MAYBE and _age_s(pod) > image_s):
        return Pulse(False, f"its container could not be started{where}: {said}")
    return Pulse(True, waits(pod))


def waits(pod: Resource) -> str:
    """Returns what a pod that has not started waits for, in the scheduler's or the node's words; "" if it has."""
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}".strip(": ")
    waiting = _container(pod).get("state", {}).get("waiting", {})
    return f"{waiting.get('reason', '')}: {waiting.get('message', '')}".strip(": ")


def phase_of(pod: Resource) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def is_alive(pod: Resource) -> bool:
    return phase_of(pod) not in ENDED


def failure(job: Resource) -> str:
    """Returns why a Job has ended; "" if it has not."""
    for kind in ("Failed", "FailureTarget", "Complete"):
        found = _condition(job, kind)
        if found.get("status") == "True":
            return f"{found.get('reason', kind)}: {found.get('message', '')}".strip(": ")
    return ""


def has_ended(job: Resource, rank: int) -> bool:
    """True if the Job knows that the host of a rank has ended. Its status lists ranks as 0,2-5."""
    status = job.get("status", {})
    listed = f"{status.get('completedIndexes', '')},{status.get('failedIndexes', '')}"
    ranges = [part.partition("-") for part in listed.split(",") if part]
    return any(int(first) <= rank <= int(last or first) for first, _, last in ranges)


def _end(pod: Resource, target: Resource) -> str:
    """Returns why a pod has ended: the host's own words come first."""
    status = pod.get("status", {})
    ended = _container(pod).get("state", {}).get("terminated", {})
    if ended.get("reason") == "OOMKilled":
        limit = pod["spec"]["containers"][0].get("resources", {}).get("limits", {}).get("memory", "")
        return f"it needed more memory than its {limit} (OOMKilled)"
    if status.get("reason") or target.get("status") == "True":
        reason = status.get("reason") or target.get("reason")
        return f"its pod was ended: {reason}: {status.get('message') or target.get('message', '')}".rstrip(": ")
    if ended.get("message"):
        return str(ended["message"]).strip()
    return f"it was killed or crashed: its container ended with {ended.get('exitCode', 'no exit code')}"


def _container(pod: Resource) -> Resource:
    listed: list[Resource] = pod.get("status", {}).get("containerStatuses") or [{}]
    return next((one for one in listed if one.get("name") == "host"), listed[0])


def _condition(resource: Resource, kind: str) -> Resource:
    listed: list[Resource] = resource.get("status", {}).get("conditions") or []
    return next((one for one in listed if one["type"] == kind), {})


def _age_s(pod: Resource) -> float:
    since = datetime.fromisoformat(str(pod["metadata"]["creationTimestamp"]))
    return (datetime.now(UTC) - since).total_seconds()
