"""Spark's processors of both SDKs, as a user's programs use them, through `sagewright exec`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import resolve_image

if TYPE_CHECKING:
    from conftest import RunningServer

ROWS = int(os.environ.get("SAGEWRIGHT_TEST_SPARK_ROWS", "200000"))
IMAGE = "173754725891.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3.3-cpu"
ROOT = Path(__file__).parents[3]
V2, V3 = (str(ROOT / ".cache" / "clients" / name / "bin" / "python") for name in ("sdk-v2", "sdk-v3"))
PROGRAMS = Path(__file__).parents[1] / "programs"
QUIET = ("-W", "ignore")
pytestmark = pytest.mark.timeout(1800)


def run(server: RunningServer, *command: str, cwd: Path) -> str:
    # On a new machine the first job builds Spark's environment, with its Java.
    done: subprocess.CompletedProcess[str] = server.door(*command, cwd=cwd, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def bucket(server: RunningServer) -> str:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="spark-data")
    for part in range(2):
        rows = "".join(f"{key},{key * part + 1}\n" for key in range(5))
        s3.put_object(Bucket="spark-data", Key=f"in/part {part}+.csv", Body=f"key,value\n{rows}")
    return "spark-data"


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("jar")
    spark = Environments(ROOT / ".cache" / "environments").ensure(resolve_image(IMAGE)).path
    jars = next(spark.glob("lib/python3*/site-packages/pyspark/jars"))
    compiler = [
        "scala.tools.nsc.Main",
        "-usejavacp",
        "-d",
        str(place / "count.jar"),
        str(PROGRAMS / "spark" / "Count.scala"),
    ]
    subprocess.run([str(spark / "lib" / "sagewright-java" / "bin" / "java"), "-cp", f"{jars}/*", *compiler], check=True)
    return place / "count.jar"


def history_of(server: RunningServer, name: str) -> str:
    """The applications that the history pages list."""
    command = [str(ROOT / ".venv" / "bin" / "sagewright"), "processing", "history", name, "--data", str(server.data)]
    environ = {**os.environ, "SAGEWRIGHT_ENVIRONMENTS": str(ROOT / ".cache" / "environments")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ) as process:
        assert process.stdout is not None
        said = ""
        try:
            while not (found := re.search(r"http://127\.0\.0\.1:\d+/", said)):
                line = process.stdout.readline()
                assert line, said
                said += line
            deadline = time.monotonic() + 60
            listed = ""
            # Before all of it is there it answers with a page, and before it has read the logs with an empty list.
            while not listed.lstrip("[ \n").startswith("{"):
                assert time.monotonic() < deadline, f"the history server lists nothing: {listed}"
                time.sleep(0.3)
                listed = urlopen(f"{found[0]}api/v1/applications", timeout=60).read().decode()
            return listed
        finally:
            process.send_signal(signal.SIGINT)


def keys(server: RunningServer, prefix: str) -> list[str]:
    found = server.boto("s3").list_objects_v2(Bucket="spark-data", Prefix=prefix)
    return [one["Key"] for one in found.get("Contents", [])]


@pytest.mark.sampled(1, of="Spark by the SDKs")
def test_everything_of_sdk_v2(server: RunningServer, bucket: str, jar: Path, tmp_path: Path) -> None:
    out = run(server, V2, *QUIET, str(PROGRAMS / "spark_v2.py"), str(tmp_path), str(jar), cwd=tmp_path)
    for line in (
        "argument: a b",
        "files: one two two",
        "partitions: 3 deep blue",
        "hadoop: a < b & c",
        "variable: green",
        "jar: from a jar",
        "master: local[2]",
        "whole: Completed",
        "counted: 10",
        "jar: Completed",
        "stopped: Stopped",
    ):
        assert line in out, f"{line} is not in:\n{out}\n{server.log()}"
    (failed,) = [line for line in out.splitlines() if line.startswith("failed: ")]
    assert (
        "failed: AlgorithmError: See job logs for more information | Algorithm Error: (caused by CalledProcessError)"
        in failed
    )
    assert "returned non-zero exit status 1" in failed
    body = server.boto("s3").get_object(Bucket=bucket, Key="local/totals.csv")["Body"].read().decode()
    assert body == "key,total\n0,6\n1,9\n2,12\n3,15\n4,18\n"
    (log,) = keys(server, "events/")
    text = server.boto("s3").get_object(Bucket=bucket, Key=log)["Body"].read()
    assert len(text) > 1000
    assert not log.endswith(".inprogress")
    assert "everything" in history_of(server, "s3://spark-data/events")


@pytest.mark.sampled(1, of="Spark by the SDKs")
def test_two_hosts_of_sdk_v3_equal_pandas(server: RunningServer, bucket: str, tmp_path: Path) -> None:
    out = run(server, V3, *QUIET, str(PROGRAMS / "spark_v3.py"), bucket, str(ROWS), cwd=tmp_path)
    assert "hosts: ['algo-1', 'algo-2']" in out
    assert "two: Completed" in out
    assert "equal: True 97" in out
    assert "dying: Failed" in out
    assert "algo-2" in out.rpartition("dying: Failed")[2] or "Spark worker ended" in out.rpartition("dying: Failed")[2]
    assert len(keys(server, "events-v3/")) == 1
