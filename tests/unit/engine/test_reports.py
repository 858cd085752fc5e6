"""Reports are taken once, in one transaction, and answered with what is wanted of the host."""

from __future__ import annotations

from typing import Any

from sagewright.engine import reports
from sagewright.store import hosts, jobs, logs
from sagewright.store.database import Database
from sagewright.store.jobs import Place, Wanted

PLACE = Place("training", "000000000000", "us-east-1")


def placed(database: Database, count: int = 1) -> jobs.Job:
    job = jobs.create(database, PLACE, "job", {"TrainingJobName": "job"}, "Starting the training job")
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
    return reports.apply(database, host, "token", {"seq": seq, "at_ms": 1000 + seq, **content}).desired


def lines(database: Database) -> list[str]:
    stream = logs.find_stream(database, logs.Place("000000000000", "us-east-1"), reports.LOG_GROUP, "job/algo-1-1")
    assert stream
    return [event.message for event in logs.read(database, stream, logs.Window())]


def test_a_repeated_report_changes_nothing(database: Database) -> None:
    job = placed(database)
    for _ in range(2):
        assert report(database, 1, phase="Downloading", logs=[[1, "a"]]) == "run"
    for _ in range(2):
        report(database, 2, phase="Training", logs=[[2, "b"], [2, "c"]], metrics=[["acc", 0.5, 2]])
    assert lines(database) == ["a", "b", "c"]
    assert [e.secondary_status for e in jobs.transitions(database, job.id)] == ["Starting", "Downloading", "Training"]
    assert [tuple(row) for row in jobs.final_metrics(database, job.id)] == [("acc", 0.5, 2)]
    found = jobs.get(database, job.id)
    assert found
    assert found.started_ms == 1001


def test_a_wrong_token_or_an_ended_job_is_gone(database: Database) -> None:
    job = placed(database)
    assert reports.apply(database, "h1", "other", {"seq": 1, "at_ms": 1}).desired == "gone"
    assert reports.apply(database, "nobody", "token", {"seq": 1, "at_ms": 1}).desired == "gone"
    event = jobs.Event(reports.SecondaryStatus.FAILED, ended=True)
    jobs.move(database, job.id, event, reports.TRAINING_MOVES)
    assert report(database, 1, logs=[[1, "late"]]) == "gone"


def test_stop_is_answered_until_the_host_is_over(database: Database) -> None:
    """After the process too: what it left is brought to S3 in a limited time then."""
    job = placed(database)
    report(database, 1, phase="Training")
    jobs.want(database, job.id, Wanted.STOP)
    assert report(database, 2) == "stop"
    assert report(database, 3, exited={"code": 0, "cause": "stop", "failure": None}) == "stop"
    assert report(database, 4, finished=True) == "finish"


def test_a_stop_that_comes_while_artefacts_are_uploaded_is_told(database: Database) -> None:
    job = placed(database)
    assert report(database, 1, phase="Uploading", exited={"code": 0, "cause": "exit", "failure": None}) == "run"
    jobs.want(database, job.id, Wanted.STOP)
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
