"""This checkout beside the last release, in turn: `python bench/guard.py [--release TAG] [--rows NAME …]`.

The release is built in `.cache/bench-guard`. Each row is a ratio, the release's figure by this checkout's: under 0.85, a row has
lost more than 15 % and is measured once more; what loses twice is lost, and the exit status is 1. Processor time is that of the
server with all of its processes, so other work on the machine disturbs it little.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from botocore.exceptions import ClientError
from compare import IMAGE, ROLE, ROOT, Server

LEAST = 0.85
PLACE = ROOT / ".cache" / "bench-guard"
CODE = b"""
def model_fn(directory): return "m"
def input_fn(body, content_type): return body
def predict_fn(data, model): return model
def output_fn(prediction, accept): return prediction
"""


class Guarded(Server):
    """A checkout's server, with the figures of its rows. Smaller figures are better."""

    def __init__(self, checkout: Path, data: Path) -> None:
        self.checkout, self.data = checkout, data
        super().__init__(checkout, data)
        self.s3 = self._client("s3")
        self._runtime = self._client("sagemaker-runtime")
        self.run("shell")
        self._served = False

    def cpu_s(self) -> float:
        """Processor time of the server and of all processes below it, those that have ended included."""
        own = psutil.Process(self._process.pid)
        total = 0.0
        for one in (own, *own.children(recursive=True)):
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def spent_ms(self, count: int, ask: Callable[[int], object]) -> float:
        """Returns the server's processor time for each of `count` requests, in milliseconds."""
        ask(0)
        before = self.cpu_s()
        for number in range(count):
            ask(number)
        return (self.cpu_s() - before) * 1000 / count

    def describe(self) -> float:
        name = self._sagemaker.list_training_jobs(MaxResults=1)["TrainingJobSummaries"][0]["TrainingJobName"]
        return self.spent_ms(400, lambda _: self._sagemaker.describe_training_job(TrainingJobName=name))

    def create(self) -> float:
        begun = time.time_ns()
        container = {"Image": IMAGE}
        return self.spent_ms(
            150,
            lambda n: self._sagemaker.create_model(
                ModelName=f"m-{begun}-{n}-{time.time_ns()}", PrimaryContainer=container, ExecutionRoleArn=ROLE
            ),
        )

    def listed(self) -> float:
        return self.spent_ms(100, lambda n: self._sagemaker.list_models(NameContains=f"-{n}-", MaxResults=10))

    def put(self) -> float:
        return self.spent_ms(200, lambda n: self.s3.put_object(Bucket="bench", Key=f"k/{n}", Body=b"x" * 4096))

    def get(self) -> float:
        return self.spent_ms(300, lambda _: self.s3.get_object(Bucket="bench", Key="data/x")["Body"].read())

    def invoke(self) -> float:
        self._serve()
        ask: dict[str, Any] = {"EndpointName": "echo", "Body": b"1,2", "ContentType": "text/csv"}
        return self.spent_ms(600, lambda _: self._runtime.invoke_endpoint(**ask)["Body"].read())

    def memory(self) -> float:
        """The server's resident memory with that of its processes, in MB; shared pages count once in each."""
        own = psutil.Process(self._process.pid)
        return sum(one.memory_info().rss for one in (own, *own.children())) / 1e6

    def job(self) -> float:
        return self.run("script")[1]

    def chain(self) -> float:
        return self.idle(10)

    def start(self) -> float:
        """Returns the milliseconds from exec to the first answer, on data that exists."""
        began = time.perf_counter()
        other = Server.__new__(Server)
        data = Path(tempfile.mkdtemp(dir=self.data)) / "data"
        Server.__init__(other, self.checkout, data)
        took = (time.perf_counter() - began) * 1000
        other.end()
        return took

    def _serve(self) -> None:
        if self._served:
            return
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            member = tarfile.TarInfo("code/inference.py")
            member.size = len(CODE)
            tar.addfile(member, io.BytesIO(CODE))
        self.s3.put_object(Bucket="bench", Key="model.tar.gz", Body=out.getvalue())
        container = {
            "Image": IMAGE,
            "ModelDataUrl": "s3://bench/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        }
        self._sagemaker.create_model(ModelName="echo", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {
            "VariantName": "v",
            "ModelName": "echo",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        self._sagemaker.create_endpoint_config(EndpointConfigName="echo", ProductionVariants=[variant])
        self._sagemaker.create_endpoint(EndpointName="echo", EndpointConfigName="echo")
        while (found := self._sagemaker.describe_endpoint(EndpointName="echo"))["EndpointStatus"] == "Creating":
            time.sleep(0.1)
        assert found["EndpointStatus"] == "InService", found
        self._served = True

    def close(self) -> None:
        if self._served:
            self._sagemaker.delete_endpoint(EndpointName="echo")
            try:
                while self._sagemaker.describe_endpoint(EndpointName="echo"):
                    time.sleep(0.1)
            except ClientError:
                pass
        self.end()


ROWS: dict[str, tuple[str, int, Callable[[Guarded], float]]] = {
    "start": ("exec → first answer, ms", 5, Guarded.start),
    "memory": ("resident memory, MB", 1, Guarded.memory),
    "describe": ("CPU a DescribeTrainingJob, ms", 5, Guarded.describe),
    "create": ("CPU a CreateModel, ms", 5, Guarded.create),
    "list": ("CPU a ListModels by a part of the name, ms", 5, Guarded.listed),
    "put": ("CPU a small PUT, ms", 5, Guarded.put),
    "get": ("CPU a small GET, ms", 5, Guarded.get),
    "job": ("a script's job, Create → Completed, ms", 15, Guarded.job),
    "chain": ("a no-op step of a pipeline, ms", 5, Guarded.chain),
    "invoke": ("CPU an InvokeEndpoint, ms", 5, Guarded.invoke),
}
"""What each row measures, how often in turn, and the method; the median counts."""


def built(release: str) -> Path:
    """Returns a checkout of the release with its environment."""
    place = PLACE / release
    if not (place / ".venv" / ".ready").exists():
        place.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", release], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract", "--directory", str(place)], input=archive, check=True)
        environ = {name: value for name, value in os.environ.items() if name != "UV_PROJECT_ENVIRONMENT"}
        subprocess.run(["make", "setup", f"PYTHON={sys.executable}"], cwd=place, check=True, env=environ)
    return place


def measured(pair: tuple[Guarded, Guarded], name: str) -> tuple[float, float]:
    """Returns the medians of both in alternating rounds."""
    _, rounds, method = ROWS[name]
    for one in pair:
        method(one)  # what starts with the first request is not counted
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for index in (0, 1) if number % 2 else (1, 0):
            found[index].append(method(pair[index]))
    return statistics.median(found[0]), statistics.median(found[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", default="", help="a tag or another revision; by default the last tag")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    options = parser.parse_args()
    asked = ["git", "describe", "--tags", "--abbrev=0"]
    release = options.release or subprocess.run(asked, cwd=ROOT, check=False, capture_output=True, text=True).stdout
    release = release.strip()
    if not release:
        parser.error("no release is tagged here: fetch the tags, or name a revision with --release")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each start would compile what it imports
    lost = []
    with tempfile.TemporaryDirectory() as scratch:
        pair = (Guarded(built(release), Path(scratch) / "release"), Guarded(ROOT, Path(scratch) / "this"))
        try:
            print(f"| row | {release} | this | ratio |\n|---|---:|---:|---:|")
            for name in options.rows:
                before, now = measured(pair, name)
                if before / now < LEAST:
                    before, now = measured(pair, name)
                verdict = " **lost**" if before / now < LEAST else ""
                print(f"| {ROWS[name][0]} | {before:.3g} | {now:.3g} | {before / now:.2f}{verdict} |", flush=True)
                lost += [name] if verdict else []
        finally:
            for one in pair:
                one.close()
    print(f"lost: {', '.join(lost)}" if lost else f"No row lost more than {1 - LEAST:.0%}.")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
