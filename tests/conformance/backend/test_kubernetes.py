"""Manifests, and faults that only a Kubernetes cluster has: pods that wait, lost nodes, evictions, an API server that is away."""

from __future__ import annotations

import base64
import json
import lzma
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from backend.agents import agents_of, directory_of, gang, until
from backend.kubecluster.apiserver import GUIDE, Answered, manifests_of
from backend.kubecluster.validation import VERSIONS, Refused, check
from sagewright.compute.backend import Backend, BackendUnreachable, LaunchFailed, NoBackend
from sagewright.compute.kubernetes import manifests
from sagewright.compute.kubernetes.backend import KubernetesBackend
from sagewright.model.settings import load_settings

if TYPE_CHECKING:
    from backend.conftest import Launch, Place
    from backend.kubecluster.cluster import KubernetesCluster
    from conftest import RunningServer

PAIR = ("algo-1", "algo-2")
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}


@pytest.fixture(scope="module")
def backend(on_kubernetes: Place, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return on_kubernetes.backend(tmp_path_factory.mktemp("data"))


@pytest.fixture
def cluster(kubernetes_cluster: KubernetesCluster) -> Iterator[KubernetesCluster]:
    """The cluster, of which a test may lose the second node and the API server."""
    yield kubernetes_cluster
    kubernetes_cluster.api.before = lambda _verb, _kind: None
    kubernetes_cluster.start_node("n2")


def made_for(tmp_path: Path, **settings: str) -> list[manifests.Resource]:
    """The manifests of a gang of two."""
    chosen = load_settings({"data": tmp_path, "kubernetes_image": "image", **settings})
    plans, extra = gang(tmp_path, *PAIR, gpus=1), manifests.pod_fields(chosen.kubernetes_pod)
    name = manifests.name_of(plans[0].host_id)
    orders = [{"document": plan.document} for plan in plans]
    job = manifests.job(chosen, name, plans[0].document, 2, extra)
    return [job, manifests.secret(name, "u", orders), manifests.service(name, "u")]


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_satisfy_the_published_schemas(version: str, tmp_path: Path) -> None:
    for number, block in enumerate(pod_files()):
        (tmp_path / f"{number}.yaml").write_text(block)
        made = made_for(tmp_path, kubernetes_pod=str(tmp_path / f"{number}.yaml"), kubernetes_service_account="s")
        for one in made:
            check(one, version)
        with pytest.raises(Refused):
            check(made[0] | {"spec": made[0]["spec"] | {"backoffLimitPerindex": 0}}, version)
    for one in manifests_of(GUIDE):
        check(one, version)


def pod_files() -> list[str]:
    """The files of pod fields that the how-to shows."""
    blocks = GUIDE.read_text().split("```yaml\n")[1:]
    found = [one.partition("```")[0] for one in blocks]
    return [one for one in found if "apiVersion" not in one]


def test_pod_fields_are_merged_and_secrets_stay_in_the_secret(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(pod_files()[0])
    job, secret, _service = made_for(tmp_path, kubernetes_pod=str(file))
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["labels"]["team"] == "vision"
    assert pod["nodeSelector"] == {"pool": "training"}
    assert [one["name"] for one in pod["volumes"]] == ["orders", "data", "shm", "environments"]
    (container,) = pod["containers"]
    assert container["volumeMounts"][-1]["mountPath"] == "/environments"
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "1024Mi", "nvidia.com/gpu": "1"}
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert "secret_access_key" not in json.dumps(job)
    assert b"secret_access_key" in lzma.decompress(base64.b64decode(secret["data"][manifests.ORDERS_FILE]))
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "u"


def test_a_gang_waits_until_there_is_room_for_all(
    backend: Backend, launch: Launch, tmp_path: Path, cluster: KubernetesCluster
) -> None:
    (first,) = launch(gang(tmp_path, "algo-1", cpus=4))
    until(lambda: agents_of(first))
    waiting = launch(gang(tmp_path, *PAIR, cpus=4))
    until(lambda: any(one.pod["status"]["phase"] == "Running" for one in cluster.pods_of(waiting[0]["job"])))
    until(lambda: any("Insufficient cpu" in backend.poll(one).reason for one in waiting))
    assert agents_of(*waiting) == []  # though one of them has room
    assert all(backend.poll(handle) for handle in waiting)
    never = launch(gang(tmp_path, *PAIR, cpus=4))
    backend.stop(never[0])
    until(lambda: not any(backend.poll(handle) for handle in never))
    backend.kill(first)
    until(lambda: len(agents_of(*waiting)) == 2)
    documents = [json.loads((directory_of(one) / "host.json").read_bytes()) for one in waiting]
    told = sorted(one.pod["status"]["podIP"] for one in cluster.pods_of(waiting[0]["job"]))
    assert [sorted(one["addresses"].values()) for one in documents] == [told, told]
    assert {one["network"] for one in documents} == {"machines"}


def test_a_launch_that_broke_off_starts_nothing_and_is_completed(
    backend: Backend, launch: Launch, tmp_path: Path, cluster: KubernetesCluster
) -> None:
    def away(verb: str, kind: str) -> None:
        if (verb, kind) == ("create", "Secret"):
            raise Answered(503, "ServiceUnavailable", "the server is currently unable to handle the request")

    plans = gang(tmp_path, *PAIR)
    cluster.api.before = away
    with pytest.raises(BackendUnreachable, match="unable to handle"):
        backend.launch(plans)
    name = manifests.name_of(plans[0].host_id)
    until(lambda: len(cluster.pods_of(name)) == 2)
    assert all(one.pod["status"]["phase"] == "Pending" for one in cluster.pods_of(name))
    cluster.api.before = lambda _verb, _kind: None
    handles = launch(plans)
    until(lambda: len(agents_of(*handles)) == 2)
    assert len(cluster.pods_of(name)) == 2


def test_a_killed_servers_launch_is_completed_by_the_next(
    kubernetes_server: RunningServer, job_name: str, cluster: KubernetesCluster
) -> None:
    """The server dies while it creates the Secret: the store has no handle of the Job yet."""
    reached, go_on = threading.Event(), threading.Event()

    def hold(verb: str, kind: str) -> None:
        if (verb, kind) == ("create", "Secret") and not go_on.is_set():
            reached.set()
            go_on.wait(60)
            raise Answered(503, "ServiceUnavailable", "never carried out")

    before = len([one for one in cluster.state.created if one[0] == "Job"])
    cluster.api.before = hold
    kubernetes_server.run_shell(job_name, "echo went on", ResourceConfig=TWO)
    assert reached.wait(60)
    kubernetes_server.end(signal.SIGKILL)
    go_on.set()
    kubernetes_server.start()
    job = kubernetes_server.wait(job_name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert kubernetes_server.lines(job_name).count("went on") == 2
    assert len([one for one in cluster.state.created if one[0] == "Job"]) == before + 1


def test_ends_have_kubernetes_reasons(
    backend: Backend, launch: Launch, tmp_path: Path, cluster: KubernetesCluster
) -> None:
    handles = [launch(gang(tmp_path, "algo-1"))[0] for _ in range(2)]
    until(lambda: len(agents_of(*handles)) == 2)
    (full,), (pressed,) = (cluster.pods_of(one["job"]) for one in handles)
    full.kill("OOMKilled")
    pressed.evict("The node was low on resource: ephemeral-storage.")
    until(lambda: not any(backend.poll(one) for one in handles))
    assert "needed more memory than its 1024Mi (OOMKilled) on node" in backend.poll(handles[0]).reason
    assert "Evicted: The node was low on resource" in backend.poll(handles[1]).reason
    until(lambda: agents_of(*handles) == [])


def test_an_image_that_cannot_be_pulled_is_said(
    on_kubernetes: Place, launch: Launch, backend: Backend, tmp_path: Path
) -> None:
    settings = load_settings({"data": tmp_path, **on_kubernetes.settings, "kubernetes_image": "registry.example/none"})
    hasty = KubernetesBackend(settings, image_s=0)
    (handle,) = hasty.launch(gang(tmp_path, "algo-1"))
    try:
        until(lambda: not hasty.poll(handle))
        assert 'ImagePullBackOff: Back-off pulling image "registry.example/none"' in hasty.poll(handle).reason
    finally:
        hasty.kill(handle)
        hasty.close()


def test_nothing_is_left_of_a_killed_gang(
    backend: Backend, launch: Launch, tmp_path: Path, cluster: KubernetesCluster
) -> None:
    plans = gang(tmp_path, *PAIR)
    for plan in plans:
        plan.directory.mkdir(parents=True)
    handles = launch(plans)
    until(lambda: len(agents_of(*handles)) == 2)
    name = handles[0]["job"]
    backend.kill(handles[0])
    assert cluster.resource("Job", name), "the other host goes on"
    backend.kill(handles[1])
    until(lambda: not any(cluster.resource(kind, name) for kind in ("Job", "Secret", "Service")))
    until(lambda: cluster.pods_of(name) == [])


def test_what_kubernetes_refuses_fails_the_launch(on_kubernetes: Place, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text("spec: {nodeSelektor: {a: b}}")
    wrong = KubernetesBackend(load_settings({"data": tmp_path, **on_kubernetes.settings, "kubernetes_pod": str(file)}))
    with pytest.raises(LaunchFailed, match=r"Kubernetes did not accept the gang: .*nodeSelektor"):
        wrong.launch(gang(tmp_path, "algo-1"))
    wrong.close()


def test_a_cluster_that_cannot_be_used_is_said(
    on_kubernetes: Place, backend: Backend, tmp_path: Path, cluster: KubernetesCluster
) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "other"
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    for changed, message in (
        ({"kubernetes_config": str(file)}, "Unauthorized"),
        ({"kubernetes_config": str(tmp_path / "none")}, "cannot be read: No such file"),
        ({"kubernetes_image": ""}, "needs kubernetes_image"),
        ({"kubernetes_reserved": "disk=1"}, "must be cpu or memory"),
    ):
        with pytest.raises(NoBackend, match=message):
            KubernetesBackend(load_settings({"data": tmp_path, **on_kubernetes.settings, **changed}))


def test_jobs_go_on_while_the_api_server_is_away(
    backend: Backend, kubernetes_server: RunningServer, job_name: str, cluster: KubernetesCluster
) -> None:
    kubernetes_server.run_shell(job_name, "echo begun; sleep 10; echo m > /opt/ml/model/m")
    kubernetes_server.when_logged(job_name, "begun")
    handle = next(one for one in kubernetes_server.handles() if agents_of(one))
    cluster.api.stop()
    try:
        time.sleep(1)  # older than what is cached
        with pytest.raises(BackendUnreachable, match="does not answer"):
            backend.poll(handle)
        assert backend.machines() is not None  # type: ignore[attr-defined]
    finally:
        cluster.api.start()
    job = kubernetes_server.wait(job_name, timeout_s=90)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    until(lambda: not directory_of(handle).exists())


def test_a_lost_node_is_seen_and_named(
    kubernetes_server: RunningServer, job_name: str, cluster: KubernetesCluster
) -> None:
    kubernetes_server.run_shell(job_name, "echo begun; sleep 100", ResourceConfig=TWO)
    kubernetes_server.when_logged(job_name, "begun")
    until(lambda: len(agents_of(*kubernetes_server.handles())) == 2)
    cluster.lose_node("n2")
    job = kubernetes_server.wait(job_name, timeout_s=90)
    assert job["TrainingJobStatus"] == "Failed"
    assert "its node n2 was lost" in job["FailureReason"]
    until(lambda: agents_of(*kubernetes_server.handles()) == [])
    until(lambda: cluster.state.all("Job") == [])
