"""Reports are taken once, in one transaction, and answered with what is wanted of the host."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from sagewright.engine.jobs import outcome, reports
from sagewright.engine.jobs.hostreports import UnreadableReport, read_report
from sagewright.engine.jobs.launch_plan import kind_of
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import DesiredState, JobDraft, ResourceScope
from sagewright.store.logs import log_events, logs

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
SCOPE = ResourceScope("training", "000000000000", "us-east-1")


def placed(database: Database, count: int = 1) -> jobs.Job:
    job = jobs.create(database, SCOPE, JobDraft("job", {"TrainingJobName": "job"}, "Starting the training job"))
    rows = [
        {
            "id": f"h{i}",
            "job_id": job.id,
            "attempt": 1,
            "name": f"algo-{i}",
            "token_hash": hosts.hash_token("token"),
            "log_stream": f"job/algo-{i}-1",
        }
        for i in range(1, count + 1)
    ]
    hosts.create(database, rows)
    return job


def report(database: Database, seq: int, host: str = "h1", **content: Any) -> str:
    return raw_report(database, {"seq": seq, "at_ms": 1000 + seq, **content}, host)


def raw_report(database: Database, document: dict[str, Any], host: str = "h1") -> str:
    """A report as the agent's JSON, or as another one's: with NaN, and halves of surrogate pairs."""
    return reports.apply(database, host, "token", read_report(json.dumps(document).encode())).desired


def lines(database: Database) -> list[str]:
    stream = logs.find_stream(database, logs.LogScope("000000000000", "us-east-1"), LOG_GROUP, "job/algo-1-1")
    assert stream
    return [event.message for event in log_events.read(database, stream, log_events.Window())]


def test_phases_that_come_together_are_events_at_their_times(database: Database) -> None:
    job = placed(database)
    assert report(database, 1, phase="Running", earlier=[["Downloading", 500]]) == "run"
    found = [(one.step, one.at_ms) for one in jobs.transitions(database, job.id)]
    assert found[-2:] == [(SecondaryStatus.DOWNLOADING, 500), (SecondaryStatus.RUNNING, 1001)]


@pytest.mark.parametrize(
    "given", ["Downloading", [["Nonsense", 1]], [[7, 1]], ["Downloading"], [["Downloading"]], {"a": 1}]
)
def test_unreadable_earlier_phases_cost_nothing_else(database: Database, given: Any) -> None:
    job = placed(database)
    assert report(database, 1, phase="Running", earlier=given, logs=[[1, "a"]]) == "run"
    assert jobs.transitions(database, job.id)[-1].step == SecondaryStatus.RUNNING
    assert lines(database) == ["a"]
    many = read_report(json.dumps({"seq": 2, "at_ms": 1, "earlier": [["Running", 1]] * 9_000}).encode())
    assert len(many.earlier) < 10


def test_a_repeated_report_changes_nothing(database: Database) -> None:
    job = placed(database)
    for _ in range(2):
        assert report(database, 1, phase="Downloading", logs=[[1, "a"]]) == "run"
    for _ in range(2):
        report(database, 2, phase="Training", logs=[[2, "b"], [2, "c"]], metrics=[["acc", 0.5, 2]])
    assert lines(database) == ["a", "b", "c"]
    assert [e.step for e in jobs.transitions(database, job.id)] == ["Starting", "Downloading", "Training"]
    assert [tuple(row) for row in jobs.final_metrics(database, job.id)] == [("acc", 0.5, 2)]
    found = jobs.get(database, job.id)
    assert found
    assert found.started_ms == 1001


def test_a_wrong_token_or_an_ended_job_is_gone(database: Database) -> None:
    job = placed(database)
    empty = read_report(b'{"seq": 1, "at_ms": 1}')
    assert reports.apply(database, "h1", "other", empty).desired == "gone"
    assert reports.apply(database, "nobody", "token", empty).desired == "gone"
    jobs.move(database, job.id, jobs.Event(SecondaryStatus.FAILED, ended=True))
    assert report(database, 1, logs=[[1, "late"]]) == "gone"


def test_stop_is_answered_until_the_host_is_over(database: Database) -> None:
    """After the process too: what it left is brought to S3 in a limited time then."""
    job = placed(database)
    report(database, 1, phase="Training")
    jobs.set_desired(database, job.id, DesiredState.STOP)
    assert report(database, 2) == "stop"
    assert report(database, 3, exited={"code": 0, "cause": "stop", "failure": None}) == "stop"
    assert report(database, 4, finished=True) == "finish"


def test_a_stop_that_comes_while_artefacts_are_uploaded_is_told(database: Database) -> None:
    job = placed(database)
    assert report(database, 1, phase="Uploading", exited={"code": 0, "cause": "exit", "failure": None}) == "run"
    jobs.set_desired(database, job.id, DesiredState.STOP)
    assert report(database, 2) == "stop"
    assert report(database, 3, exited={"code": 0, "cause": "stop", "failure": None}, finished=True) == "finish"
    (host,) = hosts.of_job(database, job.id)
    assert host.cause == "stop"


def test_the_first_of_several_hosts_collects_once_all_have_ended(database: Database) -> None:
    placed(database, 2)
    done = {"code": 0, "cause": "exit", "failure": None}
    assert report(database, 1, "h1", exited=done) == "run"
    assert report(database, 1, "h2", exited=done) == "finish"
    assert report(database, 2, "h1") == "collect"


def test_when_one_host_fails_the_others_are_stopped(database: Database) -> None:
    job = placed(database, 2)
    report(database, 1, "h2", exited={"code": 1, "cause": "exit", "failure": "e"})
    assert report(database, 1, "h1", phase="Training") == "stop"
    report(database, 2, "h1", exited={"code": 143, "cause": "stop", "failure": None})
    assert report(database, 3, "h1") == "finish"
    assert report(database, 2, "h2") == "finish"
    assert [host.phase for host in hosts.of_job(database, job.id)] == [hosts.FINISHED] * 2


def test_a_fault_of_the_agents_own(database: Database) -> None:
    placed(database)
    report(database, 1, failed={"class": "ClientError", "message": "Data download failed: x"})
    host = hosts.find(database, "h1")
    assert host
    assert (host.phase, host.failure) == (hosts.LOST, "ClientError: Data download failed: x")


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, pytest.param(10**400, id="huge"), None, "0.5", True, [1]]
)
def test_a_metric_that_is_no_finite_number_costs_nothing_else(database: Database, value: Any) -> None:
    job = placed(database)
    points = [["good", 0.5, 2], ["bad", value, 2], ["also good", 1, 2]]
    report(database, 1, metrics=points, logs=[[1, "a"]], exited={"code": 0, "cause": "exit"}, finished=True)
    assert lines(database) == ["a"]
    assert [tuple(row) for row in jobs.final_metrics(database, job.id)] == [("also good", 1.0, 2), ("good", 0.5, 2)]
    host = hosts.find(database, "h1")
    assert host
    assert (host.phase, host.exit_code) == (hosts.FINISHED, 0)


def test_an_end_without_an_exit_is_no_success(database: Database) -> None:
    job = placed(database)
    report(database, 1, finished=True)
    assert outcome.of_job(kind_of(job), job, hosts.of_job(database, job.id)).internal


def test_an_exit_that_cannot_be_read_ends_the_job(database: Database) -> None:
    job = placed(database)
    report(database, 1, exited={"code": "x"}, finished=True)
    assert outcome.of_job(kind_of(job), job, hosts.of_job(database, job.id)).internal


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"1", b'{"at_ms": 1}', b'{"seq": "a"}', b'{"seq": -1}', b"[" * 100_000]
)
def test_a_report_without_a_number_is_none(body: bytes) -> None:
    with pytest.raises(UnreadableReport):
        read_report(body)


ODD = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(min_value=10**18, max_value=10**30),
        st.floats(),
        st.text(st.characters(), max_size=20),
        st.sampled_from(["\ud800", "\x00", "x" * 5000, "Training", "a" * 300]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
BROKEN = st.fixed_dictionaries(
    {},
    optional={
        "at_ms": ODD,
        "phase": ODD,
        "message": ODD,
        "metrics": ODD | st.lists(st.tuples(ODD, ODD, ODD) | ODD, max_size=4),
        "unknown": ODD,
    },
)
LINES = st.lists(
    st.tuples(ODD, st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))), max_size=4
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=examples(20))
@given(first=BROKEN, second=BROKEN, logs_=LINES, code=st.integers(0, 255))
def test_whatever_else_is_in_a_report_its_lines_and_its_exit_land_once(
    database: Database, first: dict[str, Any], second: dict[str, Any], logs_: list[tuple[Any, str]], code: int
) -> None:
    job = placed(database)
    try:
        for _ in range(2):
            raw_report(database, {**first, "seq": 1, "logs": logs_})
            raw_report(database, {**second, "seq": 2, "exited": {"code": code, "cause": "exit"}, "finished": True})
        assert lines(database) == [text for _at, text in logs_]
        (host,) = hosts.of_job(database, job.id)
        assert (host.exit_code, host.over) == (code, True)
        assert all(abs(at_ms) < 1 << 53 for at_ms in [event.at_ms for event in jobs.transitions(database, job.id)])
    finally:
        jobs.remove(database, job.id)
        logs.delete_group(database, logs.LogScope("000000000000", "us-east-1"), LOG_GROUP)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=examples(20))
@given(end=st.fixed_dictionaries({}, optional={"exited": ODD, "failed": ODD, "finished": ODD, "logs": ODD}))
def test_whatever_form_an_end_has_the_job_ends(database: Database, end: dict[str, Any]) -> None:
    job = placed(database)
    try:
        raw_report(database, {**end, "seq": 1})
        raw_report(database, {"seq": 2, "finished": True})
        (host,) = hosts.of_job(database, job.id)
        assert host.over
    finally:
        jobs.remove(database, job.id)
        logs.delete_group(database, logs.LogScope("000000000000", "us-east-1"), LOG_GROUP)


def test_lines_of_metrics_are_bounded_whatever_an_agent_sends() -> None:
    sent = ["x" * 20_000, 5, *["{}"] * 600]
    found = read_report(json.dumps({"seq": 1, "at_ms": 1, "metric_lines": sent}).encode())
    assert found.metric_lines == ["{}"] * 498
    assert found.refused[0] == "lines of metrics after the first 500"
    assert [one.split(" ")[:4] for one in found.refused[1:]] == [["a", "line", "of", "metrics"]] * 2


def test_a_gate_is_kept_and_names_no_directory(database: Database) -> None:
    """A directory would lead servers on this machine to sockets of the agent's choice."""
    placed(database)
    key = "0123456789abcdef" * 2
    report(database, 1, phase="Running", gate=f"gate://10.0.0.3:4000/{key}?machine=here&directory=%2Fetc")
    host = hosts.find(database, "h1")
    assert host is not None
    assert host.gate == f"gate://10.0.0.3:4000/{key}"


@pytest.mark.parametrize("gate", [7, "", "/var/run", "gate://169.254.169.254:80/" + "0" * 32, ["gate://"], None])
def test_what_is_no_gate_costs_nothing_else(database: Database, gate: Any) -> None:
    placed(database)
    assert report(database, 1, phase="Running", gate=gate, logs=[[1, "a"]]) == "run"
    host = hosts.find(database, "h1")
    assert host is not None
    assert (host.gate, host.phase, lines(database)) == (None, "Running", ["a"])
