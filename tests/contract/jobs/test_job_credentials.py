"""The credentials of a job, and all that was made with them, end with it however it ends."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import RunningServer

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
IMAGE = "python:3.11"
Keys = dict[str, str]


@pytest.fixture
def running(own_server: RunningServer) -> RunningServer:
    own_server.environ["SAGEWRIGHT_STOP_GRACE_S"] = "1"
    own_server.start()
    own_server.boto("s3").create_bucket(Bucket="outputs")
    own_server.boto("s3").put_object(Bucket="outputs", Key="secret", Body=b"secret")
    return own_server


@dataclass
class Loot:
    """Credentials that a job's code could carry away: sessions made of sessions, presigned URLs, passwords of the registry."""

    running: RunningServer
    keys: list[Keys]
    urls: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)

    def grow(self) -> None:
        for keys in self.keys[:1] * 2:
            self.keys.append(self._session(keys))
        for keys in self.keys[1:]:
            self.keys += [self._role(keys), self._session(keys)]
        self.keys.append(self._role(self._role(self.keys[-1])))
        for keys in self.keys:
            s3, ecr = self._client("s3", keys), self._client("ecr", keys)
            place = {"Bucket": "outputs", "Key": "secret"}
            self.urls.append(s3.generate_presigned_url("get_object", Params=place, ExpiresIn=3600))
            self.passwords.append(ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"])

    def _client(self, service: str, keys: Keys) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.running.endpoint,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}),
            **keys,
        )

    def _session(self, keys: Keys) -> Keys:
        return as_keys(self._client("sts", keys).get_session_token()["Credentials"])

    def _role(self, keys: Keys) -> Keys:
        answer = self._client("sts", keys).assume_role(RoleArn=ROLE, RoleSessionName="session", DurationSeconds=43_200)
        return as_keys(answer["Credentials"])

    def good(self) -> list[str]:
        """Credentials that are still valid."""
        found = []
        for keys in self.keys:
            for service, operation in (("sts", "get_caller_identity"), ("s3", "list_buckets")):
                try:
                    getattr(self._client(service, keys), operation)()
                    found.append(f"{service} {keys['aws_access_key_id']}")
                except ClientError as error:
                    assert error.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}
        registry = f"{self.running.endpoint}/v2/"
        requests = [*self.urls, *(urllib.request.Request(registry, headers=basic(one)) for one in self.passwords)]
        for request in requests:
            try:
                urllib.request.urlopen(request, timeout=10).close()
                found.append(str(request))
            except urllib.error.HTTPError as error:
                assert error.code in {401, 403}
                error.close()
        return found


def basic(password: str) -> dict[str, str]:
    assert base64.b64decode(password).startswith(b"AWS:")
    return {"Authorization": f"Basic {password}"}


def as_keys(credentials: dict[str, Any]) -> Keys:
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def loot_of(running: RunningServer, job: str, attempt: int = 1) -> Loot:
    running.when_logged(job, f"attempt {attempt}")
    (file,) = running.data.glob(f"jobs/*/{attempt}/algo-1/host.json")
    own = json.loads(file.read_bytes())["credentials"]
    keys = {
        "aws_access_key_id": own["access_key_id"],
        "aws_secret_access_key": own["secret_access_key"],
        "aws_session_token": own["session_token"],
    }
    loot = Loot(running, [keys])
    loot.grow()
    assert len(loot.good()) == 4 * len(loot.keys)
    return loot


UNTIL_TOLD = "until [ -e /opt/ml/go ]; do sleep 0.05; done"


def go_on(running: RunningServer, attempt: int = 1) -> None:
    """The file that the newest attempt's process waits for."""
    (ml,) = running.data.glob(f"jobs/*/{attempt}/algo-1/ml")
    (ml / "go").touch()


def stop(running: RunningServer) -> None:
    running.boto("sagemaker").stop_training_job(TrainingJobName="job")


def lose(running: RunningServer) -> None:
    (agent,) = running.agents()
    os.kill(agent, signal.SIGKILL)


def lose_while_the_server_is_dead(running: RunningServer) -> None:
    running.end(signal.SIGKILL)
    lose(running)
    running.start()


ENDS: dict[str, tuple[Callable[[RunningServer], None], str, str]] = {
    "completes": (go_on, UNTIL_TOLD, "Completed"),
    "fails": (go_on, f"{UNTIL_TOLD}; exit 1", "Failed"),
    "is stopped": (stop, "sleep 60", "Stopped"),
    "loses its agent": (lose, "sleep 60", "Failed"),
    "loses its agent and the server": (lose_while_the_server_is_dead, "sleep 60", "Failed"),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("end", ENDS)
def test_nothing_that_a_job_made_of_its_credentials_outlives_it(running: RunningServer, end: str) -> None:
    how, work, status = ENDS[end]
    running.run_shell("job", f"echo attempt 1; {work}", image=IMAGE)
    loot = loot_of(running, "job")
    how(running)
    assert running.wait("job", timeout_s=60)["TrainingJobStatus"] == status
    assert loot.good() == []


def test_nor_does_it_outlive_an_attempt_of_a_spot_job(running: RunningServer) -> None:
    running.run_shell(
        "job",
        f"if [ -e /opt/ml/checkpoints/one ]; then echo attempt 2; {UNTIL_TOLD}; "
        "else touch /opt/ml/checkpoints/one; echo attempt 1; sleep 60; fi",
        image=IMAGE,
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": "s3://outputs/checkpoints"},
        StoppingCondition={"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200},
    )
    first = loot_of(running, "job")
    interrupt(running)
    second = loot_of(running, "job", attempt=2)
    assert first.good() == []
    go_on(running, attempt=2)
    assert running.wait("job")["TrainingJobStatus"] == "Completed"
    assert second.good() == []


def interrupt(running: RunningServer) -> None:
    command = [str(Path(sys.executable).parent / "sagewright"), "jobs", "interrupt", "job"]
    done = running.door(*command)
    assert done.returncode == 0, done.stderr


def test_a_role_has_one_id_on_every_server_and_after_every_restart(own_server: RunningServer) -> None:
    seen = set()
    for seed in ("1", "2", "random"):
        own_server.environ["PYTHONHASHSEED"] = seed
        own_server.start()
        sts = own_server.boto("sts")
        seen.add(own_server.boto("iam").get_role(RoleName="SageMakerExecutionRole")["Role"]["RoleId"])
        seen.add(sts.get_caller_identity()["UserId"].split(":")[0])
        assumed = sts.assume_role(RoleArn=ROLE, RoleSessionName="session")["AssumedRoleUser"]["AssumedRoleId"]
        seen.add(assumed.split(":")[0])
        own_server.end()
    assert len(seen) == 1
