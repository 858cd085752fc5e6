"""Processors of both SDKs, as a user's programs use them, through `sagewright exec`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(__file__).parents[1] / "programs"


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("client", "program"), [("sdk_v2", "processing_sklearn.py"), ("sdk_v3", "processing_v3.py")])
def test_the_examples(server: RunningServer, client: str, program: str) -> None:
    done = getattr(server, client)(ROOT / "examples" / program)
    out = done.stdout + done.stderr
    assert done.returncode == 0, out + server.log()
    assert "train: 1437 rows of 65 columns" in out
    assert "test: 360 rows of 65 columns" in out
    s3 = server.boto("s3")
    prefixes = [line.rpartition("s3://")[2] for line in out.splitlines() if " is in s3://" in line]
    for name in prefixes or ["bucket/prepared/train", "bucket/prepared/test"]:
        bucket, _, prefix = name.partition("/")
        (found,) = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        assert found["Size"] > 1000


@pytest.mark.sampled(1)
@pytest.mark.parametrize("program", ["processors_v2.py", "processors_v3.py"])
def test_processors(server: RunningServer, tmp_path: Path, program: str) -> None:
    done = (server.sdk_v2 if program == "processors_v2.py" else server.sdk_v3)(PROGRAMS / program, str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    out = done.stdout + done.stderr
    said = [line for line in out.splitlines() if line.startswith(("framework:", "processor:", "failed:", "stopped:"))]
    assert said[0].startswith("framework: 1,234,567 ['run.py', '--x', 'a b'] 5")
    assert said[1:] == [
        "processor: Completed all is well",
        "failed: Failed AlgorithmError: See job logs for more information, boom",
        "stopped: Stopped",
    ]
