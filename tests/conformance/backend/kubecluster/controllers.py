"""The controllers of the stand-in cluster: of Jobs, of nodes, of ownership, and the scheduler. Called with the state's lock."""

from __future__ import annotations

import copy
import secrets
import time

from backend.kubecluster.state import Resource, State, now, owner, set_condition

ENDED = {"Succeeded", "Failed"}
UNITS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
RANK = "batch.kubernetes.io/job-completion-index"
LOST_S = 1.0
"""Time after which a node that does not report is given up: a minute and more in a real cluster."""


def run_all(state: State) -> None:
    for job in state.all("Job"):
        sync_job(state, job)
    collect(state)
    for pod in state.all("Pod"):
        if not pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]:
            schedule(state, pod)
    for node in state.all("Node"):
        evict(state, node)


def collect(state: State) -> None:
    """Deletes what lost its owner, and pods that nothing holds any more."""
    uids = {one["metadata"]["uid"] for one in state.resources.values()}
    for one in list(state.resources.values()):
        orphan = bool(owner(one)) and owner(one) not in uids
        meta = one["metadata"]
        if orphan and "deletionTimestamp" not in meta:
            state.delete(one)
        ended = one["status"].get("phase") in ENDED
        gone = meta.get("deletionGracePeriodSeconds") == 0 and (orphan or ended)  # else the Job's finalizer holds it
        if one["kind"] == "Pod" and "deletionTimestamp" in meta and (gone or ended):
            state.remove(one)


def sync_job(state: State, job: Resource) -> None:
    """Makes a pod for each index, once; notes which have ended; ends the Job with the last of them."""
    status, meta = job["status"], job["metadata"]
    ends: dict[int, str] = status.setdefault("ends", {})
    own = [pod for pod in state.all("Pod") if owner(pod) == meta["uid"]]
    for pod in own:
        if pod["status"].get("phase") in ENDED:
            ends[int(pod["metadata"]["annotations"][RANK])] = pod["status"]["phase"]
    there = {int(pod["metadata"]["annotations"][RANK]) for pod in own}
    for rank in range(job["spec"]["completions"]):
        if rank not in there and rank not in ends:
            state.add(new_pod(job, rank))
    status["completedIndexes"] = ",".join(str(rank) for rank in sorted(ends) if ends[rank] == "Succeeded")
    status["failedIndexes"] = ",".join(str(rank) for rank in sorted(ends) if ends[rank] == "Failed")
    if len(ends) == job["spec"]["completions"] and not status.get("conditions"):
        kind, reason = ("Failed", "FailedIndexes") if status["failedIndexes"] else ("Complete", "CompletionsReached")
        set_condition(job, kind, "True", reason, f"Job has ended: {ends}")


def new_pod(job: Resource, rank: int) -> Resource:
    template, name = copy.deepcopy(job["spec"]["template"]), job["metadata"]["name"]
    job_labels = {"batch.kubernetes.io/job-name": name, RANK: str(rank)}
    spec = template["spec"] | {"hostname": f"{name}-{rank}"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-{rank}-{secrets.token_hex(3)[:5]}",
            "labels": template["metadata"]["labels"] | job_labels,
            "annotations": template["metadata"].get("annotations", {}) | {RANK: str(rank)},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": name,
                    "uid": job["metadata"]["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": spec,
        "status": {"phase": "Pending"},
    }


def amount(text: str) -> float:
    for unit, factor in UNITS.items():
        if str(text).endswith(unit):
            return float(str(text)[: -len(unit)]) * factor
    return float(text)


def schedule(state: State, pod: Resource) -> None:
    """Binds a pod to the node with the fewest pods of its gang on which it fits, or says why there is none."""
    wanted = {name: amount(value) for name, value in requests(pod).items()}
    reasons: dict[str, int] = {}
    fitting = []
    nodes = state.all("Node")
    for node in nodes:
        on = [one for one in state.all("Pod") if one["spec"].get("nodeName") == node["metadata"]["name"]]
        used = [requests(one) for one in on if one["status"].get("phase") not in ENDED]
        short = [
            name
            for name, value in wanted.items()
            if value
            > amount(node["status"]["allocatable"].get(name, "0")) - sum(amount(one.get(name, "0")) for one in used)
        ]
        taints = [] if is_ready(node) else ["node(s) had untolerated taint {node.kubernetes.io/unreachable: }"]
        selector = pod["spec"].get("nodeSelector", {}).items() <= node["metadata"].get("labels", {}).items()
        why = taints or ([] if selector else ["node(s) didn't match Pod's node affinity/selector"])
        why = why or [f"Insufficient {name}" for name in short]
        for reason in why:
            reasons[reason] = reasons.get(reason, 0) + 1
        if not why:
            fitting.append((sum(owner(one) == owner(pod) for one in on), node["metadata"]["name"]))
    if fitting:
        pod["spec"]["nodeName"] = min(fitting)[1]
        set_condition(pod, "PodScheduled", "True")
        state.touch()
        return
    said = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    set_condition(pod, "PodScheduled", "False", "Unschedulable", f"0/{len(nodes)} nodes are available: {said}.")


def requests(pod: Resource) -> dict[str, str]:
    found: dict[str, str] = pod["spec"]["containers"][0].get("resources", {}).get("requests", {})
    return found


def is_ready(node: Resource) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def evict(state: State, node: Resource) -> None:
    """Gives up the pods of a node that does not report; nobody confirms their end."""
    if is_ready(node) or time.monotonic() < node["status"]["lost_at"] + LOST_S:
        return
    for pod in state.all("Pod"):
        held = pod["spec"].get("nodeName") == node["metadata"]["name"] and pod["status"].get("phase") not in ENDED
        if held and "deletionTimestamp" not in pod["metadata"]:
            set_condition(pod, "DisruptionTarget", "True", "DeletionByTaintManager", "Taint manager: deleting")
            pod["metadata"] |= {"deletionTimestamp": now(), "deletionGracePeriodSeconds": 30}
            state.touch()
