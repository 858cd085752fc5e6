"""Two servers behind a load balancer, each killed again and again under load: nothing acknowledged is lost or done twice."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.balancing import BalancedServers
from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import BUCKET, Hosting
from tests.leanclient import LeanClient, LeanRequest, NoAnswer, Refused, operation

if TYPE_CHECKING:
    from tests.postgres import Postgres

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2")) // 2
"""Kills of each server."""
CLIENTS = int(os.environ.get("SAGEWRIGHT_TEST_CLIENTS", "1"))
"""Clients for each kind of request."""
LEAN = int(os.environ.get("SAGEWRIGHT_TEST_LEAN_CLIENTS", "1"))
"""Further clients for each kind, which make more requests a second."""
MOST_GAP_S = 15
"""The goal is 5 s; the rest is for the load of other tests."""


@pytest.fixture(scope="module")
def servers(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BalancedServers]:
    running = BalancedServers(tmp_path_factory.mktemp("servers"), store=postgres.new_database())
    try:
        running.start()
        yield running
    finally:
        running.kill_everything()


@dataclass
class Load:
    """Clients that ask until `over`. `done`: what was acknowledged, by kind; `gaps`: the longest time between two answers."""

    servers: BalancedServers
    over: threading.Event = field(default_factory=threading.Event)
    done: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    gaps: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Answers a second so far."""
        return sum(map(len, self.done.values())) / (time.monotonic() - self._begun)

    def begin_lean(self, kind: str, request: Callable[[str], LeanRequest]) -> None:
        """Starts lean clients; `request` returns the request with a name."""
        for number in range(LEAN):
            self._follow(self._run_lean, kind, request, number)

    def _run_lean(self, kind: str, request: Callable[[str], LeanRequest], number: int) -> None:
        client = LeanClient("127.0.0.1", int(self.servers.endpoint.rpartition(":")[2]), self.servers.key())
        last, count = time.monotonic(), 0
        while not self.over.is_set():
            count += 1
            name = f"{kind}-lean-{number}-{count}"
            try:
                client.ask(request(name))
            except NoAnswer:
                continue
            except Refused as error:
                if "existing model" not in str(error):  # a retry meets its first try
                    self.refused.append(f"{kind}: {error}")
                    continue
            self.done[kind].append(name)
            last = self._answered(kind, last)
        client.close()

    def _answered(self, kind: str, last: float) -> float:
        now = time.monotonic()
        self.gaps[kind] = max(self.gaps.get(kind, 0), now - last)
        return now

    def _follow(self, run: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def begin(self, kind: str, service: str, ask: Callable[[Any, str], str]) -> None:
        """Starts clients; `ask` sends the request of this name and returns the name."""
        for number in range(CLIENTS):
            self._follow(self._run, kind, service, ask, number)

    def _run(self, kind: str, service: str, ask: Callable[[Any, str], str], number: int) -> None:
        client = self.servers.boto(service, config=Config(retries={"max_attempts": 5, "mode": "standard"}))
        last, count = time.monotonic(), 0
        while not self.over.is_set():
            count += 1
            try:
                self.done[kind].append(ask(client, f"{kind}-{number}-{count}"))
            except BotoCoreError:
                continue
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    self.refused.append(f"{kind}: {error}")
                continue
            last = self._answered(kind, last)

    def end(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


def create_model(sagemaker: Any, name: str) -> str:
    try:
        sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": SHELL_IMAGE}, ExecutionRoleArn=ROLE)
    except ClientError as error:
        if "existing model" not in str(error):  # a retry meets its first try
            raise
    return name


def put_object(s3: Any, name: str) -> str:
    s3.put_object(Bucket=BUCKET, Key=name, Body=hashlib.sha256(name.encode()).digest() * 200)
    return name


def read_back(s3: Any, name: str) -> str:
    assert s3.get_object(Bucket=BUCKET, Key="there")["Body"].read() == b"there"
    return name


def invoke(runtime: Any, name: str) -> str:
    answer = runtime.invoke_endpoint(EndpointName="balanced", Body=name, ContentType="text/plain")
    assert answer["Body"].read().decode() == f"balanced {name}"
    return name


def begin_lean_clients(load: Load, fifo: str) -> None:
    image = {"Image": SHELL_IMAGE}
    load.begin_lean(
        "model",
        lambda name: operation(
            "sagemaker", "CreateModel", {"ModelName": name, "PrimaryContainer": image, "ExecutionRoleArn": ROLE}
        ),
    )
    load.begin_lean(
        "object",
        lambda name: LeanRequest("s3", "PUT", f"/{BUCKET}/{name}", hashlib.sha256(name.encode()).digest() * 200),
    )
    load.begin_lean("read", lambda _name: LeanRequest("s3", "GET", f"/{BUCKET}/there"))
    load.begin_lean(
        "message",
        lambda name: operation(
            "sqs",
            "SendMessage",
            {"QueueUrl": fifo, "MessageBody": name, "MessageGroupId": name, "MessageDeduplicationId": name},
        ),
    )
    load.begin_lean(
        "invoke",
        lambda name: LeanRequest(
            "sagemaker", "POST", "/endpoints/balanced/invocations", name.encode(), {"content-type": "text/plain"}
        ),
    )


def kill_in_turn(servers: BalancedServers) -> None:
    for _ in range(KILLS):
        for victim in servers.servers:
            time.sleep(1)
            victim.end(signal.SIGKILL)
            time.sleep(1)
            victim.start()
            time.sleep(1)


def test_nothing_acknowledged_is_lost_or_doubled_while_servers_are_killed(
    servers: BalancedServers,
) -> None:
    with Hosting(servers) as hosting:
        hosting.endpoint("balanced", hosting.variant("v", hosting.model("balanced")))
        hosting.all_answered("balanced", "balanced x")
        sqs = servers.boto("sqs")
        fifo = sqs.create_queue(QueueName="in-order.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

        def send(queue: Any, name: str) -> str:
            queue.send_message(QueueUrl=fifo, MessageBody=name, MessageGroupId=name, MessageDeduplicationId=name)
            return name

        servers.boto("s3").put_object(Bucket=BUCKET, Key="there", Body=b"there")
        load = Load(servers)
        load.begin("model", "sagemaker", create_model)
        load.begin("object", "s3", put_object)
        load.begin("read", "s3", read_back)
        load.begin("message", "sqs", send)
        load.begin("invoke", "sagemaker-runtime", invoke)
        begin_lean_clients(load, fifo)
        jobs = [f"job-{number}" for number in range(4)]
        for job in jobs:
            servers.run_shell(job, "echo begin; sleep 2; echo done")
        kill_in_turn(servers)
        time.sleep(2)
        rate = load.rate
        load.end()
        assert load.refused == []
        counts = {kind: len(names) for kind, names in load.done.items()}
        assert set(counts) == {"model", "object", "read", "message", "invoke"}
        sys.stdout.write(
            f"{2 * KILLS} kills, {rate:.0f} answers a second: {counts}, longest gaps in seconds: {load.gaps}\n"
        )
        pages = servers.boto("sagemaker").get_paginator("list_models").paginate()
        models = Counter(one["ModelName"] for page in pages for one in page["Models"])
        assert set(load.done["model"]) <= set(models)
        assert set(models.values()) == {1}
        s3 = servers.boto("s3")
        for name in load.done["object"]:
            body = s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
            assert body == hashlib.sha256(name.encode()).digest() * 200
        received = Counter(received_messages(sqs, fifo))
        assert set(load.done["message"]) <= set(received)
        assert set(received.values()) == {1}
        for job in jobs:
            assert servers.wait(job)["TrainingJobStatus"] == "Completed"
            assert [line for line in servers.lines(job) if line in {"begin", "done"}] == ["begin", "done"]
        for one in servers.servers:
            Hosting(one).all_answered("balanced", "balanced x")
        assert max(load.gaps.values()) < MOST_GAP_S, (counts, load.gaps)


def received_messages(sqs: Any, queue: str) -> Iterator[str]:
    """Receives and deletes until the queue is empty."""
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for one in found:
            yield one["Body"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
