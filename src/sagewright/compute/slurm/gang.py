"""`python -m sagewright.compute.slurm.gang`: the batch script of a gang, on its first node.

Starts each host as a step, and keeps in the job's comment where each runs, and why it has ended. Reads the orders from its input.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from sagewright.compute.backend import BackendUnreachable
from sagewright.compute.slurm.commands import SlurmRefused, comment_of, run

Order = dict[str, Any]
ANSWERS_S, AWAY_S = 20.0, 3600.0


class GangStates:
    """The states of a gang's hosts, as recorded in the job's comment."""

    def __init__(self, job: str) -> None:
        self._job, self._lock = job, threading.Lock()
        self._hosts: dict[str, tuple[str, str | None]] = {}

    def over(self, rank: int) -> bool:
        """True if it is known why a host has ended."""
        return self._hosts.get(str(rank), ("", None))[1] is not None

    def put(self, rank: int, node: str, reason: str | None) -> None:
        """Records a host's state, also if the controller is away for a while; the first reason of an end stays."""
        with self._lock:
            if self.over(rank):
                return
            self._hosts[str(rank)] = (node, reason)
        deadline = time.monotonic() + AWAY_S
        while not self._written() and time.monotonic() < deadline:
            time.sleep(1)

    def _written(self) -> bool:
        with self._lock:
            try:
                run("scontrol", "update", f"JobId={self._job}", f"Comment={comment_of(self._hosts)}")
            except (SlurmRefused, BackendUnreachable):
                return False
            return True


def main() -> int:
    orders: list[Order] = json.loads(base64.b64decode(sys.stdin.read()))
    job, nodes = os.environ["SLURM_JOB_ID"], node_names(os.environ["SLURM_JOB_NODELIST"])
    addresses = addresses_of(orders, nodes)
    states = GangStates(job)
    steps = []
    for rank, order in enumerate(orders):
        node = nodes[rank % len(nodes)]
        order["document"] |= addresses
        order["gpus"] = (rank if len(nodes) == 1 else 0, int(order["document"]["gpus"]))
        order["node_gpus"] = int(order["document"]["gpus"]) * (len(orders) if len(nodes) == 1 else 1)
        steps.append(threading.Thread(target=follow, args=(states, rank, node, order)))
        steps[-1].start()
    for step in steps:
        step.join()
    return 0


def follow(states: GangStates, rank: int, node: str, order: Order) -> None:
    """Runs one host as a step, and records its end."""
    name = str(order["document"]["host_id"])[:64]
    command = ["srun", "--overlap", "--nodes=1", "--ntasks=1", f"--nodelist={node}", f"--job-name={name}", "--quiet"]
    command += [f"--gres=gpu:{order['node_gpus']}"] if order["node_gpus"] else []
    step = subprocess.Popen(
        [*command, sys.executable, "-m", "sagewright.compute.slurm.host", "start"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert step.stdin is not None
    assert step.stdout is not None
    try:
        step.stdin.write(json.dumps(order))
        step.stdin.close()
    except OSError:
        pass  # the step could not be started: its exit tells
    for line in step.stdout:
        said = json.loads(line)
        states.put(rank, node, said.get("ended"))
    code = step.wait()
    if not states.over(rank):
        lost = f"its node {node} was lost"
        states.put(rank, node, f"it was killed or crashed: its step ended with {code}" if answers(node) else lost)


def answers(node: str) -> bool:
    """True if a node still runs steps of this job."""
    try:
        run(
            "srun", "--overlap", "--nodes=1", "--ntasks=1", f"--nodelist={node}", "--quiet", "true", timeout_s=ANSWERS_S
        )
    except (SlurmRefused, BackendUnreachable):
        return False
    return True


def node_names(listed: str) -> list[str]:
    """Returns the names in Slurm's list of nodes, such as n[1-3,7]."""
    return run("scontrol", "show", "hostnames", listed).split()


def addresses_of(orders: list[Order], nodes: list[str]) -> dict[str, Any]:
    """Returns the members of a document that say where hosts reach each other; none for hosts that share a machine."""
    if len(nodes) < 2:
        return {}
    found = [address_of(one) for one in nodes]
    if len(set(found)) < len(found):
        return {}  # several nodes of Slurm's on one machine
    names = [str(one["document"]["host"]) for one in orders]
    return {"addresses": dict(zip(names, found, strict=True)), "network": "machines"}


def address_of(node: str) -> str:
    shown = dict(one.partition("=")[::2] for one in run("scontrol", "show", "node", node, "--oneliner").split())
    return socket.gethostbyname(shown.get("NodeAddr") or node)


if __name__ == "__main__":
    sys.exit(main())
