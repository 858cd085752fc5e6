"""Jobs that try to have the agent read, write, wait for or choke on what isn't theirs, on a real server.

Every job learns where secrets are in the server's data directory. Whatever it tries, the secrets are nowhere that it can
look afterwards, it ends as it should within a bounded time, and nothing of it is left.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

MARKER = "a-secret-of-the-server-7f3a"
NONE = {"OutputDataConfig": {"S3OutputPath": "s3://outputs/out", "CompressionType": "NONE"}}
CHECKPOINTS = {"CheckpointConfig": {"S3Uri": "s3://outputs/ck"}}
LONGEST_S = 120


@dataclass(frozen=True)
class Attempt:
    """A line of bash in which DATA is the server's data directory, `$P` runs `script`; how the job has to end; what
    FailureReason says."""

    shell: str
    ends: str = "Completed"
    reason: str = ""
    request: dict[str, Any] = field(default_factory=dict)
    script: str = ""


def run(server: RunningServer, job: str, attempt: Attempt) -> None:
    """Arguments are one short line, so the script comes as a hyperparameter."""
    program = (
        "import json, os, socket; "
        "exec(json.loads(json.load(open('/opt/ml/input/config/hyperparameters.json'))['script']))"
    )
    request = json.loads(json.dumps(attempt.request)) | {"Environment": {"PROGRAM": program}}
    data = str(server.data)
    if attempt.script:
        request["HyperParameters"] = {"script": json.dumps(attempt.script.replace("DATA", data))}
    server.run_shell(job, attempt.shell.replace("DATA", data).replace("$P", 'python3 -c "$PROGRAM"'), **request)


DEEP = """
os.chdir('PLACE')
for _ in range(DEPTH):
    os.mkdir(NAME); os.chdir(NAME)
open('bottom', 'w').close()
"""


def deep(place: str, depth: int, name: str = "'d'") -> str:
    return DEEP.replace("PLACE", place).replace("DEPTH", str(depth)).replace("NAME", name)


SWAPS = """
import time
os.chdir('/opt/ml/checkpoints')
os.makedirs('real'); open('real/secret.txt', 'w').write('mine'); os.symlink('DATA', 'way')
open('file', 'w').write('mine'); os.symlink('DATA/secret.txt', 'link')
until, number = time.monotonic() + 7, 0
while time.monotonic() < until:
    for one, other in (('real', 'way'), ('file', 'link')):
        os.rename(one, 'aside'); os.rename(other, one); os.rename('aside', other)
    number += 1
    if number % 50 == 0:
        open('changing', 'w').write(str(number))
