"""A job's input: pipes, FastFile, the start with much data, and the reading of RecordIO."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peers
from rows import Row, against, median, spread
from server import CACHE, REGION, ROOT, Sagewright, client, job_request, running, scratch

from sagewright.objects.blobs.blobs import Blob
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.placing import Properties
from sagewright.store.database import Database

SECTION = "g"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ACCOUNT = "000000000000"
BUCKET = "bench"
MB = 1_000_000
OBJECTS = 10_000  # of one MB
LARGE_GB = 4
SPARSE_GB = 100
JOBS = 5
EPOCHS = 3
ROUNDS = 3
RUN = "import json;exec(json.loads(json.load(open('/opt/ml/input/config/hyperparameters.json'))['script']))"
FIRST = "import time; print(time.time_ns(), flush=True)"
FASTFILE = """
import os, time
folder = '/opt/ml/input/data/many/'
for name in sorted(os.listdir(folder))[:200]:
    begin = time.perf_counter()
    with open(folder + name, 'rb', buffering=0) as file:
        file.read(1)
    print('ms', 1000 * (time.perf_counter() - begin))
"""
LIMITS = {
    "pipe": "the reader's copy out of the pipe: both ends of one pipe are copied by a core each",
    "first": "open() and a page of the page cache, as any local file",
    "many": "one hard link an object, and its name in the job's directory",
    "sparse": "nothing that grows with the data; the large object is a sparse file, read by nobody",
    "recordio": "the copy of the values out of the frames",
}


def measure() -> list[Row]:
    with scratch() as directory:
        data = directory / "data"
        _fill(data)
        with running(Sagewright(data)) as server:
            assert isinstance(server, Sagewright)
            bench = _Bench(server)
            rows = [*_pipes(bench, data, directory), *_fastfile(bench), *_starts(bench, directory)]
        with running(Sagewright(data, environ={"SAGEWRIGHT_LINK_CHANNELS": "false"})) as server:
            assert isinstance(server, Sagewright)
            through = median(_Bench(server).pipe_gbs())
            rows.insert(3, Row(SECTION, "Pipe through S3", through, "GB/s", rows[1].peer, rows[1].theirs,
                               "GET over loopback", higher_is_better=True))  # fmt: skip
        return [*rows, *_recordio(directory)]


def _fill(data: Path) -> None:
    """The store's content, by the store's own code, without a server."""
    data.mkdir(parents=True)
    store = Database(f"sqlite:///{data / 'store.sqlite'}")
    objects = BucketStore(store, data / "objects", "off", ACCOUNT, REGION)
    objects.buckets.create(BUCKET)
    for number in range(OBJECTS):
        objects.write_bytes(BUCKET, f"many/{number:05}", os.urandom(16) * (MB // 16))
    objects.write_bytes(BUCKET, "small/object", os.urandom(MB))
    _place(objects, "large/object", LARGE_GB * 10**9, os.urandom(1 << 20))
    _place(objects, "sparse/object", SPARSE_GB * 10**9, b"")
    store.close()
    os.sync()  # or the disk is at work while the first rows are measured


def _place(objects: BucketStore, key: str, size: int, content: bytes) -> None:
    """An object of `content` again and again, or of nothing but a hole."""
    blob = Blob(uuid.uuid4().hex, size, "0" * 32)
    path = objects.blobs.path(blob.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for _ in range(size // len(content) if content else 0):
            file.write(content)
        file.truncate(size)
    objects.contents.put(BUCKET, key, blob, Properties({"ContentType": "binary/octet-stream"}))


class _Bench:
    """Jobs on one server."""

    def __init__(self, server: Sagewright) -> None:
        self.server = server
        self._sagemaker, self._logs, self.s3 = (
            client(server.endpoint, server.key(), service) for service in ("sagemaker", "logs", "s3")
        )

    def job(self, script: str, name: str, mode: str = "File", **request: Any) -> tuple[int, list[str]]:
        """When it was created (ns since the epoch), and its log. `name` is both the channel's and its prefix."""
        entry = {"ContainerEntrypoint": ["python", "-c", RUN], "TrainingInputMode": mode}
        made = {**job_request(f"channels-{uuid.uuid4().hex}", IMAGE, **entry), **request}
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/"}
        made["InputDataConfig"] = [{"ChannelName": name, "DataSource": {"S3DataSource": source}}]
        made["ResourceConfig"] = {**made["ResourceConfig"], "VolumeSizeInGB": 2 * SPARSE_GB}
        made["HyperParameters"] = {"script": json.dumps(script)}
        begin = time.time_ns()
        self._sagemaker.create_training_job(**made)
        while (found := self._describe(made))["TrainingJobStatus"] == "InProgress":
            time.sleep(0.2)  # seldom: asking must not cost the job its CPU
        if found["TrainingJobStatus"] != "Completed":
            raise RuntimeError(f"{made['TrainingJobName']}: {found.get('FailureReason')}")
        return begin, self._lines(made["TrainingJobName"])

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._sagemaker.describe_training_job(TrainingJobName=request["TrainingJobName"])
        return found

    def _lines(self, name: str) -> list[str]:
        group = "/aws/sagemaker/TrainingJobs"
        stream = self._logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"][0]
        events = self._logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )
        return [event["message"] for event in events["events"]]

    def start_ms(self, name: str) -> float:
        """Create → first line of user code."""
        begin, lines = self.job(FIRST, name)
        return (next(int(line) for line in lines if line.isdigit()) - begin) / 1e6

    def pipe_gbs(self) -> list[float]:
        script = (peers.PROGRAMS / "pipe_reader.py").read_text().replace("main(sys.argv[1], int(sys.argv[2]))", "")
        script = script.partition("if __name__")[0] + f"main('/opt/ml/input/data/large_{{}}', {EPOCHS})"
        return _numbers(self.job(script, "large", "Pipe")[1], "GB/s")


