"""Batch transform by the SDKs, as a user's programs use them, through `sagewright exec`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hosting import BUCKET, Hosting

if TYPE_CHECKING:
    from conftest import RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")
PROGRAMS = Path(__file__).parents[1] / "programs"


def test_transformers_of_sdk_v2(server: RunningServer, tmp_path: Path) -> None:
    done = server.sdk_v2(PROGRAMS / "transform_v2.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    said = [
        line for line in done.stdout.splitlines() if line.startswith(("script:", "xgboost:", "failed:", "pipeline:"))
    ]
    assert said == [
        "script: [('id-a', 7.0), ('id-b', 9.0)]",
        "pipeline: [14.0, 18.0]",
        "xgboost: 200 True True",
        "failed: Failed True",
    ]
    assert "MaxConcurrentTransforms=" in done.stdout


def test_a_transformer_of_sdk_v3(server: RunningServer) -> None:
    done = server.sdk_v3(PROGRAMS / "transform_v3.py")
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    assert "v3: ['[2.0, 4.0]', '[6.0, 8.0]', ''] 3" in done.stdout


def test_the_command_shows_transform_jobs(server: RunningServer) -> None:
    hosting = Hosting(server)
    hosting.model("shown")
    hosting.s3.put_object(Bucket=BUCKET, Key="shown/in.txt", Body="x")
    request = {
        "TransformJobName": "shown",
        "ModelName": "shown",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/shown/in"}}
        },
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/shown/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    hosting.sagemaker.create_transform_job(**request)
    waiter = hosting.sagemaker.get_waiter("transform_job_completed_or_stopped")
    waiter.wait(TransformJobName="shown", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    expected = {"list": "Completed", "show": f"s3://{BUCKET}/shown/out", "logs": "1 of 1 objects are done."}
    for command, text in expected.items():
        said = subprocess.run(
            [COMMAND, "transform", command, *([] if command == "list" else ["shown"]), "--data", str(server.data)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert text in said, said
