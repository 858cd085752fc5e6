"""kill -9 of the server at any time between an approval and the deployed endpoint: it ends deployed, and was asked for once."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy import select
from tests.conftest import SHELL_IMAGE
from tests.hosting import BUCKET, ECHO, Hosting, archive

from sagewright.store.database import Database
from sagewright.store.schema.events import events

if TYPE_CHECKING:
    from conftest import RunningServer

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "2"))
GROUP, ENDPOINT = "killed", "alive"


def register(server: RunningServer, word: str) -> str:
    hosting = Hosting(server)
    script = textwrap.dedent(ECHO).replace("WORD", word)
    hosting.s3.put_object(Bucket=BUCKET, Key=f"{word}.tar.gz", Body=archive({"code/inference.py": script}))
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": SHELL_IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{word}.tar.gz", "Environment": environment}
    specification = {"Containers": [container]}
    request = {"ModelPackageGroupName": GROUP, "InferenceSpecification": specification}
    arn: str = hosting.sagemaker.create_model_package(**request)["ModelPackageArn"]
    return arn


def answered(server: RunningServer, word: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            runtime = server.boto("sagemaker-runtime")
            answer = runtime.invoke_endpoint(EndpointName=ENDPOINT, Body="x", ContentType="text/plain")
            if answer["Body"].read().decode() == f"{word} x":
                return
        except (BotoCoreError, ClientError):
            pass
        time.sleep(0.1)
    raise AssertionError(server.log()[-4000:])


def updates(server: RunningServer) -> int:
    """How often the endpoint has begun to be updated, by the event log."""
    store = Database(f"sqlite:///{server.data / 'store.sqlite'}")
    with store.read() as connection:
        entries: list[Any] = list(
            connection.execute(
                select(events.c.status).where(events.c.kind == "endpoint").order_by(events.c.seq)
            ).scalars()
        )
    store.close()
    return sum(now == "Updating" and before != "Updating" for before, now in itertools.pairwise(entries))


def test_an_approval_ends_deployed_once(own_server: RunningServer) -> None:
    own_server.start()
    sagemaker = own_server.boto("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    command = [str(Path(sys.executable).parent / "sagewright"), "deploy-rule", "create", "--group", GROUP]
    subprocess.run([*command, "--endpoint", ENDPOINT, "--data", str(own_server.data)], check=True, timeout=60)
    first = register(own_server, "v0")
    sagemaker.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Approved")
    answered(own_server, "v0")
    choose = random.Random(15)
    for number in range(1, KILLS + 1):
        arn = register(own_server, f"v{number}")
        own_server.boto("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        time.sleep(choose.choice([0.0, 0.02, 0.1, choose.uniform(0, 2)]))
        own_server.end(signal.SIGKILL)
        own_server.start()
        answered(own_server, f"v{number}")
        assert updates(own_server) == number
    configs = own_server.boto("sagemaker").list_endpoint_configs(NameContains=ENDPOINT, MaxResults=100)[
        "EndpointConfigs"
    ]
    assert len(configs) == KILLS + 1
