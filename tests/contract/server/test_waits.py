"""Waits that the door hastens end as they would without it, and never give up earlier."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.conftest import CLIENTS, RunningServer

from sagewright.door.environment import HOOK

PROGRAM = Path(__file__).parents[1] / "programs" / "waits.py"


@pytest.mark.parametrize("client", ["sdk-v2", "sdk-v3", "aws-cli"])
def test_every_wait_of_the_clients_has_the_same_outcome_and_takes_no_longer(client: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(HOOK), "SAGEWRIGHT_FAST_WAITS": "0"}
    argv = [str(CLIENTS / client / "bin" / "python"), "-W", "ignore", str(PROGRAM), "31"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=200, env=environ)
    found = json.loads(done.stderr.splitlines()[-1])
    assert found["compared"] > 500
    assert found["differing"] == []


WAITER = """
import boto3, time
from botocore.exceptions import WaiterError
calls, began = [], time.monotonic()
s3 = boto3.client("s3")
s3.meta.events.register("before-call.s3.HeadObject", lambda **_: calls.append(1))
s3.create_bucket(Bucket="{bucket}")
try:
    s3.get_waiter("object_exists").wait(Bucket="{bucket}", Key="never", WaiterConfig={{"Delay": 1, "MaxAttempts": 3}})
except WaiterError as error:
    print(time.monotonic() - began >= 2, len(calls), error)
"""


def test_a_waiter_keeps_its_budget_and_the_users_own_switch_wins(server: RunningServer) -> None:
    python = str(CLIENTS / "sdk-v3" / "bin" / "python")
    program = WAITER.format(bucket=f"waits-{time.time_ns()}")
    fast = server.door(python, "-c", program).stdout.split(maxsplit=2)
    assert fast[0] == "True"
    assert int(fast[1]) > 3
    assert (
        fast[2]
        == "Waiter ObjectExists failed: Max attempts exceeded. Previously accepted state: Matched expected HTTP status code: 404\n"
    )
    plain = server.door(python, "-c", program, env={**os.environ, "SAGEWRIGHT_FAST_WAITS": "0"}).stdout.split(
        maxsplit=2
    )
    assert plain == ["True", "3", fast[2]]
