"""`python -m sagewright.compute.slurm.host start|stop|kill`: one host on its node.

`start` is the host's step: it reads the order from its input, starts the agent, prints a line when that runs and when it has ended,
and waits then for the server to fetch the log. `stop` and `kill` are further steps on the same node, with the host's directory.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sagewright.compute.backend import Handle, HostPlan, LaunchFailed
from sagewright.compute.local import LocalBackend
from sagewright.compute.nodehosts import FETCHED_S, MARK, agent_environ, beat, clean_host, remove_host, sweep_hosts

_LOOK_S = 0.2


def main(what: str, directory: str = "") -> int:
    if what == "start":
        return start(json.loads(sys.stdin.read()))
    place = Path(directory)
    if what == "kill":
        sys.stdout.write(clean_host(directory))
    elif (place / MARK).is_file():
        LocalBackend(fork_server=False).stop(json.loads((place / MARK).read_bytes()))
    return 0


def start(order: dict[str, Any]) -> int:
    """Runs one host until its agent has ended and its directory is gone. Whatever ends this process ends the agent: without
    control groups Slurm does not find processes whose parent has ended. Its directory is then removed when the next host starts."""
    directory = Path(order["directory"]).expanduser()
    local = LocalBackend(fork_server=False, environ=environ(), starter=("setpriv", "--pdeathsig", "KILL", "--"))
    try:
        handle = launch(local, directory, order)
    except (OSError, LaunchFailed) as error:
        say(ended=f"it could not be started: {error}")
        return 0
    asked: list[int] = []  # a handler that stopped the agent itself could interrupt `poll` with its lock held
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    say(started=True)
    while pulse := local.poll(handle):
        if asked:  # Slurm kills what is left after its KillWait
            local.stop(handle)
            asked.clear()
        beat(directory)
        time.sleep(_LOOK_S)
    say(ended=pulse.reason)
    deadline = time.monotonic() + FETCHED_S  # the host's share is free afterwards
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    if directory.exists():
        local.kill(handle)
        remove_host(directory)
    return 0


def launch(local: LocalBackend, directory: Path, order: dict[str, Any]) -> Handle:
    """Starts the agent. Raises OSError, LaunchFailed."""
    own, theirs = version("sagewright"), order["version"]
    if own != theirs:
        raise LaunchFailed(f"sagewright {own} is installed there, and the server is {theirs}")
    hosts = directory.parent.parent
    hosts.mkdir(parents=True, exist_ok=True)
    hosts.chmod(0o700)
    sweep_hosts(hosts)
    document = order["document"]
    document |= {"environments": str(Path(document["environments"]).expanduser())}
    if document.get("gpu_indexes") is not None:
        first, count = order["gpus"]
        document["gpu_indexes"] = own_gpus()[first * count : (first + 1) * count]
    (handle,) = local.launch([HostPlan(directory, document)])
    (directory / MARK).write_text(json.dumps(handle))
    return handle


def own_gpus() -> list[int]:
    """Returns the numbers of the GPUs that Slurm has given the step, as the node counts them: CUDA's variable may begin with 0."""
    listed = os.environ.get("SLURM_STEP_GPUS") or os.environ.get("CUDA_VISIBLE_DEVICES") or ""
    return [int(one) for one in listed.split(",") if one.isdecimal()]


def environ() -> dict[str, str]:
    """Returns the environment of agents, without anything of Slurm's."""
    return agent_environ("SLURM_", "SLURMD_", "SRUN_", "PMI", "PMIX_")


def say(**said: Any) -> None:
    """Tells the gang, which may be gone after the controller was away: what is left of the host is to be removed all the same."""
    with suppress(OSError):
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
