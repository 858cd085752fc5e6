"""kill -9 of the server while versions are registered and judged: every decision reaches its target, in order."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "3"))
GROUP, LOG = "killed", "/aws/events/killed"


def told(server: RunningServer) -> list[str]:
    logs = server.boto("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=LOG)
        lines = [json.loads(one["message"]) for page in pages for one in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [f"{one['detail']['ModelPackageVersion']} {one['detail']['ModelApprovalStatus']}" for one in lines]


class Judge:
    """Registers and approves one version after another, in its own thread; what was answered is `done`."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.done, self.asked = server, list[str](), list[str]()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                sagemaker = self.server.boto("sagemaker")
                while not self.stopping.is_set():
                    self.judge(sagemaker)
            except (BotoCoreError, ClientError, OSError):
                time.sleep(0.1)

    def go_on(self, decisions: int, timeout_s: float = 60) -> None:
        """Return once it has been answered so many more."""
        wanted, deadline = len(self.done) + decisions, time.monotonic() + timeout_s
        while len(self.done) < wanted:
            assert time.monotonic() < deadline, self.server.log()[-4000:]
            time.sleep(0.01)

    def judge(self, sagemaker: Any) -> None:
        specification = {"Containers": [{"Image": "own:latest"}]}
        arn = sagemaker.create_model_package(ModelPackageGroupName=GROUP, InferenceSpecification=specification)[
            "ModelPackageArn"
        ]
        version = arn.rpartition("/")[2]
        self.done.append(f"{version} PendingManualApproval")
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        self.done.append(f"{version} Approved")


def test_no_decision_is_lost(own_server: RunningServer) -> None:
    own_server.start()
    events, sagemaker = own_server.boto("events"), own_server.boto("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    events.put_rule(Name="killed", EventPattern=json.dumps({"detail": {"ModelPackageGroupName": [GROUP]}}))
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{LOG}"
    events.put_targets(Rule="killed", Targets=[{"Id": "log", "Arn": arn}])
    judge = Judge(own_server)
    judge.thread.start()
    choose = random.Random(15)
    for _ in range(KILLS):
        judge.go_on(5)
        time.sleep(choose.uniform(0, 0.3))
        own_server.end(signal.SIGKILL)
        own_server.start()
    judge.go_on(5)
    judge.stopping.set()
    judge.thread.join()
    deadline = time.monotonic() + 30
    while not set(judge.done) <= set(lines := told(own_server)):
        assert time.monotonic() < deadline, set(judge.done) - set(lines)
        time.sleep(0.2)
    first = list(dict.fromkeys(lines))
    assert [one for one in first if one in set(judge.done)] == judge.done  # in order, whatever comes twice
