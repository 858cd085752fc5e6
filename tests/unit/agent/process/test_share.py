"""An agent's messages and actions about its host's share of the machine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from agent.conftest import Start
from agent.double import Double, host_document
from sagewright.agent.hostfile import read_host_file
from sagewright.agent.process.share import HostShare
from sagewright.sandbox.cgroups import CONTROLLERS, find_cgroups


def share(double: Double, directory: Path, said: list[str], **changes: object) -> HostShare:
    (directory / "host.json").write_text(json.dumps(host_document(double, **changes)))
    return HostShare(read_host_file(directory), said.append)


def test_what_is_not_held_is_said_with_the_reason(double: Double, tmp_path: Path) -> None:
    said: list[str] = []
    held = share(double, tmp_path, said, limits="off")
    sentence = held.not_held()
    assert sentence.startswith(" Not limited by force: memory, CPUs")
    assert sentence.endswith("(the server's setting says so).")
    if os.geteuid() == 0:
        assert "the number of processes" in sentence
        assert held.wrapper() == []
    else:
        assert held.wrapper()[0].endswith("prlimit")
    held.tell()
    held.close()
    assert said == []


def test_a_share_that_is_held_is_not_talked_about(double: Double, tmp_path: Path) -> None:
    held = share(double, tmp_path, [])
    assert (held.not_held() == "") == all(which in find_cgroups().places for which in CONTROLLERS)


def test_memory_that_is_used_up_is_told_once_and_the_group_goes(double: Double, tmp_path: Path) -> None:
    if "memory" not in find_cgroups().places:
        return
    said: list[str] = []
    held = share(double, tmp_path, said, memory_gb=1)
    done = subprocess.run([*held.wrapper(), "python3", "-c", "bytearray(2 << 30)"], check=False)
    assert done.returncode == -9
    held.tell()
    held.close()
    assert said == [
        "Out of memory: the job used more than the 1 GiB that it may use of ml.m5.large here, and the system killed 1 of its "
        "processes."
    ]


def test_gpus_are_named_to_the_job(double: Double, start: Start) -> None:
    script = "import os; print('sees', os.environ.get('CUDA_VISIBLE_DEVICES'))"
    specification = {"TrainingImage": "python:3.11", "ContainerEntrypoint": ["python", "-c", script]}
    start(request={"AlgorithmSpecification": specification}, gpu_indexes=[1, 3])
    double.wait_finished()
    assert "sees 1,3" in double.lines("h1")
