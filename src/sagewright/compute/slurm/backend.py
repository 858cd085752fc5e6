"""Hosts as steps of Slurm jobs, as the server sees them."""

from __future__ import annotations

import base64
import json
import shlex
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sagewright.compute.backend import BackendUnreachable, Handle, HostPlan, LaunchFailed, NoBackend, Pulse
from sagewright.compute.machines import ClusterMachines
from sagewright.compute.orders import endpoint_base, host_order
from sagewright.compute.slurm import commands
from sagewright.compute.slurm.commands import RUNNING, WAITING, SlurmJob, SlurmNode, SlurmRefused
from sagewright.model.aws.instance_types import Resources
from sagewright.model.settings import Settings

_JOBS_S = 0.5  # maximum age of the cached state of all jobs
_BEGINS_S = 20.0
"""Time within which a running job names its hosts."""
_ON_NODE_S = 60.0
_ENDS_S = 10.0
"""Time within which a job's comment shows that a host has ended."""


class SlurmBackend:
    """A gang is one Slurm job: Slurm gives it all of its nodes at once, or none.

    Raises NoBackend on creation. A job's name is made of its gang's, so a launch that is repeated finds it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = shlex.split(settings.slurm_options)
        self._python = settings.slurm_python or sys.executable
        self._lock = threading.Lock()
        self._jobs: dict[str, SlurmJob] = {}
        self._jobs_at = float("-inf")
        self._machines = ClusterMachines(
            lambda: [one.has for one in commands.nodes(self._options)], (BackendUnreachable, SlurmRefused)
        )
        try:
            found = commands.nodes(self._options)
        except (SlurmRefused, BackendUnreachable) as error:
            raise NoBackend(f"The Slurm cluster cannot be reached: {error}") from error
        self._base = endpoint_base(settings, [one.address for one in found], "Slurm cluster")

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        gang = plans[0].host_id
        orders = [host_order(self._settings, plan, gang) for plan in plans]
        try:
            job = self._submitted(gang) or self._submit(gang, orders)
        except (SlurmRefused, BackendUnreachable) as error:
            with suppress(SlurmRefused, BackendUnreachable):
                commands.run("scancel", "--me", f"--name={_name(gang)}")
            raise LaunchFailed(f"Slurm did not accept the job: {error}") from error
        return [
            {
                "host_id": plan.host_id,
                "job": job,
                "rank": rank,
                "place": str(Path(order["directory"]).expanduser()),
                "directory": str(plan.directory),
            }
            for rank, (order, plan) in enumerate(zip(orders, plans, strict=True))
        ]

    def _submitted(self, gang: str) -> str | None:
        """Returns the id of the job that a killed server has submitted for this gang."""
        found = commands.jobs(_name(gang)).values()
        return next((one.id for one in found if one.state in WAITING or one.state in RUNNING), None)

    def _submit(self, gang: str, orders: list[dict[str, Any]]) -> str:
        arguments = placement(orders[0]["document"], len(orders), commands.nodes(self._options))
        packed = base64.b64encode(json.dumps(orders).encode()).decode()
        script = (
            f"#!/bin/sh\nexec {shlex.quote(self._python)} -m sagewright.compute.slurm.gang <<'END'\n{packed}\nEND\n"
        )
        command = ["sbatch", "--parsable", f"--job-name={_name(gang)}", "--no-requeue", "--output=/dev/null"]
        command += ["--export=PATH,HOME,LANG,SLURM_CONF", *arguments, *self._options]
        return commands.run(*command, text=script).strip().partition(";")[0]

    def poll(self, handle: Handle) -> Pulse:
        return pulse(self._job(handle), handle)

    def stop(self, handle: Handle) -> None:
        self._signal(handle, "stop")

    def kill(self, handle: Handle) -> None:
        log = self._signal(handle, "kill")
        directory = Path(handle["directory"])
        if log and directory.is_dir():
            (directory / "agent.log").write_text(log)
        deadline = time.monotonic() + _ENDS_S
        while pulse(self._job(handle, fresh=True), handle) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _signal(self, handle: Handle, what: str) -> str:
        """Ends a gang that waits; runs `host` on the node of a host that runs, and returns what it prints."""
        job = self._job(handle, fresh=True)
        deadline = time.monotonic() + _BEGINS_S
        while job is not None and job.state in RUNNING and str(handle["rank"]) not in job.hosts:
            if time.monotonic() > deadline:
                self._cancel(job.id)
                return ""
            time.sleep(0.1)
            job = self._job(handle, fresh=True)
        if job is None or (job.state not in WAITING and job.state not in RUNNING):
            return ""
        if job.state in WAITING:
            self._cancel(job.id)
            return ""
        node = job.hosts[str(handle["rank"])][0]
        command = ["srun", f"--jobid={job.id}", "--overlap", "--nodes=1", "--ntasks=1", f"--nodelist={node}", "--quiet"]
        try:
            return commands.run(
                *command,
                self._python,
                "-m",
                "sagewright.compute.slurm.host",
                what,
                handle["place"],
                timeout_s=_ON_NODE_S,
            )
        except (SlurmRefused, BackendUnreachable):
            after = self._job(handle, fresh=True)
            if after is not None and after.state in RUNNING:
                self._cancel(job.id)  # the node does not answer: what is there ends with the job
            return ""

    def _cancel(self, job: str) -> None:
        try:
            commands.run("scancel", job)
        except SlurmRefused as error:
            if "Invalid job id" not in str(error):
                raise BackendUnreachable(f"Slurm could not cancel the job {job}: {error}") from error

    def _job(self, handle: Handle, *, fresh: bool = False) -> SlurmJob | None:
        """Returns the job of a host, None once Slurm has forgotten it: a job that is not in the cache may be newer than that."""
        with self._lock:
            old = time.monotonic() - self._jobs_at > _JOBS_S or str(handle["job"]) not in self._jobs
            if fresh or old:
                try:
                    self._jobs = commands.jobs()
                except SlurmRefused as error:
                    raise BackendUnreachable(f"Slurm could not list the jobs: {error}") from error
                self._jobs_at = time.monotonic()
            return self._jobs.get(str(handle["job"]))

    def machines(self) -> Sequence[Resources]:
        """Returns the resources of each usable node; none while the cluster does not answer."""
        return self._machines()

    def endpoint(self, url: str) -> str:
        """Returns the address at which the nodes reach the server that is at `url` on this machine."""
        return self._base.replace("{port}", str(urlsplit(url).port))

    def close(self) -> None:
        """Does nothing: there is no connection."""


def _name(gang: str) -> str:
    return f"sagewright-{gang}"


def placement(document: dict[str, Any], count: int, nodes: Sequence[SlurmNode]) -> list[str]:
    """Returns sbatch's options: a node for each host if enough are large enough, otherwise one node for all."""
    cpus, memory_gb, gpus = document["cpus"], document["memory_gb"], document["gpus"]
    fitting = [one for one in nodes if one.has.cpus >= cpus and one.has.memory_gb >= memory_gb and one.has.gpus >= gpus]
    alone = len(fitting) >= count
    if not alone:
        largest = max((one.has for one in nodes), key=lambda has: (has.gpus, has.cpus, has.memory_gb), default=None)
        if largest is not None:
            cpus, memory_gb = min(cpus * count, largest.cpus), min(memory_gb * count, largest.memory_gb)
        gpus *= count
    chosen = count if alone else 1
    tasks = [f"--nodes={chosen}", f"--ntasks={chosen}", "--ntasks-per-node=1", f"--cpus-per-task={cpus}"]
    return [*tasks, f"--mem={int(memory_gb * 1024)}M", *([f"--gres=gpu:{gpus}"] if gpus else [])]


def pulse(job: SlurmJob | None, handle: Handle) -> Pulse:
    """Returns the state of a host by its job's."""
    if job is None:
        return Pulse(False, f"its Slurm job {handle['job']} is gone")
    node, reason = job.hosts.get(str(handle["rank"]), ("", None))
    if reason is not None:
        return Pulse(False, reason if node in reason else f"{reason} on node {node}")
    if job.state in WAITING or job.state in RUNNING:
        return Pulse(True)
    if job.state == "NODE_FAIL":
        return Pulse(False, f"its node {node or job.nodes} was lost, or that of another host of its job")
    if job.state == "COMPLETING":
        return Pulse(False, f"its Slurm job {job.id} is ending")
    return Pulse(False, f"its Slurm job {job.id} ended: {job.state}")
