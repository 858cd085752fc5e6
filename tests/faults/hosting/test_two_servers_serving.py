"""Two servers on one PostgreSQL store share more than jobs: endpoints, pipelines, tuning jobs, schedules. Either may die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from tests.conftest import ROLE
from tests.hosting import BUCKET, Hosting
from tests.pipelines import Pipelines, job
from tests.tuning import Tuners

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2")) // 3 + 2
TAKEN_OVER_S = 15
"""The goal is 5 s; the rest is for the load of other tests."""


@pytest.fixture
def pair(
    postgres: Postgres, server_class: type[RunningServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningServer, RunningServer, str]]:
    """Two servers with a data directory each, whose objects a third keeps; and the URL of the store."""
    objects = server_class(tmp_path_factory.mktemp("objects"))
    objects.start()
    url = postgres.new_database()
    environ = {
        "SAGEWRIGHT_DATABASE": url,
        "SAGEWRIGHT_MASTER_KEY": "5a" * 32,
        "SAGEWRIGHT_CAPACITY_CPUS": "8",
        "SAGEWRIGHT_OBJECTS": objects.endpoint.replace("http://", "s3://"),
        "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(objects.data / "credentials"),
    }
    one, other = (server_class(tmp_path_factory.mktemp(name), environ) for name in ("one", "other"))
    for running in (one, other):
        running.start()
    yield one, other, url
    for running in (one, other, objects):
        running.kill_everything()


def rows(url: str, statement: str) -> list[tuple[str, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return found


@pytest.mark.sampled(3, of="what two servers do for endpoints")
def test_both_answer_for_an_endpoint_and_one_goes_on_alone(pair: tuple[RunningServer, RunningServer, str]) -> None:
    one, other, url = pair
    first = Hosting(one)
    first.model("shared")
    first.endpoint("shared", first.variant("v", "shared"))
    second = Hosting(other)
    for hosting in (first, second):
        hosting.all_answered("shared", "shared x")
    changes = "SELECT count(*) FROM events WHERE kind = 'endpoint'"
    before = rows(url, changes)
    time.sleep(4)
    assert rows(url, changes) == before, "nothing happens to it, whichever server looks"
    one.end(signal.SIGKILL)
    time.sleep(4)
    second.all_answered("shared", "shared x")
    assert second.settled("shared")["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    second.model("next")
    second.config("next", second.variant("v", "next"))
    second.sagemaker.update_endpoint(EndpointName="shared", EndpointConfigName="next")
    second.settled("shared")
    second.all_answered("shared", "next x")


@pytest.mark.sampled(3, of="what two servers do for endpoints")
def test_endpoints_and_asynchronous_invocations_outlive_kills_of_either_server(
    pair: tuple[RunningServer, RunningServer, str],
) -> None:
    one, other, _ = pair
    hosting = Hosting(one)
    hosting.model("kept")
    hosting.endpoint("kept", hosting.variant("v", "kept"))
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/later"}}
    hosting.config("later-config", hosting.variant("v", "kept"), AsyncInferenceConfig=output)
    hosting.sagemaker.create_endpoint(EndpointName="later", EndpointConfigName="later-config")
    hosting.settled("later")
    s3 = one.boto("s3")
    s3.put_object(Bucket=BUCKET, Key="in", Body=b"x", ContentType="text/plain")
    for server in (one, other):
        Hosting(server).all_answered("kept", "kept x")
    asked = []
    for number in range(KILLS):
        victim, survivor = (one, other) if number % 2 else (other, one)
        runtime = survivor.boto("sagemaker-runtime")
        asked += [
            runtime.invoke_endpoint_async(EndpointName="later", InputLocation=f"s3://{BUCKET}/in")["OutputLocation"]
            for _ in range(3)
        ]
        victim.end(signal.SIGKILL)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            answer = runtime.invoke_endpoint(EndpointName="kept", Body="x", ContentType="text/plain")
            assert answer["Body"].read() == b"kept x"
        victim.start()
    waiter = one.boto("s3").get_waiter("object_exists")
    for place in asked:
        bucket, _, key = place.removeprefix("s3://").partition("/")
        waiter.wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert Hosting(other).settled("kept")["ProductionVariants"][0]["CurrentInstanceCount"] == 1


@pytest.mark.sampled(3, of="what two servers do for endpoints")
def test_a_dead_servers_job_is_taken_over_soon(pair: tuple[RunningServer, RunningServer, str]) -> None:
    one, other, url = pair
    one.run_shell("long", "sleep 3; echo done", image="python:3.11")
    one.when_logged("long", "", timeout_s=60)
    owner = "SELECT lease_owner FROM jobs WHERE name = 'long'"
    ((mine,),) = rows(url, owner)
    holder = next(each for each in (one, other) if (each.data / "server-id").read_text() == mine)
    survivor = other if holder is one else one
    holder.end(signal.SIGKILL)
    begin = time.monotonic()
    while rows(url, owner) == [(mine,)]:
        assert time.monotonic() - begin < TAKEN_OVER_S
        time.sleep(0.1)
    assert survivor.wait("long")["TrainingJobStatus"] == "Completed"


@pytest.mark.sampled(3, of="what two servers do for endpoints")
def test_pipelines_and_tuning_jobs_go_on(pair: tuple[RunningServer, RunningServer, str]) -> None:
    one, other, _ = pair
    pipelines, tuners = Pipelines(one), Tuners(one)
    steps = [
        job(f"s{number}", "sleep 0.5", **({"DependsOn": [f"s{number - 1}"]} if number else {})) for number in range(4)
    ]
    pipelines.create("shared", *steps)
    execution = pipelines.start("shared")
    tuners.create("shared-tuning")
    time.sleep(1)
    one.end(signal.SIGKILL)
    assert Pipelines(other).wait(execution)["PipelineExecutionStatus"] == "Succeeded"
    assert Tuners(other).wait("shared-tuning")["HyperParameterTuningJobStatus"] == "Completed"


@pytest.mark.sampled(3, of="what two servers do for endpoints")
def test_a_schedule_fires_once(pair: tuple[RunningServer, RunningServer, str]) -> None:
    one, other, _ = pair
    sqs = other.boto("sqs")
    url = sqs.create_queue(QueueName="once")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for number, delay_s in enumerate((2, 6)):
        moment = datetime.now(UTC) + timedelta(seconds=delay_s)
        one.boto("scheduler").create_schedule(
            Name=f"once-{number}",
            ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": arn, "RoleArn": ROLE, "Input": str(number)},
        )
    time.sleep(4)
    one.end(signal.SIGKILL)
    found: list[str] = []
    until = time.monotonic() + 40
    while len(found) < 2:
        assert time.monotonic() < until, found
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
        for message in received:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    time.sleep(3)
    assert not sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
    assert sorted(found) == ["0", "1"]


@pytest.mark.sampled(3, of="what two servers do for endpoints")
def test_an_asynchronous_invocation_of_a_dead_server_is_taken_over(
    pair: tuple[RunningServer, RunningServer, str],
) -> None:
    one, other, url = pair
    hosting = Hosting(one)
    slow = """
        import time
        def model_fn(directory):
            return "m"
        def transform_fn(model, body, content_type, accept):
            time.sleep(float(body))
            return "done", "text/plain"
    """
    hosting.model("slow", slow)
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/later"}}
    hosting.config("slow-config", hosting.variant("v", "slow"), AsyncInferenceConfig=output)
    hosting.sagemaker.create_endpoint(EndpointName="slow", EndpointConfigName="slow-config")
    hosting.settled("slow")
    s3 = one.boto("s3")
    s3.put_object(Bucket=BUCKET, Key="in", Body=b"4", ContentType="text/plain")
    asked = one.boto("sagemaker-runtime").invoke_endpoint_async(EndpointName="slow", InputLocation=f"s3://{BUCKET}/in")
    running = "SELECT document FROM resources WHERE kind = 'async-invocation' AND status = 'Running'"
    until = time.monotonic() + 20
    while not rows(url, running):
        assert time.monotonic() < until
        time.sleep(0.05)
    owner = rows(url, running)[0][0]["Owner"]  # type: ignore[index]
    holder = next(each for each in (one, other) if (each.data / "server-id").read_text() == owner)
    survivor = other if holder is one else one
    holder.end(signal.SIGKILL)
    bucket, _, key = asked["OutputLocation"].removeprefix("s3://").partition("/")
    survivor.boto("s3").get_waiter("object_exists").wait(
        Bucket=bucket, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 40}
    )
