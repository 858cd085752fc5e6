"""JumpStart's catalogue by both SDKs' own classes, on a server started as a user starts it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    import subprocess

    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"
SAGEWRIGHT = Path(sys.executable).parent / "sagewright"
BUCKET = "jumpstart-cache-prod-us-east-1"
TC = f"s3://{BUCKET}/models/sagewright-tc-minilm-l6/v1.0.0/"


def said(done: subprocess.CompletedProcess[str], server: RunningServer) -> str:
    assert done.returncode == 0, done.stdout + done.stderr + server.log()[-3000:]
    return done.stdout


@pytest.mark.sampled(1, of="SDKs that read the catalogue")
def test_sdk_v2_reads_every_model(server: RunningServer) -> None:
    done = server.sdk_v2(PROGRAMS / "jumpstart_doors_v2.py")
    out = said(done, server)
    (count,) = [line for line in out.splitlines() if line.startswith("models:")]
    assert int(count.split()[1]) > 1079
    for line in (
        "ic: True",
        "tasks: True",
        "frameworks: True",
        "scripts: ['inference', 'training']",
        "trainable: True",
        "sold: 90",
    ):
        assert line in out.splitlines(), out
    assert "hyperparameters: 3" in out
    assert "validate: Hyperparameter 'epochs' can be no less than 1." in out
    assert (
        f"training pytorch-training:2.6.0-cpu-py312-ubuntu22.04-sagemaker {TC} s3://{BUCKET}/source-directory-tarballs/"
        in out
    )
    assert (
        "Model data of 'huggingface-tc-bert-base-cased' is not on this machine. Add it once: sagewright models add"
        in out
    )
    assert "meta-textgeneration-llama-2-7b False: ClientError" in out
    assert "requires accepting its end-user license agreement" in out
    assert "Model data of 'meta-textgeneration-llama-2-7b' is not on this machine." in out
    assert "ai21-contextual-answers does not exist: AWS Marketplace sells this model" in out
    assert "Invalid model ID: 'sagewright-tc-minilm'" in out


@pytest.mark.sampled(1, of="SDKs that read the catalogue")
def test_sdk_v3_reads_every_model_and_deploys_one(server: RunningServer) -> None:
    done = server.sdk_v3(PROGRAMS / "jumpstart_doors_v3.py")
    out = said(done, server)
    assert "trainer: pytorch-training:2.6.0-cpu-py312-ubuntu22.04-sagemaker 3 transfer_learning.py" in out
    assert "channel: model" in out
    assert "gated: Model meta-textgeneration-llama-2-7b is a gated model" in out
    assert "missing: An error occurred (ResourceNotFound)" in out
    assert "embedding: 2" in out


def test_the_bucket_is_whole_and_current(server: RunningServer) -> None:
    s3 = server.boto("s3")
    key = TC.removeprefix(f"s3://{BUCKET}/") + "sagewright-model.json"
    was = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"of an earlier release")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == was
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(was)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="models/sagewright-tc-minilm-l6/")["Contents"]
    assert {each["Key"].rpartition("/")[2] for each in listed} >= {
        "sagewright-model.json",
        "inference.py",
        "requirements.txt",
    }
    copied = s3.copy_object(Bucket=BUCKET, Key="mine/copy", CopySource=f"{BUCKET}/models_manifest.json")
    assert copied["CopyObjectResult"]["ETag"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=BUCKET, Key="models/sagewright-tc-minilm-l6/v9.9.9/sagewright-model.json")


def test_strangers_write_nothing(server: RunningServer) -> None:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    bucket = "jumpstart-cache-prod-eu-west-3"
    try:
        urlopen(f"{server.endpoint}/{bucket}/models_manifest.json").read()
    except HTTPError as error:
        assert error.code in (403, 404)
    else:
        raise AssertionError("a stranger has read the catalogue")
    assert bucket not in {each["Name"] for each in server.boto("s3").list_buckets()["Buckets"]}
