"""Multi-model endpoints by boto3: models that are brought when they are asked for, also those that were put there later."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from tests.conftest import ROLE, SHELL_IMAGE
from tests.hosting import BUCKET, ECHO, Hosting, archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

DIES = ECHO.replace(
    "def predict_fn(data, model):", "def predict_fn(data, model):\n        if data == 'die': import os; os._exit(7)"
)


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        for word in ("red", "blue"):
            put(made, word)
        container = {
            "Image": SHELL_IMAGE,
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{BUCKET}/several/",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
        }
        made.create_model("several", ExecutionRoleArn=ROLE, PrimaryContainer=container)
        made.endpoint("several", made.variant("v", "several"))
        yield made


def put(hosting: Hosting, word: str) -> None:
    script = textwrap.dedent(DIES).replace("WORD", word)
    hosting.s3.put_object(Bucket=BUCKET, Key=f"several/{word}.tar.gz", Body=archive({"code/inference.py": script}))


def test_models_are_brought_when_they_are_asked_for(hosting: Hosting) -> None:
    assert hosting.ask("several", TargetModel="red.tar.gz") == "red x"
    assert hosting.ask("several", TargetModel="blue.tar.gz") == "blue x"
    assert hosting.ask("several", TargetModel="red.tar.gz") == "red x"
    put(hosting, "late")
    assert hosting.ask("several", TargetModel="late.tar.gz") == "late x"
    assert hosting.says("several", "Loading the model late.tar.gz."), hosting.lines("several")


def test_a_container_that_dies_gets_its_models_again(hosting: Hosting) -> None:
    with pytest.raises(ClientError):
        hosting.ask("several", "die", TargetModel="red.tar.gz")
    assert hosting.ask("several", TargetModel="red.tar.gz") == "red x"


def test_what_cannot_be_asked(hosting: Hosting) -> None:
    with pytest.raises(ClientError, match="needs TargetModel"):
        hosting.ask("several")
    with pytest.raises(ClientError, match=r"Failed to load the model none\.tar\.gz") as caught:
        hosting.ask("several", TargetModel="none.tar.gz")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    hosting.s3.put_object(Bucket=BUCKET, Key="several/broken.tar.gz", Body=b"no archive")
    with pytest.raises(ClientError, match="can't be unpacked"):
        hosting.ask("several", TargetModel="broken.tar.gz")
    hosting.model("alone")
    hosting.endpoint("alone", hosting.variant("v", "alone"))
    with pytest.raises(ClientError, match="MultiModel"):
        hosting.ask("alone", TargetModel="red.tar.gz")
