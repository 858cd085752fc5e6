"""`@remote` of SDK v2 and v3: a function of the client's runs in a job and its value comes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAM = """
from {package} import remote

@remote(instance_type="ml.m5.large")
def divide(x, y):
    import os
    print("dividing in", os.environ["TRAINING_JOB_NAME"])
    return {{"quotient": x / y, "where": os.environ["TRAINING_JOB_NAME"]}}

found = divide(6, y=4)
print("VALUE", found["quotient"], found["where"])
try:
    divide(1, 0)
except ZeroDivisionError as error:
    print("RAISED", error)
"""


@pytest.mark.timeout(600)  # the job installs the SDK
@pytest.mark.parametrize(
    ("client", "package"),
    [
        pytest.param(
            "sdk-v2",
            "sagemaker.remote_function",
            marks=pytest.mark.sampled(1, of="functions of SDK v2 that become jobs"),
        ),
        pytest.param(
            "sdk-v3", "sagemaker.core.remote_function", marks=pytest.mark.soak
        ),  # 130 packages; the server's part is the same
    ],
)
def test_a_function_runs_in_a_job(server: RunningServer, tmp_path: Path, client: str, package: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(package=package))
    done = (server.sdk_v2 if client == "sdk-v2" else server.sdk_v3)(tmp_path / "program.py")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "VALUE 1.5 divide-" in done.stdout
    assert "RAISED division by zero" in done.stdout
