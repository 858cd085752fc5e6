"""Predictions while processes die: a server that is killed, ended, or replaced by another release costs nobody an answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from botocore.config import Config
from tests.conftest import SHELL_IMAGE
from tests.hosting import BUCKET, Hosting

from sagewright.model import titles

if TYPE_CHECKING:
    from conftest import RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2"))
CLIENTS = 3
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{BUCKET}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
}


@pytest.fixture
def hosting(own_server: RunningServer) -> Hosting:
    own_server.start()
    made = Hosting(own_server)
    made.model("kept")
    made.endpoint("kept", made.variant("v", "kept"), DataCaptureConfig=CAPTURE)
    made.all_answered("kept", "kept x")
    return made


def client(server: RunningServer, url: str, keys: tuple[str, ...] = ()) -> Any:
    """A client of the runtime API without retries. `keys`: id, secret and session token; the admin's if there are none."""
    access, secret, *token = keys or server.key()
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        aws_session_token=token[0] if token else None,
        config=Config(retries={"max_attempts": 0}),
    )


class Load:
    """Clients that ask on end and never twice for the same: each failure counts."""

    def __init__(self, server: RunningServer, url: str) -> None:
        self._server, self._url = server, url
        self._over = threading.Event()
        self.answered: list[str] = []
        self.failed: Counter[str] = Counter()

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        until = time.monotonic() + 30
        while (
            len({name.partition("-")[0] for name in self.answered}) < CLIENTS
        ):  # their connections are the front's then
            assert time.monotonic() < until, self.failed
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self, answers: int = 30, timeout_s: float = 30) -> None:
        """Return once so many more are answered."""
        until, goal = time.monotonic() + timeout_s, len(self.answered) + answers
        while len(self.answered) < goal:
            assert time.monotonic() < until, self.failed
            time.sleep(0.01)

    def _ask(self, mine: int) -> None:
        runtime = client(self._server, self._url)
        number = 0
        while not self._over.is_set():
            number += 1
            name = f"{mine}-{number}"
            try:
                answer = runtime.invoke_endpoint(
                    EndpointName="kept", Body=name, ContentType="text/plain", InferenceId=name
                )
                assert answer["Body"].read().decode() == f"kept {name}"
                self.answered.append(name)
            except Exception as error:
                self.failed[str(error)] += 1
            time.sleep(0.01)


def ports(server: RunningServer) -> dict[str, str]:
    return {"runtime": (server.data / "runtime-endpoint").read_text().strip(), "main": server.endpoint}


def captured(server: RunningServer) -> Counter[str]:
    s3, found = server.boto("s3"), Counter[str]()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="captured/"):
        for one in page.get("Contents", []):
            for line in s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read().splitlines():
                found[json.loads(line)["eventMetadata"].get("inferenceId", "")] += 1
    return found


def all_captured(server: RunningServer, names: list[str], timeout_s: float = 30) -> None:
    """Return once each answered request was captured, and fail if one is there twice."""
    until = time.monotonic() + timeout_s
    while missing := set(names) - (found := captured(server)).keys():
        assert time.monotonic() < until, f"{len(missing)} of {len(names)} are lost"
        time.sleep(0.2)
    assert not [name for name in names if found[name] > 1]