def _numbers(lines: list[str], word: str) -> list[float]:
    return [float(line.split()[1]) for line in lines if line.startswith(word)]


def _pipes(bench: _Bench, data: Path, directory: Path) -> list[Row]:
    """Ours, the naive writer and the floor in turn: a pipe is fed by one core and emptied by another."""
    (large,) = (path for path in (data / "objects" / "blobs").rglob("*") if path.stat().st_size == LARGE_GB * 10**9)
    ours, naive, floor, boto = [], [], [], []
    for turn in range(ROUNDS):
        ours += bench.pipe_gbs()
        naive += _bare_pipe(large, directory / f"naive-{turn}_{{}}", _naive)
        floor += _bare_pipe(large, directory / f"floor-{turn}_{{}}", _splice)
        boto.append(LARGE_GB / _timed(lambda: _stream(bench)))
    row = Row(SECTION, f"Pipe, an object of {LARGE_GB} GB, beside the store", median(ours), "GB/s",
              "a loop that writes 1 MiB at a time to the FIFO", median(naive), LIMITS["pipe"],
              f"min {min(ours):.1f}, max {max(ours):.1f} GB/s, n={len(ours)} epochs", higher_is_better=True)  # fmt: skip
    return [
        row,
        against(row, "boto3 streaming the same object", median(boto)),
        against(row, "a bare splice loop, no job: the floor", median(floor)),
    ]


def _stream(bench: _Bench) -> None:
    body = bench.s3.get_object(Bucket=BUCKET, Key="large/object")["Body"]
    while body.read(1 << 20):
        pass


def _naive(file: int, pipe: int, _size: int) -> None:
    while chunk := os.read(file, 1 << 20):
        view = memoryview(chunk)
        while view:
            view = view[os.write(pipe, view) :]


def _splice(file: int, pipe: int, size: int) -> None:
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
    done = 0
    while done < size:
        done += os.splice(file, pipe, 1 << 18, offset_src=done)


