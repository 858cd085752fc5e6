"""The site that the settings choose for the hosts of jobs, with everything that depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sagewright.compute.backend import Backend
from sagewright.compute.capacity import Machines, this_machine
from sagewright.compute.forkserver import Cells
from sagewright.compute.local import LocalBackend
from sagewright.model.machine import machine_name
from sagewright.model.settings import Settings


@dataclass(frozen=True)
class Site:
    """A backend, its machines under one name, and the address by which they reach the server.

    `endpoint(url)`: the address at which its hosts reach a server that this machine reaches at `url`; `warm()` speeds
    up the first launch; `close()` ends helpers of this process, while hosts go on. `environments`: directory of the
    environments of this machine's hosts; None if hosts are on other machines. `left_over()`: True if an earlier process may have
    left sandboxes that `warm` removes.
    """

    backend: Backend
    machines: Machines
    name: str
    endpoint: Callable[[str], str]
    warm: Callable[[], None]
    close: Callable[[], None]
    environments: Path | None = None
    left_over: Callable[[], bool] = lambda: False


def open_site(settings: Settings) -> Site:
    """Opens the site of the settings. Raises NoBackend if it is not available."""
    return {"local": _here, "ray": _on_ray, "slurm": _on_slurm, "kubernetes": _on_kubernetes}[settings.backend](
        settings
    )


def _here(settings: Settings) -> Site:
    backend = LocalBackend(cells=Cells(settings.data / "cells", settings.ready_sandboxes))
    machine = this_machine(settings.capacity_cpus, settings.capacity_memory_gb)
    machines = Machines(lambda: [machine])
    own = settings.environments_dir
    name, warm, close = machine_name(), backend.warm, backend.close
    return Site(
        backend, machines, name, lambda url: url, warm, close, own, partial(_holds_any, settings.data / "cells")
    )


def _holds_any(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())


def _on_ray(settings: Settings) -> Site:
    from sagewright.compute.ray.backend import RayBackend

    backend = RayBackend(settings)
    machines = Machines(backend.machines, "the cluster")
    return Site(backend, machines, f"ray {settings.ray_address}", backend.endpoint, lambda: None, backend.close)


def _on_slurm(settings: Settings) -> Site:
    from sagewright.compute.slurm.backend import SlurmBackend

    backend = SlurmBackend(settings)
    machines = Machines(backend.machines, "the cluster")
    name = f"slurm {settings.slurm_options}".strip()
    return Site(backend, machines, name, backend.endpoint, lambda: None, backend.close)


def _on_kubernetes(settings: Settings) -> Site:
    from sagewright.compute.kubernetes.backend import KubernetesBackend

    backend = KubernetesBackend(settings)
    machines = Machines(backend.machines, "the cluster")
    name = f"kubernetes {settings.kubernetes_namespace}".strip()
    return Site(backend, machines, name, backend.endpoint, lambda: None, backend.close)
