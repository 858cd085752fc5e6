"""Hosts that add up, as processes of this machine on loopback addresses of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src"

PROGRAM = """
    import os
    import socket
    import sys
    from pathlib import Path
    import numpy as np
    from sagewright.algorithms import rendezvous
    from sagewright.algorithms.firstparty import hosts
    from sagewright.algorithms.job import Job

    rendezvous.address = lambda host, deadline: "127.0.9." + host.rpartition("-")[2]
    names = ("algo-1", "algo-2", "algo-3")
    job = Job(Path("."), sys.argv[2], {}, {}, sys.argv[1], names, None)
    with hosts.group(job) as group:
        total = group.total(np.full((2, 2), 10.0 ** group.rank, np.float32))
        print(total.dtype, total.tolist(), group.gather(group.rank), group.from_first(f"of {group.rank}"), flush=True)
        print(group.total(np.array([group.rank + 1])).tolist(), group.to_first(group.rank), flush=True)
        for peer in group._peers.values():
            with socket.socket(fileno=os.dup(peer.fileno())) as same:
                assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if sys.argv[3] == "die" and group.rank == 1:
            raise SystemExit(9)
        if sys.argv[3] == "die":
            group.gather(None)
"""


def start(mode: str, job: str) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), f"algo-{number}", job, mode],
            env={"PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (2, 3, 1)
    ]


def test_all_hosts_get_the_same_sums() -> None:
    processes = start("live", "sums")
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        first = "[0, 1, 2]" if process is processes[-1] else "None"
        assert out.splitlines() == ["float64 [[111.0, 111.0], [111.0, 111.0]] [0, 1, 2] of 0", f"[6] {first}"]


def test_a_lost_host_ends_the_others() -> None:
    processes = start("die", "lost")
    codes, errors = [], []
    for process in processes:
        _, err = process.communicate(timeout=60)
        codes.append(process.returncode)
        errors.append(err)
    assert codes == [9, 1, 1]
    assert all("PlatformError: host algo-" in err and "is lost" in err for err in errors[1:])
