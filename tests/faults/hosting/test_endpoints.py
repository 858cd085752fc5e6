"""Endpoints when processes die: the server, the front, a model's agent. What was in service is again, with its configuration."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.hosting import Hosting

if TYPE_CHECKING:
    from conftest import RunningServer


@pytest.fixture
def hosting(own_server: RunningServer) -> Hosting:
    own_server.start()
    return Hosting(own_server)


def answered(hosting: Hosting, name: str, body: str = "x", timeout_s: float = 30) -> str:
    """The answer, once there is one."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            return hosting.ask(name, body)
        except (ClientError, BotoCoreError):
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def test_a_killed_server_serves_again_with_what_it_had(hosting: Hosting) -> None:
    hosting.model("kept")
    before = hosting.endpoint("kept", hosting.variant("a", "kept", 2.0))
    assert hosting.ask("kept") == "kept x"
    agents = hosting.server.agents()
    hosting.server.end(signal.SIGKILL)
    hosting.server.start()
    again = Hosting(hosting.server)
    assert answered(again, "kept") == "kept x"
    described = again.settled("kept")
    same = ("EndpointConfigName", "ProductionVariants", "CreationTime")
    assert [described[name] for name in same] == [before[name] for name in same]
    assert hosting.server.agents() == agents, "the model went on without the server"


def test_a_server_killed_in_an_update_carries_it_out(hosting: Hosting) -> None:
    hosting.model("old")
    hosting.model("new")
    hosting.endpoint("moving", hosting.variant("v", "old"))
    hosting.config("moving-2", hosting.variant("v", "new"))
    hosting.sagemaker.update_endpoint(EndpointName="moving", EndpointConfigName="moving-2")
    time.sleep(0.2)
    hosting.server.end(signal.SIGKILL)
    hosting.server.start()
    again = Hosting(hosting.server)
    assert again.settled("moving")["EndpointConfigName"] == "moving-2"
    assert answered(again, "moving") == "new x"
    until = time.monotonic() + 30
    while len(again.server.agents()) > 1 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(again.server.agents()) == 1, "the old instance is still there"


def test_a_killed_front_is_started_again(hosting: Hosting) -> None:
    hosting.model("front")
    hosting.endpoint("front", hosting.variant("v", "front"))
    assert hosting.ask("front") == "front x"
    (front,) = hosting.server.fronts()
    front.kill()
    front.wait()
    assert answered(hosting, "front") == "front x"
    assert [one.pid for one in hosting.server.fronts()] != [front.pid]


def test_an_instance_whose_agent_dies_is_replaced(hosting: Hosting) -> None:
    hosting.model("agent")
    hosting.endpoint("agent", hosting.variant("v", "agent"))
    (agent,) = hosting.server.agents()
    os.kill(agent, signal.SIGKILL)
    assert answered(hosting, "agent", timeout_s=60) == "agent x"
    described = hosting.settled("agent")
    assert described["EndpointStatus"] == "InService"
    assert agent not in hosting.server.agents()


def test_a_deleted_endpoint_leaves_nothing(hosting: Hosting) -> None:
    hosting.model("gone")
    hosting.endpoint("gone", hosting.variant("v", "gone"))
    hosting.sagemaker.delete_endpoint(EndpointName="gone")
    until = time.monotonic() + 30
    while time.monotonic() < until and (hosting.server.agents() or hosting.server.left_of_jobs()):
        time.sleep(0.1)
    assert not hosting.server.agents()
    assert not hosting.server.left_of_jobs()
