"""Endpoints by the SDKs and the AWS CLI, as a user's programs use them, through `sagewright exec`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CLIENTS, ROLE, SHELL_IMAGE
from tests.hosting import BUCKET, ECHO, Hosting, archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"


@pytest.fixture
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


V2 = {
    "script": [
        "script: application/json list [[2.0, 4.0], [6.0, 8.0]]",
        "script: text/csv list [[2.0, 4.0], [6.0, 8.0]]",
        "script: application/x-npy ndarray [[2.0, 4.0], [6.0, 8.0]]",
        "script: attributes 2.0 trace=7;model=2.0 AllTraffic",
        "script: refused ModelError 500",
        "script: updated [[3.0]]",
        "script: left [] [] []",
    ],
    "variants": ["variants: 70 30", "variants: named [[5.0]]", "variants: kept 101", "variants: captures False"],
    "rare": [
        "serverless: [[6.0]]",
        "asynchronous: [[7.0]]",
        "asynchronous: later [[14.0]]",
        "asynchronous: failed True",
    ],
    "several": ["pipeline: [[6.0]]", "many: ['8.0.tar.gz', '9.0.tar.gz'] [[[8.0]], [[9.0]], [[8.0]]]"],
    "registry": ["registry: [[10.0]]"],
    "broken": ["broken: Failed True True"],
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("what", V2)
def test_sdk_v2(hosting: Hosting, tmp_path: Path, what: str) -> None:
    done = hosting.server.sdk_v2(PROGRAMS / "hosting_v2.py", what, str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr + hosting.server.log()
    said = [line.removeprefix("SAID ") for line in done.stdout.splitlines() if line.startswith("SAID ")]
    assert said == V2[what]


ALGORITHMS = {
    "factorization_machines": 12,
    "ipinsights": 6,
    "kmeans": 20,
    "knn": 15,
    "lda": 15,
    "linear_learner": 15,
    "ntm": 15,
    "pca": 15,
    "randomcutforest": 15,
    "xgboost": 16,
}
"""Each with the number of pairs of a type it takes and one it gives."""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_built_in_algorithm_answers_alike_in_every_type(hosting: Hosting, name: str) -> None:
    done = hosting.server.sdk_v2(PROGRAMS / "algorithms_v2.py", name)
    assert done.returncode == 0, done.stdout + done.stderr + hosting.server.log()
    said = json.loads(
        next(line for line in done.stdout.splitlines() if line.startswith("SAID {")).removeprefix("SAID ")
    )
    assert said["answers"] == ALGORITHMS[name], said
    assert said["apart"] < 1e-4, said
    assert said["holds"], said


def test_sdk_v3(hosting: Hosting) -> None:
    done = hosting.server.sdk_v3(PROGRAMS / "hosting_v3.py")
    assert done.returncode == 0, done.stdout + done.stderr + hosting.server.log()
    assert [line.removeprefix("SAID ") for line in done.stdout.splitlines() if line.startswith("SAID ")] == [
        "built v3-hosting",
        "deployed v3-hosting InService",
        "answered [[4.0]] application/json AllTraffic",
        "attributes trace=7;model=2.0",
        "updated InService v3-hosting-b 2 6",
        "weights {'a': 7.0, 'b': 1.0} 7 1 [[6.0]]",
        "asynchronous refused ValidationError",
        "found True",
        "left []",
    ]


def test_the_aws_cli(hosting: Hosting, tmp_path: Path) -> None:
    hosting.s3.put_object(
        Bucket=BUCKET, Key="by-cli/model.tar.gz", Body=archive({"code/inference.py": ECHO.replace("WORD", "by-cli")})
    )
    path = f"{CLIENTS / 'aws-cli' / 'bin'}:/usr/bin:/bin"
    done = hosting.server.door(
        "env", f"PATH={path}", "bash", str(PROGRAMS / "hosting.sh"), SHELL_IMAGE, ROLE, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr + hosting.server.log()
    assert done.stdout.splitlines() == ["InService\t1", "text/plain\tby-cli", "by-cli hello", "0"]
