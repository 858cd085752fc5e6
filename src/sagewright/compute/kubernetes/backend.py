"""Hosts as pods of Kubernetes Jobs, as the server sees them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from sagewright.compute.backend import BackendUnreachable, Handle, HostPlan, LaunchFailed, NoBackend, Pulse
from sagewright.compute.kubernetes import manifests, pods
from sagewright.compute.kubernetes.api import ClusterApi, KubernetesRefused, Resource
from sagewright.compute.kubernetes.credentials import find_access
from sagewright.compute.machines import ClusterMachines
from sagewright.compute.orders import endpoint_base, host_order
from sagewright.model.aws.instance_types import Resources
from sagewright.model.settings import Settings

log = logging.getLogger("sagewright.compute")
_PODS_S = 0.5  # maximum age of the cached state of all pods
_KILL_GRACE_S = 1
"""Time between a killed pod's SIGTERM and SIGKILL: Kubernetes waits for the end of a pod only if there is such a time."""
_ENDS_S = 30.0
"""Time within which a node ends a pod; afterwards the pod is given up."""
_SEEN_S = 10.0
"""Time within which a Job shows that a pod has ended."""
_LOG_LINES = 1000


class KubernetesBackend:
    """A gang is one Indexed Job, whose pods wait for each other before they start their agents.

    Raises NoBackend on creation. A Job's name is made of its gang's, so a launch that is repeated finds it. `image_s`: how long a
    pod's image may fail to be pulled.
    """

    def __init__(self, settings: Settings, image_s: float = 300) -> None:
        if not settings.kubernetes_image:
            raise NoBackend("The backend kubernetes needs kubernetes_image: an image with this version of Sagewright.")
        self._settings, self._image_s = settings, image_s
        self._template = manifests.pod_fields(settings.kubernetes_pod)
        try:
            self._reserved = pods.reserved(settings.kubernetes_reserved)
        except ValueError as error:
            raise NoBackend(f"kubernetes_reserved={settings.kubernetes_reserved!r}: {error}") from error
        access = find_access(settings.kubernetes_config)
        self._api = ClusterApi(access, settings.kubernetes_namespace or access.namespace or "default")
        self._lock = threading.Lock()
        self._pods: list[Resource] = []
        self._pods_at = float("-inf")
        self._machines = ClusterMachines(self._resources, (BackendUnreachable, KubernetesRefused))
        self._waits: dict[str, str] = {}
        try:
            nodes = self._usable()
        except (KubernetesRefused, BackendUnreachable) as error:
            self._api.close()
            raise NoBackend(f"The Kubernetes cluster cannot be used: {error}") from error
        self._base = endpoint_base(settings, pods.addresses(nodes), "Kubernetes cluster")

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        gang, count = plans[0].host_id, len(plans)
        name = manifests.name_of(gang)
        orders = [host_order(self._settings, plan, gang) for plan in plans]
        try:
            uid = self._launch(name, [order | {"peers": manifests.peers_of(name, count)} for order in orders])
        except KubernetesRefused as error:
            with suppress(KubernetesRefused, BackendUnreachable):
                self._api.delete("Job", name)
            raise LaunchFailed(f"Kubernetes did not accept the gang: {error}") from error
        return [
            {
                "host_id": plan.host_id,
                "job": name,
                "uid": uid,
                "rank": rank,
                "count": count,
                "place": order["directory"].replace("~", manifests.HOME, 1),
                "directory": str(plan.directory),
            }
            for rank, (order, plan) in enumerate(zip(orders, plans, strict=True))
        ]

    def _launch(self, name: str, orders: list[Resource]) -> str:
        """Creates what a gang needs and does not have yet; returns the Job's uid. Pods wait for the Secret, which comes last."""
        document, count = orders[0]["document"], len(orders)
        wanted = manifests.job(self._settings, name, document, count, self._template)
        job = self._api.create(wanted) or self._api.get("Job", name)
        if job is None or job["metadata"].get("deletionTimestamp"):
            raise KubernetesRefused(409, f"a Job {name} is being deleted")
        uid = str(job["metadata"]["uid"])
        if count > 1:
            self._api.create(manifests.service(name, uid))
        self._api.create(manifests.secret(name, uid, orders))
        return uid

    def poll(self, handle: Handle) -> Pulse:
        try:
            found = self._poll(handle)
        except KubernetesRefused as error:
            raise BackendUnreachable(f"Kubernetes could not show the pods: {error}") from error
        host = str(handle["host_id"])
        if found and found.reason and self._waits.get(host) != found.reason:
            log.log(
                logging.WARNING if "Unschedulable" in found.reason else logging.INFO,
                "host %s waits: %s",
                host,
                found.reason,
            )
            self._waits[host] = found.reason
        elif not found:
            self._waits.pop(host, None)
        return found

    def _poll(self, handle: Handle, *, fresh: bool = False) -> Pulse:
        pod = self._pod(handle, fresh=fresh) or self._pod(handle, fresh=True)
        if pod is not None:
            return pods.pulse(pod, self._image_s)
        name = str(handle["job"])
        job = self._job(handle)
        if job is None:
            return Pulse(False, f"its Kubernetes Job {name} is gone")
        if pods.has_ended(job, int(handle["rank"])):
            return Pulse(False, f"its pod of the Kubernetes Job {name} is gone")
        if ended := pods.failure(job):
            return Pulse(False, f"its Kubernetes Job {name} ended: {ended}")
        return Pulse(True, "its pod has not been created")

    def stop(self, handle: Handle) -> None:
        try:
            gang = self._gang(handle, fresh=True)
            own = pods.oldest(gang, int(handle["rank"]))
            if not self._has_begun(handle, gang):
                self._api.delete("Job", str(handle["job"]))
            elif own is not None and pods.is_alive(own) and not own["metadata"].get("deletionTimestamp"):
                self._api.delete("Pod", str(own["metadata"]["name"]))
        except KubernetesRefused as error:
            raise BackendUnreachable(f"Kubernetes could not stop a pod: {error}") from error

    def kill(self, handle: Handle) -> None:
        try:
            self._kill(handle)
        except KubernetesRefused as error:
            raise BackendUnreachable(f"Kubernetes could not end a pod: {error}") from error

    def _kill(self, handle: Handle) -> None:
        gang = self._gang(handle, fresh=True)
        pod = pods.oldest(gang, int(handle["rank"]))
        if not self._has_begun(handle, gang):
            self._api.delete("Job", str(handle["job"]))
        if pod is not None:
            self._keep_log(handle, pod)
            self._end(pod)
        left = [one for one in self._gang(handle, fresh=True) if not one["metadata"].get("deletionTimestamp")]
        if not left and self._job(handle) is not None:  # that of a lost node stays as long as its Job
            self._api.delete("Job", str(handle["job"]))
        deadline = time.monotonic() + _SEEN_S
        while self._poll(handle, fresh=True) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _keep_log(self, handle: Handle, pod: Resource) -> None:
        directory = Path(handle["directory"])
        text = self._api.log(str(pod["metadata"]["name"]), _LOG_LINES) if directory.is_dir() else ""
        if text:
            (directory / "agent.log").write_text(text)

    def _end(self, pod: Resource) -> None:
        """Deletes a pod, and returns once its node has ended it, or is lost."""
        name, uid = str(pod["metadata"]["name"]), pod["metadata"]["uid"]
        lost = pods.is_alive(pod) and not pods.pulse(pod, float("inf"))
        deadline = time.monotonic() + (0 if lost else _ENDS_S)
        self._api.delete("Pod", name, _KILL_GRACE_S)
        while (found := self._api.get("Pod", name)) is not None and found["metadata"]["uid"] == uid:
            if time.monotonic() > deadline:
                self._api.delete("Pod", name, 0)
                return
            time.sleep(0.1)

    def _has_begun(self, handle: Handle, gang: Sequence[Resource]) -> bool:
        """False while a host of a gang has no running pod yet."""
        if any(pods.phase_of(pod) == "Pending" for pod in gang):
            return False
        job = self._job(handle)
        seen = {pods.rank_of(pod) for pod in gang}
        return job is None or all(rank in seen or pods.has_ended(job, rank) for rank in range(int(handle["count"])))

    def _job(self, handle: Handle) -> Resource | None:
        found = self._api.get("Job", str(handle["job"]))
        return found if found is not None and found["metadata"]["uid"] == handle["uid"] else None

    def _pod(self, handle: Handle, *, fresh: bool) -> Resource | None:
        return pods.oldest(self._gang(handle, fresh=fresh), int(handle["rank"]))

    def _gang(self, handle: Handle, *, fresh: bool) -> list[Resource]:
        with self._lock:
            if fresh or time.monotonic() - self._pods_at > _PODS_S:
                self._pods = self._api.list("Pod", **manifests.OURS)
                self._pods_at = time.monotonic()
            listed = self._pods
        return [pod for pod in listed if _owner(pod) == handle["uid"]]

    def _usable(self) -> list[Resource]:
        return pods.usable(self._api.list("Node"), self._template)

    def _resources(self) -> list[Resources]:
        return [pods.resources(one, self._reserved) for one in self._usable()]

    def machines(self) -> Sequence[Resources]:
        """Returns the resources of each usable node; none while the cluster does not answer."""
        return self._machines()

    def endpoint(self, url: str) -> str:
        """Returns the address at which pods reach the server that is at `url` on this machine."""
        return self._base.replace("{port}", str(urlsplit(url).port))

    def close(self) -> None:
        """Closes the connections; the hosts go on."""
        self._api.close()


def _owner(pod: Resource) -> str:
    """Returns the uid of the Job that a pod belongs to."""
    return next((str(one["uid"]) for one in pod["metadata"].get("ownerReferences", []) if one["kind"] == "Job"), "")
