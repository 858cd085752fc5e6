"""Slurm's commands, and their answers. Source: the manual pages of sbatch, squeue, sinfo, scancel and srun of Slurm 24.11."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagewright.compute.backend import BackendUnreachable
from sagewright.model.aws.instance_types import Resources

ANSWER_S = 30.0
MOST_SAID = 300
"""Maximum length of a host's reason in a job's comment, in characters."""
WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"})
RUNNING = frozenset({"RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})
_USABLE = frozenset({"idle", "mixed", "allocated", "completing", "planned", "reserved"})
_GPUS = re.compile(r"gpu(?::[^:,()]+)?:(\d+)")
_STATE = "%i|%T|%r|%N|%k"


class SlurmRefused(RuntimeError):
    """Slurm refused a request; the message is its own."""


@dataclass(frozen=True)
class SlurmNode:
    """A usable node: its name and address, and its resources."""

    name: str
    address: str
    has: Resources


@dataclass(frozen=True)
class SlurmJob:
    """A job as `squeue` shows it. `hosts`: by rank, the node of each host that was started, and why it has ended, None if it has
    not."""

    id: str
    state: str
    reason: str
    nodes: str
    hosts: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)


def run(*command: str, text: str = "", timeout_s: float = ANSWER_S) -> str:
    """Returns what a command prints. Raises SlurmRefused, and BackendUnreachable if the controller does not answer."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=timeout_s)
    except FileNotFoundError as error:
        raise BackendUnreachable(f"Slurm's command {command[0]} is not installed here") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendUnreachable(f"{command[0]} did not answer: {error}") from error
    if done.returncode == 0:
        return done.stdout
    said = " ".join(done.stderr.split())[:1000] or f"exit status {done.returncode}"
    if "Unable to contact" in said or "Connection refused" in said or "Socket timed out" in said:
        raise BackendUnreachable(said)
    raise SlurmRefused(said)


def nodes(options: Sequence[str]) -> list[SlurmNode]:
    """Returns the usable nodes of the partition that `options` name, by default all. Raises BackendUnreachable, SlurmRefused."""
    partition = [one for one in options if one.startswith(("--partition=", "-p"))]
    listed = run("sinfo", "--noheader", "--Node", "--format=%N|%o|%c|%m|%G|%T", *partition)
    found = {}
    for line in listed.splitlines():
        name, address, cpus, memory_mb, gres, state = line.split("|")
        if state.rstrip("*~#!%$@^-+") in _USABLE and not state.endswith("*"):
            gpus = sum(int(count) for count in _GPUS.findall(gres))
            found[name] = SlurmNode(name, address, Resources(int(cpus), int(memory_mb) // 1024, gpus))
    return list(found.values())


def jobs(name: str = "") -> dict[str, SlurmJob]:
    """Returns this user's jobs by id, ended ones for as long as Slurm remembers them. `name`: only those of this name."""
    named = [f"--name={name}"] if name else []
    listed = run("squeue", "--noheader", "--me", "--states=all", f"--format={_STATE}", *named)
    found = {}
    for line in listed.splitlines():
        if line.count("|") >= 4:
            id_, state, reason, names, comment = line.split("|", 4)
            found[id_] = SlurmJob(id_, state, reason, names, _hosts(comment))
    return found


def _hosts(comment: str) -> dict[str, tuple[str, str | None]]:
    try:
        read: dict[str, Any] = json.loads(comment)
        return {rank: (str(node), reason) for rank, (node, reason) in read.items()}
    except (ValueError, AttributeError, TypeError):
        return {}  # it has not begun, or its comment was changed


def comment_of(hosts: Mapping[str, tuple[str, str | None]]) -> str:
    """Returns the comment of a job that `jobs` reads."""
    return json.dumps({rank: [node, reason and reason[:MOST_SAID]] for rank, (node, reason) in hosts.items()})
