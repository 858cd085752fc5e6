"""A disk that each kind of writer fills: clients are refused first, then hosts that write are ended, and nobody else is.

The server, its jobs and its endpoints are on a file system of a few hundred MB, which only root can set up.
"""

from __future__ import annotations

import base64
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from tests.hosting import Hosting

from sagewright.store.database import Database

if TYPE_CHECKING:
    from conftest import RunningServer

MIB = 1 << 20
SIZE = 384 * MIB
CLIENT_FLOOR, HOST_FLOOR = SIZE // 10, SIZE // 20
WAITS = "Waiting for disk space"


def free(server: RunningServer) -> int:
    status = os.statvfs(server.data)
    return status.f_bavail * status.f_frsize


def fill(server: RunningServer, leave: int) -> Path:
    """Imitates another program of the machine."""
    filling: Path = server.data.parent / "filling"
    with filling.open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), max(1, free(server) - leave))
    return filling


def fill_whole(server: RunningServer) -> Path:
    filling = fill(server, 64 << 10)
    for size in (64 << 10, 512):
        with filling.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(b"f" * size):
                pass
    return filling


def error_of(act: Callable[[], Any]) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        act()
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Bystanders:
    """A job that sleeps, and an endpoint that nobody asks."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.hosting = server, Hosting(server)
        self.hosting.model("idle")
        self.hosting.endpoint("idle", self.hosting.variant("v", "idle"))
        server.run_shell("sleeps", "echo started; sleep 1000")
        server.when_logged("sleeps", "started")
        self.agents = sorted(server.agents())

    def check(self) -> None:
        """Both are what they were, by the very same processes."""
        assert set(self.agents) <= set(self.server.agents())
        sagemaker = self.server.boto("sagemaker")
        assert sagemaker.describe_training_job(TrainingJobName="sleeps")["TrainingJobStatus"] == "InProgress"
        described = sagemaker.describe_endpoint(EndpointName="idle")
        assert (described["EndpointStatus"], described["ProductionVariants"][0]["CurrentInstanceCount"]) == (
            "InService",
            1,
        )
        runtime = self.server.boto("sagemaker-runtime")
        assert (
            runtime.invoke_endpoint(EndpointName="idle", Body=b"x", ContentType="text/plain")["Body"].read()
            == b"idle x"
        )


def status_of(server: RunningServer, job: str) -> str:
    return str(server.boto("sagemaker").describe_training_job(TrainingJobName=job)["TrainingJobStatus"])


def check_refused(refusal: tuple[str, int, str], server: RunningServer, *also: str) -> None:
    code, status, message = refusal
    assert (code, status) in {("InsufficientStorage", 507), ("LimitExceededException", 400)}
    for word in (str(server.data), "bytes free", *also):
        assert word in message


if os.geteuid() == 0:  # what only root can set up is no test for others, rather than a skipped one

    @pytest.fixture(scope="module")
    def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        mount = tmp_path_factory.mktemp("small") / "disk"
        mount.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(mount)], check=True)
        yield mount
        subprocess.run(["umount", "--lazy", str(mount)], check=True)

    @pytest.fixture(scope="module")
    def shared(disk: Path, server_class: type[RunningServer]) -> Iterator[tuple[RunningServer, Bystanders]]:
        """A server, its bystanders, and a bucket; a test leaves the disk as it was."""
        (disk / "data").mkdir()
        server = server_class(disk / "data", {"SAGEWRIGHT_CAPACITY_CPUS": "16", "SAGEWRIGHT_CAPACITY_MEMORY_GB": "64"})
        server.start()
        bystanders = Bystanders(server)
        server.boto("s3").create_bucket(Bucket="full")
        yield server, bystanders
        server.kill_everything()

    @pytest.fixture
    def small(shared: tuple[RunningServer, Bystanders]) -> Iterator[RunningServer]:
        server, bystanders = shared
        yield server
        (server.data.parent / "filling").unlink(missing_ok=True)
        delete_all(server)
        until(lambda: free(server) > SIZE // 2)
        bystanders.check()

    def delete_all(server: RunningServer) -> None:
        s3 = server.boto("s3")
        for one in s3.list_objects_v2(Bucket="full").get("Contents", []):
            s3.delete_object(Bucket="full", Key=one["Key"])

    def test_puts_are_refused_and_deleting_gives_the_room_back(small: RunningServer) -> None:
        s3 = small.boto("s3")
        for number in range(SIZE // (16 * MIB)):
            try:
                s3.put_object(Bucket="full", Key=str(number), Body=os.urandom(16 * MIB))
            except ClientError:
                break
        check_refused(
            error_of(lambda: s3.put_object(Bucket="full", Key="more", Body=bytes(16 * MIB))), small, "disk_reserve_mb"
        )
        assert free(small) > CLIENT_FLOOR * 0.9
        assert len(s3.list_objects_v2(Bucket="full")["Contents"]) == number
        assert s3.get_object(Bucket="full", Key="0")["ContentLength"] == 16 * MIB
        small.run_shell("works", "head -c 1000000 /dev/urandom > /opt/ml/model/x", ResourceConfig=host())
        assert small.wait("works")["TrainingJobStatus"] == "Completed", (
            "the rest is for running work and what it leaves"
        )
        delete_all(small)
        until(lambda: free(small) > SIZE // 2)
        s3.put_object(Bucket="full", Key="again", Body=bytes(16 * MIB))
        delete_all(small)

    def test_parts_of_an_upload_are_refused_and_aborting_gives_the_room_back(small: RunningServer) -> None:
        s3 = small.boto("s3")
        upload = s3.create_multipart_upload(Bucket="full", Key="large")["UploadId"]
        asked = {"Bucket": "full", "Key": "large", "UploadId": upload}
        for number in range(1, 2 + SIZE // (32 * MIB)):
            try:
                s3.upload_part(**asked, PartNumber=number, Body=bytes(32 * MIB))
            except ClientError:
                break
        check_refused(error_of(lambda: s3.upload_part(**asked, PartNumber=99, Body=bytes(32 * MIB))), small)
        assert len(s3.list_parts(**asked)["Parts"]) == number - 1
        assert free(small) > CLIENT_FLOOR * 0.9
        s3.abort_multipart_upload(**asked)

    def test_layers_of_images_are_refused_in_the_registrys_form_and_in_ecrs(small: RunningServer) -> None:
        ecr = small.boto("ecr")
        ecr.create_repository(repositoryName="pushed")
        fill(small, CLIENT_FLOOR + 24 * MIB)
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        assert base64.b64decode(token).startswith(b"AWS:")
        port = urlsplit(small.endpoint)
        connection = http.client.HTTPConnection(str(port.hostname), port.port or 80)
        described = {"Authorization": f"Basic {token}"}
        connection.request("POST", "/v2/pushed/blobs/uploads/", headers=described)
        answer = connection.getresponse()
        answer.read()
        place = answer.headers["Location"]
        connection.request("PATCH", place, body=bytes(64 * MIB), headers=described)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 507 and '"code":"DENIED"' in text and "bytes free" in text
        connection.close()
        upload = ecr.initiate_layer_upload(repositoryName="pushed")["uploadId"]
        part = {"repositoryName": "pushed", "uploadId": upload, "partFirstByte": 0}
        ecr.upload_layer_part(**part, partLastByte=MIB - 1, layerPartBlob=bytes(MIB))
        fill(small, CLIENT_FLOOR)
        again = {**part, "partFirstByte": MIB, "partLastByte": 2 * MIB - 1, "layerPartBlob": bytes(MIB)}
        refusal = error_of(lambda: ecr.upload_layer_part(**again))
        assert refusal[0] == "LimitExceededException"
        check_refused(refusal, small)
        assert free(small) >= CLIENT_FLOOR * 0.9, "nothing of the layer is kept"

    def host() -> dict[str, Any]:
        return {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}

    @pytest.mark.parametrize("what", ["files", "log"])
    def test_a_job_that_writes_is_ended_and_told_why(small: RunningServer, what: str) -> None:
        fill(small, HOST_FLOOR + 30 * MIB)
        loops = {
            "files": "head -c 4000000 /dev/urandom > /opt/ml/output/data/$i",
            "log": "head -c 1500000 /dev/urandom | base64 -w 1000",
        }
        name = f"writes-{what}"
        small.run_shell(name, f"for i in $(seq 1000); do {loops[what]}; sleep 0.1; done")
        ended = small.wait(name)
        assert ended["TrainingJobStatus"] == "Failed"
        for word in (f"Insufficient disk space: the disk of {small.data}", "bytes free", "disk_stop_mb", "has written"):
            assert word in ended["FailureReason"]
        if what == "log":  # its rows go with it
            small.boto("logs").delete_log_group(logGroupName="/aws/sagemaker/TrainingJobs")

    def test_a_job_that_writes_fast_is_ended_rather_than_a_slow_one(small: RunningServer) -> None:
        small.run_shell("slow", "while true; do echo x >> /opt/ml/output/data/x; sleep 0.5; done")
        small.run_shell("fast", "for i in $(seq 1000); do head -c 9000000 /dev/zero > /tmp/$i; sleep 0.1; done")
        assert "Insufficient disk space" in small.wait("fast")["FailureReason"]
        assert status_of(small, "slow") == "InProgress"
        small.boto("sagemaker").stop_training_job(TrainingJobName="slow")
        small.wait("slow")

    def test_another_program_ends_nobody_and_launches_wait_with_one_event(small: RunningServer) -> None:
        sagemaker = small.boto("sagemaker")
        filling = fill(small, HOST_FLOOR // 2)
        small.run_shell("waits", "true")
        until(lambda: WAITS in message_of(sagemaker, "waits"))
        time.sleep(4)
        store = Database(f"sqlite:///{small.data / 'store.sqlite'}")
        with store.read() as connection:
            said = connection.exec_driver_sql("SELECT message FROM events WHERE message LIKE ?", (f"%{WAITS}%",)).all()
        store.close()
        assert len(said) == 1
        filling.unlink()
        assert small.wait("waits")["TrainingJobStatus"] == "Completed"

    def message_of(sagemaker: Any, job: str) -> str:
        found = sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatusTransitions"]
        return str(found[-1]["StatusMessage"]) if found else ""

    def test_on_a_disk_without_any_room_one_reads_and_deletes(small: RunningServer) -> None:
        s3 = small.boto("s3")
        for number in range(4):
            s3.put_object(Bucket="full", Key=f"kept-{number}", Body=bytes(8 * MIB))
        until((small.data / "ballast").exists)
        fill_whole(small)
        assert free(small) == 0
        time.sleep(0.5)  # between two looks at the disk a little is taken in
        check_refused(error_of(lambda: s3.put_object(Bucket="full", Key="small", Body=b"x")), small)
        for number in range(4):
            assert s3.get_object(Bucket="full", Key=f"kept-{number}")["ContentLength"] == 8 * MIB
            s3.delete_object(Bucket="full", Key=f"kept-{number}")
        until(lambda: free(small) >= 30 * MIB)
        assert "Contents" not in s3.list_objects_v2(Bucket="full")

    def test_a_server_starts_on_a_full_disk(small: RunningServer) -> None:
        """After a clean end, which leaves SQLite none of its own files, and after a kill."""
        s3 = small.boto("s3")
        s3.put_object(Bucket="full", Key="kept", Body=bytes(8 * MIB))
        for number in (signal.SIGTERM, signal.SIGKILL):
            until((small.data / "ballast").exists)
            small.end(number)
            filling = fill_whole(small)
            began = time.monotonic()
            small.start()
            assert time.monotonic() - began < 30
            s3 = small.boto("s3")
            assert s3.get_object(Bucket="full", Key="kept")["ContentLength"] == 8 * MIB
            refusal = error_of(lambda: small.boto("sagemaker").delete_model(ModelName="none"))
            assert refusal[0] == "ValidationException", "it is asked, and there is none"
            code, status, message = error_of(lambda: small.boto("sns").create_topic(Name="new"))
            assert (code, status) == ("InsufficientStorage", 507) and "only requests that read or delete" in message
            filling.unlink()
            until((small.data / "ballast").exists)
            small.boto("sns").create_topic(Name="new")
        s3.delete_object(Bucket="full", Key="kept")
