"""Apps whose server, agent or program is killed, and life-cycle scripts that mean harm."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.contract.apps.lab import PATIENCE_S, Lab, Studio

if TYPE_CHECKING:
    from conftest import RunningServer

HOSTILE = """
( while :; do ( sleep 60 & ) ; done ) >/dev/null 2>&1 &
bomb=$!
sleep 1; kill -9 $bomb
for place in /usr/evil /etc/evil /opt/sagewright/evil /opt/ml/metadata/../../../evil; do
    ( echo x > $place ) 2>/dev/null && echo "wrote $place"
done
ln -s / everything; cat everything/etc/shadow 2>/dev/null
ls -d /home/*
echo x > $'name with\\nbreaks and \\xff'
mkdir deep; for i in $(seq 1 3000); do : > deep/$i; done
exit 3
"""


@pytest.fixture(scope="module")
def studio(server_with: Callable[..., RunningServer]) -> Studio:
    return Studio(server_with())


@pytest.fixture(scope="module")
def space(studio: Studio) -> Iterator[str]:
    studio.space("faults")
    studio.start("faults")
    assert studio.until("faults", "InService", "Failed")["Status"] == "InService"
    yield "faults"


def answering(studio: Studio, space: str) -> Lab:
    """The space's lab, once it answers."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            lab = studio.lab(space)
            if lab.ask("GET", "/api/status")[0] == 200:
                return lab
        except (OSError, StopIteration):
            pass
        assert time.monotonic() < until, studio.server.log()
        time.sleep(0.1)


def test_a_notebook_goes_on_while_its_server_is_killed(studio: Studio, space: str) -> None:
    lab = studio.lab(space)
    lab.ask("GET", "/lab")
    kernel = lab.json("POST", "/api/kernels", {"name": "python3"})["id"]
    lab.run_in(kernel, "kept = 41")
    studio.server.end(signal.SIGKILL)
    assert lab.run_in(kernel, "print(kept)") == "41\n"
    studio.server.start()
    studio.client = studio.server.boto("sagemaker")
    assert studio.until(space, "InService")["SpaceName"] == space
    again = studio.lab(space)
    assert again.directory == lab.directory
    code = "import boto3; print(kept + 1, boto3.client('sagemaker').list_spaces()['Spaces'][0]['SpaceName'])"
    assert lab.run_in(kernel, code) == f"42 {space}\n"


def _knows(studio: Studio, space: str, kernel: str) -> bool:
    """Returns True if the program still knows a kernel; one that is just being killed is asked again."""
    try:
        return kernel in str(answering(studio, space).json("GET", "/api/kernels"))
    except (OSError, HTTPException):
        return True


def test_a_program_and_an_agent_that_are_killed_come_back(studio: Studio, space: str) -> None:
    before = answering(studio, space)
    before.ask("GET", "/lab")
    kernel = before.json("POST", "/api/kernels", {"name": "python3"})["id"]
    before.run_in(kernel, "import os; os.kill(os.getppid(), 9)", wait=False)
    until = time.monotonic() + PATIENCE_S
    while _knows(studio, space, kernel):
        assert time.monotonic() < until, studio.server.log()
        time.sleep(0.1)
    lab = answering(studio, space)
    assert lab.directory == before.directory  # its agent has restarted it
    for pid in studio.server.agents():
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + PATIENCE_S
    while (again := answering(studio, space)).directory == before.directory:
        assert time.monotonic() < until, studio.server.log()
        time.sleep(0.1)
    assert again.directory.name == before.directory.name
    assert studio.until(space, "InService")["Status"] == "InService"


def test_a_hostile_script_harms_its_own_home_alone(studio: Studio) -> None:
    config = studio.client.create_studio_lifecycle_config(
        StudioLifecycleConfigName="hostile",
        StudioLifecycleConfigContent=base64.b64encode(HOSTILE.encode()).decode(),
        StudioLifecycleConfigAppType="JupyterLab",
    )["StudioLifecycleConfigArn"]
    studio.space("victim")
    studio.space("hostile", JupyterLabAppSettings={"DefaultResourceSpec": {"LifecycleConfigArn": config}})
    studio.start("hostile")
    found = studio.until("hostile", "Failed", "InService")
    assert found["FailureReason"].startswith("The life-cycle configuration hostile (OnStart) ended with exit code 3")
    lines = studio.lines("/aws/sagemaker/studio", f"{studio.domain}/hostile/JupyterLab/default/LifecycleConfigOnStart")
    assert "/home/sagemaker-user" in lines, lines  # the only home that it sees
    assert not any(line.startswith("root:") or "/usr" in line for line in lines), lines
    assert not any(Path(place).exists() for place in ("/usr/evil", "/etc/evil", "/evil"))
    studio.client.delete_space(DomainId=studio.domain, SpaceName="hostile")
    homes = studio.server.data / "spaces"
    until = time.monotonic() + PATIENCE_S
    while any((one / "deep").exists() for one in homes.iterdir()):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert "victim" in {one["SpaceName"] for one in studio.client.list_spaces()["Spaces"]}
