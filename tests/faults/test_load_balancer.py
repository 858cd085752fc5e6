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
from tests.leanrequests import LeanRequest, operation
from tests.mixedload import Kind, MixedLoad

from sagewright.jumpstart import keys

if TYPE_CHECKING:
    from tests.postgres import Postgres

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2")) // 2
"""Kills of each server."""
CLIENTS = int(os.environ.get("SAGEWRIGHT_TEST_CLIENTS", "1"))
"""Clients for each kind of request."""
RATE = int(os.environ.get("SAGEWRIGHT_TEST_RATE", "60"))
"""Requests a second beside them, of all kinds together."""
PAUSE_S = 0.1
"""Between two requests of an SDK's client."""
SETTLE_S = float(os.environ.get("SAGEWRIGHT_TEST_SETTLE_S", "1"))
"""Between a server's start and the next one's kill."""
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
    mixed: MixedLoad = field(init=False)
    _threads: list[threading.Thread] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Answers a second so far."""
        return sum(self.counts().values()) / (time.monotonic() - self._begun)

    def counts(self) -> dict[str, int]:
        """The number of acknowledged requests by kind."""
        return {kind: len(self.done[kind]) + len(self.mixed.done[kind]) for kind in {*self.done, *self.mixed.done}}

    def begin_mixed(self, kinds: dict[str, Kind]) -> None:
        """Starts RATE requests a second."""
        address = "127.0.0.1", int(self.servers.endpoint.rpartition(":")[2])
        self.mixed = MixedLoad(address, self.servers.key(), kinds, RATE)
        self._follow(self.mixed.run, self.over)

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
            time.sleep(PAUSE_S)

    def end(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive()
        self.refused += self.mixed.refused
        for kind, names in self.mixed.done.items():
            self.done[kind] += names
        self.mixed.done.clear()


def create_model(sagemaker: Any, name: str) -> str:
    try:
        sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": SHELL_IMAGE}, ExecutionRoleArn=ROLE)
    except ClientError as error:
        if "existing model" not in str(error):  # a retry meets its first try
            raise
    return name


def put_object(s3: Any, name: str) -> str:
    s3.put_object(Bucket=BUCKET, Key=name, Body=body_of(name))
    return name


def read_back(s3: Any, name: str) -> str:
    assert s3.get_object(Bucket=BUCKET, Key="there")["Body"].read() == b"there"
    return name


def invoke(runtime: Any, name: str) -> str:
    answer = runtime.invoke_endpoint(EndpointName="balanced", Body=name, ContentType="text/plain")
    assert answer["Body"].read().decode() == f"balanced {name}"
    return name


def mixed_kinds(fifo: str) -> dict[str, Kind]:
    """The kinds of requests: mostly invocations, as of a service in use; 7 of 100 change something."""
    image = {"Image": SHELL_IMAGE}
    text = {"content-type": "text/plain"}
    described = operation("sagemaker", "DescribeTrainingJob", {"TrainingJobName": "job-0"})
    invoked = LeanRequest("sagemaker", "POST", "/endpoints/balanced/invocations", b"x", text)
    return {
        "invoke": Kind(75, lambda _name: invoked, fixed=True, wrong=unlike(b"balanced x")),
        "describe": Kind(12, lambda _name: described, fixed=True, wrong=unlike(b'"TrainingJobName":"job-0"')),
        "read": Kind(8, lambda _name: LeanRequest("s3", "GET", f"/{BUCKET}/there"), fixed=True, wrong=unlike(b"there")),
        "model": Kind(
            3,
            lambda name: operation(
                "sagemaker", "CreateModel", {"ModelName": name, "PrimaryContainer": image, "ExecutionRoleArn": ROLE}
            ),
            fixed=False,
            wrong=lambda _name, status, body: "" if status < 300 or b"existing model" in body else repr(body),
        ),
        "message": Kind(
            2,
            lambda name: operation(
                "sqs",
                "SendMessage",
                {"QueueUrl": fifo, "MessageBody": name, "MessageGroupId": name, "MessageDeduplicationId": name},
            ),
            fixed=False,
            wrong=unlike(b"MessageId"),
        ),
        "object": Kind(
            2, lambda name: LeanRequest("s3", "PUT", f"/{BUCKET}/{name}", body_of(name)), fixed=False, wrong=unlike(b"")
        ),
    }


def unlike(due: bytes) -> Callable[[str, int, bytes], str]:
    """Says what is wrong with an answer that is not a success with this in its body."""
    return lambda _name, status, body: "" if status < 300 and due in body else repr(body[:500])


def body_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest() * 200


def await_catalogue(servers: BalancedServers) -> None:
    """Returns once JumpStart's catalogue is in the other S3, which keeps new servers busy at first."""
    s3, deadline = servers.boto("s3"), time.monotonic() + 120
    while True:
        try:
            s3.head_object(Bucket=keys.content_bucket("us-east-1"), Key=keys.DIGEST)
        except ClientError:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        else:
            return


def kill_in_turn(servers: BalancedServers) -> None:
    for _ in range(KILLS):
        for victim in servers.servers:
            time.sleep(1)
            victim.end(signal.SIGKILL)
            time.sleep(1)
            victim.start()
            time.sleep(SETTLE_S)


def test_nothing_acknowledged_is_lost_or_doubled_while_servers_are_killed(
    servers: BalancedServers,
) -> None:
    with Hosting(servers) as hosting:
        hosting.endpoint("balanced", hosting.variant("v", hosting.model("balanced")))
        hosting.all_answered("balanced", "balanced x")
        await_catalogue(servers)
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
        jobs = [f"job-{number}" for number in range(4)]
        for job in jobs:
            servers.run_shell(job, "echo begin; sleep 2; echo done")
        load.begin_mixed(mixed_kinds(fifo))
        kill_in_turn(servers)
        time.sleep(2)
        rate = load.rate
        load.end()
        assert load.refused == []
        counts = load.counts()
        assert set(counts) == {"model", "object", "read", "message", "invoke", "describe"}
        sys.stdout.write(
            f"{2 * KILLS} kills, {rate:.0f} answers a second: {counts}, longest gaps in seconds: {load.gaps}, longest "
            f"wait of {RATE} requests a second: {load.mixed.longest_s:.2f}, unanswered: {load.mixed.unanswered}\n"
        )
        pages = servers.boto("sagemaker").get_paginator("list_models").paginate()
        models = Counter(one["ModelName"] for page in pages for one in page["Models"])
        assert set(load.done["model"]) <= set(models)
        assert set(models.values()) == {1}
        s3 = servers.boto("s3")
        for name in load.done["object"]:
            body = s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
            assert body == body_of(name)
        received = Counter(received_messages(sqs, fifo))
        assert set(load.done["message"]) <= set(received)
        assert set(received.values()) == {1}
        for job in jobs:
            assert servers.wait(job)["TrainingJobStatus"] == "Completed"
            assert [line for line in servers.lines(job) if line in {"begin", "done"}] == ["begin", "done"]
        for one in servers.servers:
            Hosting(one).all_answered("balanced", "balanced x")
        assert max(*load.gaps.values(), load.mixed.longest_s) < MOST_GAP_S, (counts, load.gaps, load.mixed.longest_s)


def received_messages(sqs: Any, queue: str) -> Iterator[str]:
    """Receives and deletes until the queue is empty."""
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for one in found:
            yield one["Body"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
