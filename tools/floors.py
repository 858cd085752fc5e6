"""Tries the oldest and the newest release of each dependency: `python tools/floors.py [lowest|newest]`.

Each gets an environment of its own with what `pyproject.toml` admits: the floors by uv's resolution `lowest-direct`, and the newest
releases. The smoke run starts a server as a user does, keeps an object, runs a job, opens Studio, and ends the server.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
START_S, JOB_S = 60, 300
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
PROGRAM = f"""
import time, boto3
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
s3.create_bucket(Bucket="floors")
s3.put_object(Bucket="floors", Key="a", Body=b"kept")
assert s3.get_object(Bucket="floors", Key="a")["Body"].read() == b"kept"
sagemaker.create_training_job(
    TrainingJobName="floors", RoleArn="arn:aws:iam::000000000000:role/R",
    AlgorithmSpecification={{"TrainingImage": "{IMAGE}", "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/sh", "-c"], "ContainerArguments": ["echo trained > /opt/ml/model/m"]}},
    OutputDataConfig={{"S3OutputPath": "s3://floors/o"}}, StoppingCondition={{"MaxRuntimeInSeconds": 600}},
    ResourceConfig={{"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}})
end = time.monotonic() + {JOB_S}
while (job := sagemaker.describe_training_job(TrainingJobName="floors"))["TrainingJobStatus"] == "InProgress":
    assert time.monotonic() < end
    time.sleep(0.2)
assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
"""


def main(asked: list[str]) -> int:
    failed = [name for name in asked or RESOLUTIONS if not tried(name)]
    return 1 if failed else 0


def tried(name: str) -> bool:
    """Installs and runs one resolution; prints what failed."""
    folder = Path(tempfile.mkdtemp(prefix=f"floors-{name}-"))
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        python = folder / "venv/bin/python"
        uv = [str(ROOT / ".venv/bin/uv"), "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*uv, "--resolution", RESOLUTIONS[name], str(ROOT)], check=True)
        versions = subprocess.run(
            [str(ROOT / ".venv/bin/uv"), "pip", "list", "--python", str(python), "--format", "json"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = {one["name"]: one["version"] for one in json.loads(versions.stdout)}
        shown = ", ".join(
            f"{one} {found[one]}" for one in ("uvicorn", "starlette", "typer", "httptools") if one in found
        )
        print(f"{name}: {shown}", flush=True)
        smoke(folder / "venv/bin", folder / "data")
    except (subprocess.CalledProcessError, AssertionError, OSError) as error:
        print(f"{name}: FAILED: {error}", flush=True)
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: works", flush=True)
    return True


def smoke(programs: Path, data: Path) -> None:
    """Raises AssertionError, CalledProcessError, OSError."""
    command = str(programs / "sagewright")
    environ = {"SAGEWRIGHT_ENVIRONMENTS": str(ROOT / ".cache/environments"), **os.environ}
    for arguments in (["--help"], ["jobs", "--help"], ["doctor"]):
        subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL, env=environ)
    with subprocess.Popen(
        [command, "up", "--data", str(data), "--port", "0"], stdout=subprocess.DEVNULL, env=environ
    ) as server:
        try:
            end = time.monotonic() + START_S
            while not (data / "endpoint").exists():
                assert server.poll() is None and time.monotonic() < end, "the server does not start"
                time.sleep(0.05)
            url = (data / "endpoint").read_text().strip()
            run = [command, "exec", "--data", str(data), "--", str(programs / "python"), "-c", PROGRAM]
            subprocess.run(run, check=True, env=environ)
            listed = [command, "jobs", "list", "--data", str(data)]
            assert b"floors" in subprocess.run(listed, check=True, capture_output=True, env=environ).stdout
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/html"})) as answer:
                assert b"answers here" in answer.read()
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(60)
    assert status == 0, f"the server ended with status {status}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