def _bare_pipe(source: Path, pattern: Path, send: Callable[[int, int, int], None]) -> list[float]:
    """The same reader, fed by `send` (file, pipe, size) without a server, a job or a sandbox."""
    size = source.stat().st_size
    paths = [str(pattern).format(epoch) for epoch in range(3)]
    for path in paths:
        os.mkfifo(path)
    command = [sys.executable, str(peers.PROGRAMS / "pipe_reader.py"), str(pattern), str(len(paths))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        for path in paths:
            file, pipe = os.open(source, os.O_RDONLY), os.open(path, os.O_WRONLY)
            send(file, pipe, size)
            os.close(pipe)
            os.close(file)
        assert reader.stdout is not None
        return _numbers(reader.stdout.read().splitlines(), "GB/s")


def _fastfile(bench: _Bench) -> list[Row]:
    _begin, lines = bench.job(FASTFILE, "many", "FastFile")
    ours = _numbers(lines, "ms")
    theirs = [_timed(lambda i=i: bench.s3.get_object(Bucket=BUCKET, Key=f"many/{i:05}", Range="bytes=0-0")["Body"].read())
              for i in range(50)]  # fmt: skip
    return [Row(SECTION, "FastFile, open → first byte", median(ours), "ms", "boto3 GET of one byte", 1000 * median(theirs),
                LIMITS["first"], spread(ours, "ms"))]  # fmt: skip


def _timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def _starts(bench: _Bench, directory: Path) -> list[Row]:
    bench.start_ms("small")  # the environment, the fork server
    small, sparse, many = [], [], []
    for _ in range(JOBS):
        small.append(bench.start_ms("small"))
        sparse.append(bench.start_ms("sparse"))
        many.append(bench.start_ms("many"))
    sync = 1000 * _timed(lambda: _aws_sync(bench, directory / "synced"))
    gb = OBJECTS * MB // 10**9
    return [
        Row(SECTION, f"File mode, {OBJECTS:,} objects of {gb} GB: Create → first line", median(many), "ms",
            "aws s3 sync of the same objects from the same server", sync, LIMITS["many"], spread(many, "ms")),
        Row(SECTION, f"File mode, {SPARSE_GB} GB: Create → first line", median(sparse), "ms", "ours with 1 MB",
            median(small), LIMITS["sparse"], spread(sparse, "ms")),
    ]  # fmt: skip


def _aws_sync(bench: _Bench, target: Path) -> None:
    aws = CACHE / "clients" / "aws-cli" / "bin" / "aws"
    key, secret = bench.server.key()
    environ = {
        **os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": bench.server.endpoint,
    }  # fmt: skip
    command = [str(aws), "s3", "sync", "--quiet", f"s3://{BUCKET}/many/", str(target)]
    subprocess.run(command, env=environ, check=True)


def _recordio(directory: Path) -> list[Row]:
    python = next((CACHE / "environments").glob("sklearn-*/bin/python"))
    file = directory / "records.pbr"
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    ours = _program([str(python), str(peers.PROGRAMS / "recordio_decode.py"), str(file)], environ)
    sdk = CACHE / "clients" / "sdk-v2" / "bin" / "python"
    theirs = _program([str(sdk), "-W", "ignore", str(peers.PROGRAMS / "recordio_sdk.py"), str(file)], dict(os.environ))
    return [
        Row(SECTION, "RecordIO-protobuf to a table, 200,000 records of 100 floats", ours["table"], "MB/s",
            "a Python loop: the SageMaker SDK's read_records", theirs["table"], LIMITS["recordio"], higher_is_better=True),
        Row(SECTION, "RecordIO frames to one view", ours["frames"], "MB/s", "a Python loop that takes frame by frame",
            ours["loop"], "the check of each frame's header", higher_is_better=True),
    ]  # fmt: skip


def _program(command: list[str], environ: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result