@pytest.mark.parametrize("port", ["runtime", "main"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_ends_costs_no_prediction(hosting: Hosting, number: int, port: str) -> None:
    server = hosting.server
    with Load(server, ports(server)[port]) as load:
        for _ in range(KILLS):
            server.end(number)
            load.goes_on()
            server.start()
            load.goes_on()
    assert not load.failed
    all_captured(server, load.answered)
    assert len(server.fronts()) == 1


def test_a_killed_front_costs_what_it_was_answering(hosting: Hosting) -> None:
    server = hosting.server
    with Load(server, ports(server)["runtime"]) as load:
        for _ in range(KILLS):
            for front in server.fronts():
                front.kill()
            load.goes_on()
    assert sum(load.failed.values()) <= CLIENTS * KILLS, load.failed
    all_captured(server, load.answered)


def test_a_killed_model_process_costs_what_it_was_answering(hosting: Hosting) -> None:
    server = hosting.server
    with Load(server, ports(server)["runtime"]) as load:
        for _ in range(KILLS):
            models = [one.pid for one in titles.running(server.data) if one.kind == titles.MODEL_SERVER]
            assert models
            for pid in models:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            load.goes_on(timeout_s=60)
    assert sum(load.failed.values()) <= CLIENTS * KILLS, load.failed


def test_a_front_of_another_release_is_replaced_without_a_failure(hosting: Hosting) -> None:
    server = hosting.server
    before = [one.pid for one in server.fronts()]
    with Load(server, ports(server)["runtime"]) as load:
        server.end()
        other = start_of_another_release(server)
        load.goes_on()
        until = time.monotonic() + 30
        while [one.pid for one in server.fronts()] == before or len(server.fronts()) > 1:
            assert time.monotonic() < until, (before, server.fronts())
            time.sleep(0.1)
        load.goes_on()
    assert not load.failed
    all_captured(server, load.answered)
    other.terminate()
    other.wait(30)


def start_of_another_release(server: RunningServer) -> subprocess.Popen[bytes]:
    """The same code by another name of the interpreter counts as one."""
    program = "import sys; from sagewright.cli.main import main; sys.argv[0] = 'sagewright'; main()"
    python = Path(sys.executable).with_name("python3" if Path(sys.executable).name != "python3" else "python")
    assert python.exists()
    command = [str(python), "-c", program, "up", "--data", str(server.data), "--port", "0"]
    started = subprocess.Popen(command, cwd=server.data)
    until = time.monotonic() + 60
    while not (server.data / "endpoint").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return started


def test_other_requests_are_told_to_come_again_while_no_server_runs(hosting: Hosting) -> None:
    server = hosting.server
    main = server.endpoint
    describe = server.boto("sagemaker")
    server.end(signal.SIGKILL)
    with pytest.raises(Exception, match="ServiceUnavailable"):
        describe.list_models()
    assert "Start it again" in server.door("true").stderr
    server.start()
    assert server.endpoint == main
    assert server.boto("sagemaker").list_models()["Models"]


def test_an_asynchronous_invocation_waits_for_the_next_server(hosting: Hosting) -> None:
    server = hosting.server
    output = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}/async"}}
    hosting.config("later-config", hosting.variant("v", "kept"), AsyncInferenceConfig=output)
    hosting.sagemaker.create_endpoint(EndpointName="later", EndpointConfigName="later-config")
    hosting.settled("later")
    runtime = client(server, ports(server)["runtime"])
    server.boto("s3").put_object(Bucket=BUCKET, Key="in", Body=b"x", ContentType="text/plain")
    server.end(signal.SIGKILL)
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(
            runtime.invoke_endpoint_async(EndpointName="later", InputLocation=f"s3://{BUCKET}/in")
        )
    )
    asking.start()
    server.start()
    asking.join(60)
    assert answers
    assert answers[0]["OutputLocation"].startswith(f"s3://{BUCKET}/async/")


@contextmanager
def ends(fronts: list[psutil.Process], timeout_s: float = 20) -> Iterator[None]:
    """The block must end them."""
    assert fronts
    yield
    _gone, alive = psutil.wait_procs(fronts, timeout_s)
    assert not alive


def test_a_front_that_serves_nobody_ends_with_its_server(hosting: Hosting) -> None:
    hosting.delete_all()
    with ends(hosting.server.fronts()):
        hosting.server.end()
    assert not (hosting.server.data / "runtime-endpoint").exists()


def test_a_front_ends_when_its_data_directory_is_removed(hosting: Hosting) -> None:
    server = hosting.server
    with ends(server.fronts()):
        server.end(signal.SIGKILL)
        (server.data / "front").rename(server.data / "removed")


def test_a_server_elsewhere_gets_a_port_that_a_front_held(hosting: Hosting, tmp_path: Path) -> None:
    server, other = hosting.server, tmp_path / "other"
    address = server.endpoint
    server.end()
    command = [str(Path(sys.executable).parent / "sagewright"), "up", "--data", str(other)]
    with subprocess.Popen([*command, "--port", address.rpartition(":")[2]]) as second:
        until = time.monotonic() + 60
        while not (other / "endpoint").exists():
            assert second.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        assert (other / "endpoint").read_text().strip() == address
        second.terminate()
    assert server.fronts(), "predictions go on"


def test_a_jobs_key_ends_with_it_at_the_front(hosting: Hosting) -> None:
    """Eight requests at one moment after the job's end, as its own process had made them before."""
    server = hosting.server
    runtime = ports(server)["runtime"]
    script = "env | grep ^AWS_ | tr '\\n' ' '; echo; sleep 100"
    server.run_shell("holder", script, image=SHELL_IMAGE)
    server.when_logged("holder", "AWS_SECRET_ACCESS_KEY=")
    described = next(line for line in server.lines("holder") if "AWS_SECRET_ACCESS_KEY=" in line)
    variables = dict(pair.split("=", 1) for pair in described.split() if "=" in pair)

    keys = tuple(variables[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"))
    first = client(server, runtime, keys).invoke_endpoint(EndpointName="kept", Body="x", ContentType="text/plain")
    assert first["Body"].read() == b"kept x"
    clients = [client(server, runtime, keys) for _ in range(8)]
    server.boto("sagemaker").stop_training_job(TrainingJobName="holder")
    server.wait("holder")
    refused: list[str] = []

    def ask(one: Any) -> None:
        try:
            one.invoke_endpoint(EndpointName="kept", Body="x", ContentType="text/plain")
        except Exception as error:
            refused.append(str(error))

    threads = [threading.Thread(target=ask, args=(one,)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 8
