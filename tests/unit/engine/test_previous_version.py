"""Remains of a server of the previous version: a plan that it did not launch, and agents that keep reporting.

Recorded from that version; only secrets and paths were replaced.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson

from engine.inline import InlineBackend, InlineServer
from sagewright.agent.hostfile import read_host_file
from sagewright.agent.inputs.channels import channels_of
from sagewright.engine.jobs import launch_plan, reports
from sagewright.engine.jobs.hostreports import read_report
from sagewright.kinds.base import NamedJob
from sagewright.kinds.training import TrainingKind
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope
from sagewright.store.logs import log_events, logs

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "agent-of-brief-1.json").read_text())
SCOPE = ResourceScope("training", "000000000000", "us-east-1")


def placed(database: Database, documents: list[dict[str, Any]]) -> jobs.Job:
    """The job of the recorded plan, with rows for its hosts that have no handles."""
    request = documents[0]["job"]["request"]
    job = jobs.create(database, SCOPE, JobDraft("job", request, "Starting the training job"))
    rows = [
        {
            "id": one["host_id"],
            "job_id": job.id,
            "attempt": 1,
            "name": one["host"],
            "token_hash": hosts.hash_token(one["token"]),
            "log_stream": one["log_stream"],
        }
        for one in documents
    ]
    hosts.create(database, rows)
    return job


def test_its_agents_are_understood(database: Database) -> None:
    document = RECORDED["documents"][0]
    job = placed(database, [document])
    for report in RECORDED["reports"]:
        answer = reports.apply(database, document["host_id"], "recorded", read_report(json.dumps(report).encode()))
    assert answer.desired == "finish"
    steps = [entry.step for entry in jobs.transitions(database, job.id)]
    assert steps == ["Starting", "Downloading", "Training", "Uploading"]
    assert jobs.transitions(database, job.id)[2].message.startswith("Training image download completed")
    (host,) = hosts.of_job(database, job.id)
    assert (host.phase, host.exit_code, host.cause) == (hosts.FINISHED, 0, "exit")
    assert [(name, value) for name, value, _ in jobs.final_metrics(database, job.id)] == [("loss", 0.25)]
    stream = logs.find_stream(
        database, logs.LogScope("000000000000", "us-east-1"), TrainingKind.log_group, host.log_stream
    )
    assert stream
    assert "loss=0.25" in [event.message for event in log_events.read(database, stream, log_events.Window())]


def test_its_plan_is_launched_with_a_brief(database: Database, tmp_path: Path) -> None:
    documents = RECORDED["documents"]
    job, backend = placed(database, documents), InlineBackend()
    attempt = launch_plan.attempt_directory(InlineServer(tmp_path, database, backend).settings, job.id, 1)
    attempt.mkdir(parents=True)
    plan = [{"directory": str(attempt / one["host"]), "document": one} for one in documents]
    (attempt / "plan.json").write_bytes(orjson.dumps(plan))
    InlineServer(tmp_path, database, backend).sweep()
    launched = [host.plan.document for host in backend.hosts.values()]
    assert [one["host_id"] for one in launched] == [one["host_id"] for one in documents]
    expected = TrainingKind().brief(NamedJob("job", documents[0]["job"]["arn"]), documents[0]["job"]["request"])
    for number, document in enumerate(launched):
        assert not {"job", "kind", "metrics"} & set(document)
        (tmp_path / "host.json").write_bytes(orjson.dumps(document))
        host = read_host_file(tmp_path)
        assert host.brief == expected
        (channel,) = channels_of(host)
        assert (channel.place, channel.rank, channel.hosts) == ("input/data/train", number, 2)
        assert host.token == "recorded"
    assert [host.handle for host in hosts.of_job(database, job.id)] == [
        {"host_id": one["host_id"]} for one in documents
    ]
