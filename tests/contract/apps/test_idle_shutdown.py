"""Apps and notebook instances that nobody uses are shut down; a busy kernel keeps its app, an open tab does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.contract.apps.lab import Studio

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IDLE_S, BUSY_S = 8.0, 16.0


def test_what_is_idle_is_shut_down(server_with: Callable[..., RunningServer]) -> None:
    studio = Studio(server_with(SAGEWRIGHT_IDLE_MINUTES=str(IDLE_S / 60)))
    studio.space("busy")
    studio.space("kept", JupyterLabAppSettings=idle(525_600))
    for space in ("kept", "busy"):
        studio.start(space)
        assert studio.until(space, "InService", "Failed")["Status"] == "InService"
    lab = studio.lab("busy")
    lab.ask("GET", "/lab")
    kernel = lab.json("POST", "/api/kernels", {"name": "python3"})["id"]
    lab.run_in(kernel, f"import time; time.sleep({BUSY_S})", wait=False)
    began = time.monotonic()
    while time.monotonic() - began < BUSY_S - 4:
        assert studio.client.describe_app(**studio.named("busy"))["Status"] == "InService"
        time.sleep(1)
    while (found := studio.client.describe_app(**studio.named("busy")))["Status"] != "Deleted":
        assert time.monotonic() - began < 120, found
        if found["Status"] == "InService":
            polls(lab)  # as an open tab does, which is no use
        time.sleep(1)
    assert time.monotonic() - began > BUSY_S
    assert "without activity" in found["FailureReason"]
    assert studio.client.describe_app(**studio.named("kept"))["Status"] == "InService"


def idle(minutes: int) -> dict[str, Any]:
    return {"AppLifecycleManagement": {"IdleSettings": {"IdleTimeoutInMinutes": minutes}}}


def polls(lab: Any) -> None:
    try:
        for path in ("/api/kernels", "/api/sessions", "/api/terminals"):
            lab.ask("GET", path)
    except OSError:
        pass


def test_an_idle_notebook_instance_is_stopped(server_with: Callable[..., RunningServer]) -> None:
    studio = Studio(server_with(SAGEWRIGHT_IDLE_MINUTES="0.02"))
    studio.client.create_notebook_instance(NotebookInstanceName="idle", InstanceType="ml.t3.medium", RoleArn=ROLE)
    found = studio.instance_until("idle", "Stopped", "Failed")
    assert (found["NotebookInstanceStatus"], "without activity" in found["FailureReason"]) == ("Stopped", True)
