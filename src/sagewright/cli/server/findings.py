"""Checks of this machine's capabilities, and how to enable missing ones."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sagewright.agent.inputs.mounts import no_mounts_reason
from sagewright.cli.server.trials import run_trial
from sagewright.compute.capacity import this_machine
from sagewright.model.settings import Settings
from sagewright.sandbox.base import CAPABILITIES, Unavailable
from sagewright.sandbox.cgroups import CONTROLLERS, find_cgroups
from sagewright.sandbox.choose import choose_sandbox
from sagewright.sandbox.containers.discovery import find_engine
from sagewright.sandbox.containers.engine import EngineFailed
from sagewright.sandbox.network import network_support

LOW_DISK_GB = 5
TRIAL = "trial run"
"""The finding without which no job can run."""


@dataclass(frozen=True)
class Finding:
    """One line: a capability, its availability, and its meaning or how to enable it."""

    what: str
    good: bool
    detail: str


def findings(settings: Settings) -> list[Finding]:
    return [
        *_machine(settings),
        *_sandbox(settings),
        _hosts(settings),
        _limits(settings),
        *_programs(),
        _trial(settings),
    ]


def _machine(settings: Settings) -> list[Finding]:
    machine = this_machine(settings.capacity_cpus, settings.capacity_memory_gb)
    existing = _existing(settings.data)
    free_gb = shutil.disk_usage(existing).free // 2**30
    gpus = "jobs see them" if machine.gpus else "GPU instance types run on the CPU, and the job's log says so"
    return [
        Finding("Python", True, f"{platform.python_version()} at {sys.executable}"),
        Finding("CPUs and memory", True, f"{machine.cpus} CPUs, {machine.memory_gb} GiB for jobs"),
        Finding("GPUs", machine.gpus > 0, f"{machine.gpus} NVIDIA GPUs: {gpus}"),
        Finding("disk", free_gb >= LOW_DISK_GB, f"{free_gb} GiB free at {existing}"),
    ]


def _sandbox(settings: Settings) -> list[Finding]:
    with tempfile.TemporaryDirectory(dir=_existing(settings.data)) as scratch:
        try:
            sandbox, reason = choose_sandbox(settings.sandbox, Path(scratch))
        except Unavailable as error:
            return [
                Finding("sandbox", False, f"the setting demands bwrap, which cannot be had: {error}; no job can run")
            ]
        declared = sandbox.declare()
    isolated = sandbox.name == "bwrap"
    how = "" if isolated else "; bwrap needs user namespaces: sysctl kernel.unprivileged_userns_clone=1"
    findings = [Finding("sandbox", isolated, f"{sandbox.name}: {reason}{how} (setting: {settings.sandbox})")]
    for name, support in declared.items():
        findings.append(Finding(f"  {name}", support.given, f"{CAPABILITIES[name]} ({support.reason})"))
    return findings


def _trial(settings: Settings) -> Finding:
    """Runs a program as jobs run: a capability that looks available may still fail."""
    good, detail = run_trial(settings, _existing(settings.data))
    return Finding(TRIAL, good, detail)


def _limits(settings: Settings) -> Finding:
    """Checks if jobs can be limited to their share of the machine."""
    if settings.limits == "off":
        return Finding("limits", False, "jobs may use all of this machine: the setting limits is off")
    found = find_cgroups()
    given = [which for which in CONTROLLERS if which in found.places]
    if not given:
        how = "as a user on cgroup v2: systemd-run --user --scope sagewright up"
        return Finding("limits", False, f"CPUs and memory of jobs are not limited by force: {found.reason}; {how}")
    lacking = "" if not found.reason else f"; the others are not limited: {found.reason}"
    held = f"cgroup v{found.version} limits each job to its share: {', '.join(given)}{lacking}"
    return Finding("limits", not lacking, held)


def _hosts(settings: Settings) -> Finding:
    support = network_support()
    given = support.given and settings.host_network != "shared"
    fallback = "" if given else "; the hosts of a job use different loopback addresses of this machine"
    return Finding("a network for each host", given, f"{support.reason}{fallback} (setting: {settings.host_network})")


def _existing(path: Path) -> Path:
    return next(place for place in [path, *path.parents] if place.exists())


def _programs() -> list[Finding]:
    mpi = shutil.which("mpirun")
    no_mounts = no_mounts_reason()
    fuse = "FastFile channels are mounted where the object store is not beside the job"
    if no_mounts:
        fuse = f"{no_mounts}; {fuse.replace('mounted', 'copied')}; on Debian: apt-get install fuse3"
    return [
        Finding("FUSE", no_mounts is None, fuse),
        Finding(
            "MPI",
            bool(mpi),
            mpi or "needed by distribution={'mpi': ...} and MPI(); on Debian: apt-get install openmpi-bin",
        ),
        _engine(),
    ]


def _engine() -> Finding:
    try:
        found = find_engine()
        limits = found.engine.call("GET", "/info")
    except (Unavailable, EngineFailed) as error:
        return Finding("container engine", False, f"images of your own cannot be run: {error}")
    unlimited = "" if limits.get("MemoryLimit") else "; it cannot limit memory here (no delegated control group)"
    return Finding("container engine", True, f"{found.kind} by {found.how}: custom images run as containers{unlimited}")
