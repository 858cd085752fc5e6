"""Stand-ins for programs that SDK v3's MPI driver finds on AWS's images but not here: sshd, ssh, and two packages.

The driver comes with the job, as the channel `sm_drivers`; it starts `/usr/sbin/sshd` on every host and has mpirun log in from the
first. `sagewright.toolkit` contains both programs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.jobfiles.directory import JobDirectory
from sagewright.sandbox.base import Sandbox, missing

REQUIREMENTS = "mpi4py\nparamiko\n"
_CHANNEL = "input/data/sm_drivers"
_PROGRAMS = ("ssh", "sshd")
_SCRIPT_BYTES = 1 << 20


def uses_mpi_driver(host: HostFile) -> bool:
    """True if the job uses the driver; call it once the channels are present."""
    places = (host.directory / "inputs" / _CHANNEL, host.directory / "ml" / _CHANNEL)
    return any(b"mpi_driver.py" in _script(place) for place in places)


def _script(place: Path) -> bytes:
    try:
        with JobDirectory.at(place) as directory:
            return directory.read("sm_train.sh", _SCRIPT_BYTES)
    except OSError:
        return b""


def stand_ins(host: HostFile, sandbox: Sandbox, own_network: bool) -> Path:
    """Returns a directory with the programs. `own_network`: True if every port of the host is free.

    Raises ClientError if the driver cannot work here.
    """
    if shutil.which("mpirun") is None:
        raise ClientError(
            "The MPI driver needs the program mpirun (Open MPI), which is not on this machine. On Debian: "
            "apt-get install openmpi-bin."
        )
    lacking = missing(sandbox, {"stand_in_programs": "SDK v3's MPI driver"})
    if lacking:
        raise ClientError(" ".join(lacking))
    if len(host.hosts) > 1 and not own_network:
        raise ClientError(
            "SDK v3's MPI driver needs port 22 on each host, and these hosts don't have their own network (sagewright doctor "
            "says why). Use Torchrun, or MPI of SDK v2."
        )
    programs = host.directory / "programs"
    programs.mkdir(exist_ok=True)
    for name in _PROGRAMS:
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec python -m sagewright.toolkit.{name} "$@"\n')
        program.chmod(0o755)
    return programs