"""

MANY = "for n in range(30_000): os.close(os.open(f'/opt/ml/model/{n}', os.O_CREAT))"
NOT_A_DIRECTORY = r"ClientError: Artifact upload failed:/opt/ml/\S+ is no longer a directory"
TOO_MUCH = r"ClientError: Artifact upload failed:Insufficient disk space: /opt/ml/\S+ has \d+\.\d GiB, and VolumeSizeInGB is 1\."

ATTEMPTS = {
    # FailureReason
    "failure is an absolute link": Attempt("ln -s DATA/secret.txt /opt/ml/output/failure; exit 1", "Failed"),
    "failure is a relative link": Attempt(
        "cd /opt/ml/output; ln -s ../../../../../../secret.txt failure; exit 1", "Failed", "AlgorithmError: , exit code: 1"
    ),
    "failure is the admin's key": Attempt("ln -s DATA/credentials /opt/ml/output/failure; exit 1", "Failed"),
    "failure is a magic link": Attempt("ln -s /proc/self/root/DATA/secret.txt /opt/ml/output/failure; exit 1", "Failed"),
    "failure is a pipe": Attempt("mkfifo /opt/ml/output/failure; exit 1", "Failed"),
    "failure is a socket": Attempt(
        "$P; exit 1", "Failed", script="socket.socket(socket.AF_UNIX).bind('/opt/ml/output/failure')"
    ),
    "failure is a directory": Attempt("mkdir /opt/ml/output/failure; exit 1", "Failed"),
    "failure is endless": Attempt(
        "echo it broke > /opt/ml/output/failure; truncate -s 3T /opt/ml/output/failure; exit 1",
        "Failed",
        "AlgorithmError: it broke",
    ),
    "failure is not text": Attempt(r"printf 'it \xff\x00 broke' > /opt/ml/output/failure; exit 1", "Failed", "broke"),
    "output is a link": Attempt("rm -r /opt/ml/output; ln -s DATA /opt/ml/output; exit 1", "Failed"),
    # archives
    "links in the model": Attempt("cd /opt/ml/model; ln -s DATA/secret.txt a; ln -s DATA b; ln -s /proc/1/root c"),
    "links in output/data": Attempt("cd /opt/ml/output/data; ln -s DATA/secret.txt a; ln -s DATA b; ln -s /proc/self/fd c"),
    "the model is a link": Attempt("rmdir /opt/ml/model; ln -s DATA /opt/ml/model", "Failed", NOT_A_DIRECTORY),
    "the model is a link to others": Attempt("rmdir /opt/ml/model; ln -s DATA/jobs /opt/ml/model", "Failed", NOT_A_DIRECTORY),
    "the model is a pipe": Attempt("rmdir /opt/ml/model; mkfifo /opt/ml/model", "Failed", NOT_A_DIRECTORY),
    "the model is a file": Attempt("rmdir /opt/ml/model; echo x > /opt/ml/model", "Failed", NOT_A_DIRECTORY),
    "the model is gone": Attempt("rmdir /opt/ml/model"),
    "output/data is a link": Attempt(
        "rmdir /opt/ml/output/data; ln -s DATA /opt/ml/output/data", "Failed", NOT_A_DIRECTORY
    ),
    "code is a link": Attempt("rm -r /opt/ml/code; ln -s DATA /opt/ml/code"),
    "config is a link": Attempt("rm -r /opt/ml/input; ln -s DATA /opt/ml/input"),
    "pipes and sockets in the model": Attempt(
        "mkfifo /opt/ml/model/pipe; $P", script="socket.socket(socket.AF_UNIX).bind('/opt/ml/model/socket')"
    ),
    "a closed model": Attempt("cd /opt/ml/model; mkdir d; echo x > d/f; chmod 0 d/f d ."),
    "a set-uid program": Attempt("cp /bin/true /opt/ml/model/p; chmod 6755 /opt/ml/model/p"),
    "extended attributes": Attempt(
        "$P; true", script="open('/opt/ml/model/f', 'w'); os.setxattr('/opt/ml/model/f', 'user.note', b'x' * 900)"
    ),
    "hard links of all that is seen": Attempt(
        "cd /opt/ml/model; for f in /etc/passwd /etc/hosts /opt/sagewright/sitecustomize.py /proc/1/environ "
        "/opt/ml/input/config/*.json; do ln $f h$((n++)); done; true"
    ),
    # as they are
    "links, not compressed": Attempt("cd /opt/ml/model; ln -s DATA/secret.txt a; ln -s DATA b; echo x > f", request=NONE),
    "magic links, not compressed": Attempt(
        "cd /opt/ml/model; ln -s /proc/self/root r; ln -s /proc/1/cwd c; for n in 0 3 5 7 9; do ln -s /proc/1/fd/$n f$n; done",
        request=NONE,
    ),
    "the model is a link, not compressed": Attempt(
        "rmdir /opt/ml/model; ln -s DATA /opt/ml/model", "Failed", NOT_A_DIRECTORY, NONE
    ),
    "names that are not UTF-8, not compressed": Attempt(
        "$P",
        request=NONE,
        script=r"open(b'/opt/ml/model/caf\xe9', 'w'); os.mkdir(b'/opt/ml/model/\xff'); open(b'/opt/ml/model/\xff/f', 'w')",
    ),
    # sizes and shapes
    "a sparse model": Attempt("truncate -s 3T /opt/ml/model/weights", "Failed", TOO_MUCH),
    "a sparse plot": Attempt("truncate -s 3T /opt/ml/output/data/plot", "Failed", TOO_MUCH),
    "a sparse model, not compressed": Attempt("truncate -s 3T /opt/ml/model/weights", "Failed", TOO_MUCH, NONE),
    "a sparse checkpoint": Attempt("truncate -s 3T /opt/ml/checkpoints/w; sleep 3", "Failed", TOO_MUCH, CHECKPOINTS),
    "many sparse files": Attempt("cd /opt/ml/model; for n in {1..200}; do truncate -s 9G $n; done", "Failed", TOO_MUCH),
    "3,000 levels": Attempt("$P", script=deep("/opt/ml/model", 3000)),
    "3,000 levels, not compressed": Attempt("$P", request=NONE, script=deep("/opt/ml/model", 3000)),
    "3,000 levels of checkpoints": Attempt("$P; sleep 3", request=CHECKPOINTS, script=deep("/opt/ml/checkpoints", 3000)),
    "3,000 levels in /tmp": Attempt("$P", script=deep("/tmp", 3000)),
    "a path of 100,000 bytes": Attempt("$P", script=deep("/opt/ml/model", 400, "'n' * 250")),
    "names that are not UTF-8": Attempt("$P", script=r"open(b'/opt/ml/model/caf\xe9', 'w'); os.mkdir(b'/opt/ml/output/data/\xff')"),
    "30,000 files": Attempt("$P", script=MANY),
    "deleted and open": Attempt(
        "$P; sleep 60",
        "Failed",
        "ClientError: Insufficient disk space: .* VolumeSizeInGB is 1",
        script="f = open('/opt/ml/model/f', 'wb'); os.unlink(f.name)\n"
        "for _ in range(1200): f.write(b'x' * (1 << 20))\nf.flush(); import time; time.sleep(60)",
    ),
    # checkpoints
    "links among checkpoints": Attempt(
        "cd /opt/ml/checkpoints; ln -s DATA/secret.txt a; ln -s DATA b; echo x > f; sleep 3", request=CHECKPOINTS
    ),
    "pipes among checkpoints": Attempt("mkfifo /opt/ml/checkpoints/p; sleep 3", request=CHECKPOINTS),
    "checkpoints are a link": Attempt(
        "rmdir /opt/ml/checkpoints; ln -s DATA /opt/ml/checkpoints; sleep 3",
        "Failed",
        "ClientError: Artifact upload failed:/opt/ml/checkpoints is no longer a directory",
        CHECKPOINTS,
    ),
    "closed checkpoints": Attempt("cd /opt/ml/checkpoints; echo x > f; chmod 0 f .; sleep 3", request=CHECKPOINTS),
    "checkpoints that change into links": Attempt("$P", request=CHECKPOINTS, script=SWAPS),
}  # fmt: skip


@pytest.fixture(scope="module")
def walled(server_with: Callable[..., RunningServer]) -> RunningServer:
    server = server_with(SAGEWRIGHT_STOP_GRACE_S="3")
    (server.data / "secret.txt").write_text(MARKER)
    (server.data / "others").mkdir()
    (server.data / "others" / "secret.txt").write_text(MARKER)
    return server


def contents(server: RunningServer) -> dict[str, bytes]:
    """Everything in the bucket, and what archives hold, by name."""
    s3 = server.boto("s3")
    found: dict[str, bytes] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="outputs"):
        for item in page.get("Contents", []):
            body = s3.get_object(Bucket="outputs", Key=item["Key"])["Body"].read()
            found[item["Key"]] = body
            if item["Key"].endswith(".tar.gz"):
                with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                    for member in tar:
                        assert not member.mode & 0o7000
                        assert member.isreg() or member.isdir() or member.issym() or member.islnk()
                        if member.isreg():
                            found[f"{item['Key']}:{member.name}"] = tar.extractfile(member).read()  # type: ignore[union-attr]
    return found


def empty(server: RunningServer) -> None:
    s3 = server.boto("s3")
    for key in {name for name in contents(server) if ".tar.gz:" not in name}:
        s3.delete_object(Bucket="outputs", Key=key)


def names_below(directory: Path) -> set[str]:
    """Files that remain while the server removes those of earlier jobs."""
    names, open_ones = set[str](), [str(directory)]
    while open_ones:
        with suppress(OSError), os.scandir(open_ones.pop()) as entries:
            for entry in entries:
                names.add(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    open_ones.append(entry.path)
    return names


def nothing_left(server: RunningServer) -> None:
    until = time.monotonic() + 20
    while left := server.left_of_jobs():
        assert time.monotonic() < until, left
        time.sleep(0.05)


def secrets(server: RunningServer) -> list[bytes]:
    return [MARKER.encode(), server.key()[1].encode(), b"SQLite format 3"]


@pytest.mark.sampled(10)
@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_attempt_ends_as_it_should_and_finds_nothing(walled: RunningServer, job_name: str, name: str) -> None:
    attempt = ATTEMPTS[name]
    run(walled, job_name, attempt)
    job = walled.wait(job_name, timeout_s=LONGEST_S)

    described = [*walled.lines(job_name), job.get("FailureReason", "")]
    assert job["TrainingJobStatus"] == attempt.ends, described
    assert re.search(attempt.reason, job.get("FailureReason", "")), job["FailureReason"]
    assert str(walled.data) not in job.get("FailureReason", "")
    found = contents(walled)
    for secret in secrets(walled):
        assert not any(secret in text.encode(errors="replace") for text in described)
        assert [place for place, content in found.items() if secret in content] == []
    empty(walled)
    nothing_left(walled)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "key",
    ["ck//tmp/sagewright-planted", "ck/../../planted", "ck/a/../../../planted", "ck/" + "n" * 300, "ck/./a", "ck/a//b"],
)
def test_keys_of_checkpoints_lead_nowhere(walled: RunningServer, job_name: str, key: str) -> None:
    s3 = walled.boto("s3")
    if "outputs" not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket="outputs")
    s3.put_object(Bucket="outputs", Key=key, Body=b"planted")
    walled.run_shell(job_name, "true", **CHECKPOINTS)
    job = walled.wait(job_name, timeout_s=LONGEST_S)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        f"ClientError: Data download failed:the key {key!r} of bucket outputs cannot be"
    )
    assert not Path("/tmp/sagewright-planted").exists()
    assert "planted" not in names_below(walled.data)
    empty(walled)
    nothing_left(walled)


STOPPED = {
    "3,000 levels": Attempt("$P; echo at-work; sleep 100", script=deep("/opt/ml/model", 3000)),
    "a sparse file that fits": Attempt("truncate -s 900M /opt/ml/model/weights; echo at-work; sleep 100"),
    "30,000 files": Attempt("$P; echo at-work; sleep 100", script=MANY),
    "pipes": Attempt("mkfifo /opt/ml/output/failure /opt/ml/model/pipe; echo at-work; cat /opt/ml/model/pipe"),
    "a link and no end": Attempt(
        "trap '' TERM; rmdir /opt/ml/model; ln -s / /opt/ml/model; echo at-work; while :; do sleep 0.1; done", "Failed"
    ),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", STOPPED)
def test_a_stop_wins(walled: RunningServer, job_name: str, name: str) -> None:
    attempt = STOPPED[name]
    run(walled, job_name, attempt)
    walled.when_logged(job_name, "at-work")
    began = time.monotonic()
    walled.boto("sagemaker").stop_training_job(TrainingJobName=job_name)
    job = walled.wait(job_name, timeout_s=LONGEST_S)
    assert job["TrainingJobStatus"] == (attempt.ends if attempt.ends == "Failed" else "Stopped")
    assert time.monotonic() - began < 40
    empty(walled)
    nothing_left(walled)


def test_channels_cannot_be_reached_by_hard_links(walled: RunningServer, job_name: str) -> None:
    """A link inside of a channel is a copy: the object in the store stays as it is."""
    s3 = walled.boto("s3")
    s3.put_object(Bucket="outputs", Key="in/object", Body=b"as it was" * 20_000)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://outputs/in", "S3DataDistributionType": "FullyReplicated"}
    shell = (
        "cd /opt/ml/input/data/train; ln object ../../../model/o; ln object again; echo changed > again; chmod 4777 again; "
        "cat object | head -c 7"
    )
    walled.run_shell(
        job_name, shell, InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    )
    job = walled.wait(job_name, timeout_s=LONGEST_S)
    assert job["TrainingJobStatus"] == "Completed", job
    assert s3.get_object(Bucket="outputs", Key="in/object")["Body"].read() == b"as it was" * 20_000
    empty(walled)
