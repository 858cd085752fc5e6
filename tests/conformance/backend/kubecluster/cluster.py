"""The stand-in cluster as tests use it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from backend.kubecluster.apiserver import ApiServer
from backend.kubecluster.controllers import run_all
from backend.kubecluster.kubelet import ENDED, RunningPod
from backend.kubecluster.network import Network
from backend.kubecluster.state import Resource, State, set_condition

IMAGE = "registry.example/sagewright:tests"
_STEP_S = 0.05
NODES = {"n1": "0", "n2": "2"}
"""GPUs by node."""


def missing() -> str:
    """Why the stand-in can't run here; "" if it can."""
    if os.geteuid() != 0:
        return "namespaces of pods are made by root"
    absent = [name for name in ("ip", "unshare", "mount") if shutil.which(name) is None]
    return f"{absent} are not installed" if absent else ""


class KubernetesCluster:
    """Started by `start`; `stop` ends its pods, and leaves their mount points: another cluster's may be in use, and to remove one
    would unmount it there. Two nodes with room for hosts of 4 CPUs and 8 GiB each."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sagewright-tests-kubernetes-", dir="/tmp"))
        self.state, self.network = State(images={IMAGE}), Network()
        self.api = ApiServer(self.state, secrets.token_hex(16), self._log)
        self.pods: dict[str, RunningPod] = {}
        self._ending = threading.Event()
        self._loop = threading.Thread(target=self._control, name="kubernetes", daemon=True)

    @property
    def host(self) -> str:
        """The address at which pods reach this machine."""
        return self.network.host

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "config"

    def start(self) -> None:
        self.network.start()
        self.api.start()
        parts: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "contexts": [{"name": "tests", "context": {"cluster": "c", "user": "u", "namespace": "sagewright"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.api.port}"}}],
            "users": [{"name": "u", "user": {"token": self.api.token}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(parts))
        with self.state.changed:
            for name in NODES:
                self.state.add({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}})
        for name in NODES:
            self.start_node(name)
        self._loop.start()

    def start_node(self, name: str) -> None:
        has = {"cpu": "4500m", "memory": "8912896Ki", "pods": "110", "nvidia.com/gpu": NODES[name]}
        with self.state.changed:
            node = self.state.resources["Node", name]
            node["spec"].pop("taints", None)
            node["status"] |= {"allocatable": has, "addresses": [{"type": "InternalIP", "address": self.host}]}
            set_condition(node, "Ready", "True", "KubeletReady")
            for pod in self.state.all("Pod"):  # a node that comes back ends what was given up
                if pod["spec"].get("nodeName") == name and "deletionTimestamp" in pod["metadata"]:
                    pod["status"]["phase"] = "Failed"

    def lose_node(self, name: str) -> None:
        """As a machine that is switched off: everything on it ends, and nobody reports that."""
        with self.state.changed:
            node = self.state.resources["Node", name]
            set_condition(node, "Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
            node["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]
            node["status"]["lost_at"] = time.monotonic()
            theirs = [one for one in self.pods.values() if one.node == name]
            for one in theirs:
                one.silent = True
        for one in theirs:
            one.kill()

    def pods_of(self, name: str) -> list[RunningPod]:
        """The pods of a Job that have a node."""
        return [one for one in list(self.pods.values()) if one.name.startswith(f"{name}-")]

    def resource(self, kind: str, name: str) -> Resource | None:
        with self.state.changed:
            return self.state.resources.get((kind, name))

    def until(self, holds: Callable[[], object], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def logs(self) -> str:
        with self.state.changed:
            found = [f"{name}: {pod.pod['status']}\n{pod.log()[-2000:]}" for name, pod in self.pods.items()]
        return "\n".join(found)

    def _log(self, name: str) -> str:
        found = self.pods.get(name)
        return found.log() if found is not None else ""

    def _control(self) -> None:
        while not self._ending.wait(_STEP_S):
            with self.state.changed:
                run_all(self.state)
                self._follow_pods()

    def _follow_pods(self) -> None:
        """Starts pods that have a node, forgets those that are gone, and keeps the names of the network."""
        there = {one["metadata"]["name"]: one for one in self.state.all("Pod")}
        for name, pod in there.items():
            if name not in self.pods and pod["spec"].get("nodeName") and pod["status"]["phase"] not in ENDED:
                self.pods[name] = RunningPod(self.state, self.network, self.folder, pod)
                self.pods[name].thread.start()
        for name in [name for name, one in self.pods.items() if name not in there and not one.thread.is_alive()]:
            self.pods.pop(name).clean()
        services = {one["metadata"]["name"]: one["spec"] for one in self.state.all("Service")}
        names = {}
        for pod in there.values():
            spec, labels = pod["spec"], pod["metadata"]["labels"]
            service = services.get(spec.get("subdomain"))
            shown = (
                service is not None
                and service["selector"].items() <= labels.items()
                and service["publishNotReadyAddresses"]
            )
            if shown and pod["status"].get("podIP"):
                names[f"{spec['hostname']}.{spec['subdomain']}"] = pod["status"]["podIP"]
        self.network.tell(names)

    def stop(self) -> None:
        self.api.stop()
        self._ending.set()
        if self._loop.ident is not None:
            self._loop.join()
        with self.state.changed:
            for one in self.state.all("Pod"):
                self.state.delete(one, 0)
        for pod in list(self.pods.values()):
            pod.kill()
            pod.thread.join(timeout=10)
            pod.clean()
        self.network.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
