"""States of pods and nodes, quantities, and kubeconfigs."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from sagewright.compute.backend import NoBackend
from sagewright.compute.kubernetes import manifests, pods
from sagewright.compute.kubernetes.credentials import find_access
from sagewright.model.aws.instance_types import Resources

IMAGE_S = 300.0


def pod(phase: str, container: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    limits = {"resources": {"limits": {"memory": "2048Mi"}}}
    return {
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "n1", "containers": [limits]},
        "status": {"phase": phase, "containerStatuses": [{"name": "host", "state": container or {}}], **status},
    }


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


@pytest.mark.parametrize(
    ("found", "alive", "said"),
    [
        (pod("Running", {"running": {}}), True, ""),
        (pod("Pending", {"waiting": {"reason": "ContainerCreating"}}), True, "ContainerCreating"),
        (pod("Pending", **condition("PodScheduled", "False", "Unschedulable", "0/2 nodes")), True, "Unschedulable: 0/2 nodes"),
        (pod("Pending", {"waiting": {"reason": "InvalidImageName", "message": "m"}}), False, "InvalidImageName: m"),
        (pod("Pending", {"waiting": {"reason": "ErrImagePull", "message": "m"}}), False, "on node n1: ErrImagePull: m"),
        (pod("Running", **condition("DisruptionTarget", "True", "DeletionByTaintManager")), False, "its node n1 was lost"),
        (pod("Running", **condition("DisruptionTarget", "True", "EvictionByEvictionAPI")), True, ""),
        (pod("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), False, "2048Mi (OOMKilled) on node n1"),
        (pod("Failed", {"terminated": {"exitCode": 1, "message": "it crashed\n"}}), False, "it crashed on node n1"),
        (pod("Failed", {"terminated": {"exitCode": 3}}), False, "its container ended with 3"),
        (pod("Failed", reason="Evicted", message="low on memory"), False, "Evicted: low on memory"),
    ],
)  # fmt: skip
def test_a_pod_says_whether_its_host_lives(found: dict[str, Any], alive: bool, said: str) -> None:
    pulse = pods.pulse(found, IMAGE_S)
    assert bool(pulse) is alive
    assert said in pulse.reason
    assert said or pulse.reason == ""


def test_an_image_may_fail_to_be_pulled_for_a_while() -> None:
    assert pods.pulse(pod("Pending", {"waiting": {"reason": "ErrImagePull"}}), float("inf"))


def test_a_job_lists_the_ranks_that_have_ended() -> None:
    job = {"status": {"completedIndexes": "0,3-5", "failedIndexes": "7"}}
    assert [rank for rank in range(9) if pods.has_ended(job, rank)] == [0, 3, 4, 5, 7]
    assert not pods.has_ended({}, 0)


def node(**parts: Any) -> dict[str, Any]:
    offered = {"cpu": "7910m", "memory": "31000000Ki", "nvidia.com/gpu": "2"}
    status = {"allocatable": offered, **condition("Ready", parts.pop("ready", "True"))}
    return {"metadata": {"labels": parts.pop("labels", {})}, "spec": parts, "status": status}


def test_machines_are_nodes_on_which_pods_may_run() -> None:
    taint = {"key": "gpu", "value": "a", "effect": "NoSchedule"}
    tolerating = {"spec": {"tolerations": [{"key": "gpu", "operator": "Equal", "value": "a", "effect": "NoSchedule"}]}}
    assert len(pods.usable([node(), node(ready="Unknown"), node(unschedulable=True), node(taints=[taint])], {})) == 1
    assert len(pods.usable([node(taints=[taint])], tolerating)) == 1
    assert pods.usable([node(taints=[taint | {"value": "b"}])], tolerating) == []
    assert pods.usable([node()], {"spec": {"nodeSelector": {"pool": "a"}}}) == []
    assert pods.resources(node(), pods.reserved("cpu=500m, memory=1Gi")) == Resources(7, 28, 2)


@pytest.mark.parametrize(("text", "number"), [("500m", 0.5), ("2", 2), ("1Gi", 1 << 30), ("1.5k", 1500), ("1e3", 1000)])
def test_quantities(text: str, number: float) -> None:
    assert pods.quantity(text) == number


@pytest.mark.parametrize("text", ["", "x", "1Q", "-1"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        pods.quantity(text)


def test_names_are_labels_of_dns_and_differ() -> None:
    names = {manifests.name_of(gang) for gang in ("a" * 300, "a" * 299, "A_b.c", "a-b-c", "ü")}
    assert len(names) == 5
    assert all(len(f"{name}-999") <= 63 and name.replace("-", "").isalnum() and name.isascii() for name in names)


def kubeconfig(folder: Path, user: dict[str, Any], server: str = "http://127.0.0.1:1/") -> str:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}}],
        "clusters": [{"name": "k", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
    }
    (folder / "config").write_text(json.dumps(config))
    return str(folder / "config")


def test_tokens_of_a_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    count, program = tmp_path / "count", tmp_path / "program"
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    answer = json.dumps({"status": {"token": "from a program", "expirationTimestamp": until}})
    program.write_text(f"#!/bin/sh\necho called >> {count}\necho '{answer}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    version = "client.authentication.k8s.io/v1"
    for user, token in (
        ({"token": "its own"}, "its own"),
        ({"tokenFile": "token"}, "from a file"),
        ({"exec": {"command": str(program), "apiVersion": version}}, "from a program"),
        ({}, ""),
    ):
        access = find_access(kubeconfig(tmp_path, user))
        assert (access.server, access.namespace, access.tls) == ("http://127.0.0.1:1", "n", None)
        assert [access.token(), access.token()] == [token, token]
    assert count.read_text().split() == ["called"], "its token is kept while it is valid"


@pytest.mark.parametrize("user", [{"auth-provider": {"name": "gcp"}}, {"username": "u", "password": "p"}])
def test_what_a_kubeconfig_may_not_have(user: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(NoBackend, match="not supported"):
        find_access(kubeconfig(tmp_path, user))


def test_pod_fields_are_maps(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    for text, message in (("- a", "only the maps"), ("kind: Pod", "'kind'"), ("spec: [", "cannot be read")):
        file.write_text(text)
        with pytest.raises(NoBackend, match=message):
            manifests.pod_fields(file)
