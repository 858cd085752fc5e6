"""The places that the suite runs at: this machine, and clusters of two nodes, of Ray, of Slurm and a stand-in of Kubernetes."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backend.kubecluster.cluster import IMAGE, KubernetesCluster
from backend.kubecluster.cluster import missing as missing_for_pods
from backend.raycluster import RayCluster
from backend.slurmcluster import SlurmCluster, missing
from sagewright.compute.backend import Backend, Handle, HostPlan
from sagewright.compute.sites import Site, open_site
from sagewright.model.settings import load_settings
from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import resolve_image

if TYPE_CHECKING:
    from conftest import RunningServer

ROOT = Path(__file__).parents[3]
SHELL_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@dataclass
class Place:
    """A backend by its name, the settings that choose it, and the cluster behind it."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    cluster: RayCluster | SlurmCluster | KubernetesCluster | None = None
    opened: list[Site] = field(default_factory=list)

    def open(self, data: Path) -> Backend:
        """A backend as a server on that data directory would have it; again for one that was restarted."""
        site = open_site(load_settings({"data": data, **self.settings}))
        self.opened.append(site)
        return site.backend

    def backend(self, data: Path) -> Backend:
        """The first that was opened: one is enough for most tests."""
        return self.opened[0].backend if self.opened else self.open(data)

    def environ(self) -> dict[str, str]:
        variables = {f"SAGEWRIGHT_{name.upper()}": value for name, value in self.settings.items()}
        return variables | {"SAGEWRIGHT_STOP_GRACE_S": "5"}

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    assert importlib.util.find_spec("ray"), "these tests run in an environment with Ray: `make ray`"
    # The nodes have no way to the outside: the environment of the jobs is made here.
    Environments(ROOT / ".cache" / "environments", "nearest").ensure(resolve_image(SHELL_IMAGE), print)
    cluster = RayCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def on_ray(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = {
        "backend": "ray",
        "ray_address": ray_cluster.address,
        "host": ray_cluster.host,
        "insecure": "true",
        "node_directory": str(tmp_path_factory.mktemp("node")),
    }
    place = Place("ray", settings, ray_cluster)
    theirs = {name: value for name, value in ray_cluster.environ.items() if name.startswith("RAY_")}
    before = {name: os.environ.get(name) for name in theirs}
    os.environ.update(theirs)
    yield place
    place.close()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    if os.geteuid() != 0:
        pytest.skip("Slurm's daemons of the tests' own run as root")
    assert not missing(), f"these tests need Slurm: {missing()}; on Debian: apt-get install slurm-wlm munge"
    Environments(ROOT / ".cache" / "environments", "nearest").ensure(resolve_image(SHELL_IMAGE), print)
    cluster = SlurmCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def on_slurm(slurm_cluster: SlurmCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = {"backend": "slurm", "node_directory": str(tmp_path_factory.mktemp("node"))}
    place = Place("slurm", settings, slurm_cluster)
    before = os.environ.get("SLURM_CONF")
    os.environ.update(slurm_cluster.environ)
    yield place
    place.close()
    os.environ.pop("SLURM_CONF") if before is None else os.environ.update({"SLURM_CONF": before})


@pytest.fixture(scope="session")
def kubernetes_cluster() -> Iterator[KubernetesCluster]:
    if why := missing_for_pods():
        pytest.skip(why)
    Environments(ROOT / ".cache" / "environments", "nearest").ensure(resolve_image(SHELL_IMAGE), print)
    cluster = KubernetesCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def on_kubernetes(kubernetes_cluster: KubernetesCluster) -> Iterator[Place]:
    settings = {
        "backend": "kubernetes",
        "kubernetes_config": str(kubernetes_cluster.kubeconfig),
        "kubernetes_image": IMAGE,
        "kubernetes_python": sys.executable,
        "host": kubernetes_cluster.host,
        "insecure": "true",
        "node_directory": str(kubernetes_cluster.folder / "node"),  # not below /dev/shm, of which each pod has its own
    }
    place = Place("kubernetes", settings, kubernetes_cluster)
    yield place
    place.close()


@pytest.fixture(scope="session", params=["local", "ray", "slurm", "kubernetes"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param != "local":
        yield request.getfixturevalue(f"on_{request.param}")
    else:
        here = Place("local")
        yield here
        here.close()


Launch = Callable[[list[HostPlan]], list[Handle]]


@pytest.fixture
def launch(backend: Backend) -> Iterator[Launch]:
    """Launches gangs; what is left of them at the end of the test is killed."""
    launched: list[Handle] = []

    def start(plans: list[HostPlan]) -> list[Handle]:
        handles = backend.launch(plans)
        launched.extend(handles)
        return handles

    yield start
    for handle in launched:
        backend.kill(handle)


def _server(place: Place, data: Path, server_class: type[RunningServer]) -> Iterator[RunningServer]:
    running = server_class(data, place.environ())
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="session")
def here_server(tmp_path_factory: pytest.TempPathFactory, server_class: type[RunningServer]) -> Iterator[RunningServer]:
    yield from _server(Place("local"), tmp_path_factory.mktemp("server"), server_class)


@pytest.fixture
def server_at(place: Place, request: pytest.FixtureRequest) -> RunningServer:
    """The one server for the tests of a place."""
    found: RunningServer = request.getfixturevalue(f"{place.name}_server" if place.cluster else "here_server")
    return found


@pytest.fixture(scope="session")
def ray_server(
    on_ray: Place, tmp_path_factory: pytest.TempPathFactory, server_class: type[RunningServer]
) -> Iterator[RunningServer]:
    yield from _server(on_ray, tmp_path_factory.mktemp("server"), server_class)


@pytest.fixture(scope="session")
def slurm_server(
    on_slurm: Place, tmp_path_factory: pytest.TempPathFactory, server_class: type[RunningServer]
) -> Iterator[RunningServer]:
    yield from _server(on_slurm, tmp_path_factory.mktemp("server"), server_class)


@pytest.fixture(scope="session")
def kubernetes_server(
    on_kubernetes: Place, tmp_path_factory: pytest.TempPathFactory, server_class: type[RunningServer]
) -> Iterator[RunningServer]:
    yield from _server(on_kubernetes, tmp_path_factory.mktemp("server"), server_class)


@pytest.fixture(autouse=True)
def nothing_runs_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that failed must not keep the nodes from the next one."""
    servers = [
        request.getfixturevalue(name)
        for name in ("server_at", "ray_server", "slurm_server", "kubernetes_server")
        if name in request.fixturenames
    ]
    yield
    for running in servers:
        client = running.boto("sagemaker")
        left = client.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
        for job in left:
            client.stop_training_job(TrainingJobName=job["TrainingJobName"])
        for job in left:
            running.wait(job["TrainingJobName"])
