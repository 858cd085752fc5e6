"""Endpoints and the jobs of their instances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.inline import InlineBackend, InlineServer
from sagewright.engine.endpoints import rollout
from sagewright.engine.endpoints.fleets import Fleet, Variant
from sagewright.engine.endpoints.rollout import RolloutState
from sagewright.kinds.serving import ENDPOINT
from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import EndpointStatus
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New

IMAGE = "sagemaker-scikit-learn:1.2-1-cpu-py3"
ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"


def test_an_instance_that_takes_its_time_to_stop_does_not_keep_the_engine_busy(
    tmp_path: Path, database: Database
) -> None:
    """Each step of the job wakes the endpoint: `drain` fails where the endpoint wakes the job each time in turn."""
    agents = InlineBackend()
    server = InlineServer(tmp_path, database, agents)
    variant = Variant("v", 1.0, 1, "ml.m5.large", [{"Image": IMAGE}], "m", "arn:aws:iam::000000000000:role/r")
    document = {"Fleets": [], "Update": rollout.start(Fleet("f", "c", [variant]), {}, now_ms())}
    scope = ResourceScope(ENDPOINT, "000000000000", "us-east-1")
    made = resources.create(database, scope, New("e", document, ARN, {}, status=str(EndpointStatus.CREATING)))
    server.sweep()
    (host,) = agents.hosts.values()
    while host.seq < 2:
        server.advance(host)
    server.sweep()

    def deleting(current: resources.Resource) -> resources.Resource:
        state = replace(RolloutState.read(current.status, current.document), update=None)
        return replace(current, status=str(EndpointStatus.DELETING), document=state.document())

    resources.alter(database, made.id, deleting)
    server.sweep()
    for _ in range(12):
        server.advance(host)
        server.sweep()
    assert resources.get(database, made.id) is None
    assert not agents.hosts
