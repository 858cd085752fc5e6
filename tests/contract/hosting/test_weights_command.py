"""`sagewright weights`: what it keeps is what a job with use_pretrained_model finds."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from tests.conftest import ROLE

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "pretrained"
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


def weights(server: RunningServer, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "sagewright"), "weights", *words, "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def other_network() -> bytes:
    """A safetensors file of one tensor."""
    header = json.dumps({"conv1.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 4


def test_a_job_reads_the_file_that_was_added(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "resnet18-f37072fd.safetensors"
    path.write_bytes(other_network())
    added = weights(server, "add", str(path))
    assert added.returncode == 0, added.stdout + added.stderr
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest in added.stdout
    assert digest[:20] in weights(server, "list").stdout
    assert digest in {one["Sha256"] for one in json.loads(weights(server, "list", "--json").stdout)}
    described = begin_pretrained(server)
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith(
        "ClientError: The file of ResNet-18 belongs to another network: it lacks "
    )


def begin_pretrained(server: RunningServer) -> dict[str, Any]:
    """Describe of a job that begins with weights of ResNet-18, once it has ended."""
    server.boto("s3").create_bucket(Bucket=BUCKET)
    for channel in ("train", "validation"):
        server.boto("s3").put_object(Bucket=BUCKET, Key=f"pretrained/{channel}/a.rec", Body=b"none is read")
    sagemaker = server.boto("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName="pretrained-weights",
        RoleArn=ROLE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        HyperParameters={
            "num_classes": "2", "num_training_samples": "9", "num_layers": "18", "image_shape": "3,32,32",
            "use_pretrained_model": "1",
        },
        InputDataConfig=[
            {
                "ChannelName": channel,
                "ContentType": "application/x-recordio",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/pretrained/{channel}"}
                },
            }
            for channel in ("train", "validation")
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/pretrained/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )  # fmt: skip
    return server.wait("pretrained-weights")


def test_weights_come_from_the_place_that_is_set(own_server: RunningServer, tmp_path: Path) -> None:
    """Downloads are verified: a file that does not match its digest is refused."""
    (tmp_path / "resnet18-f37072fd.pth").write_bytes(b"another file")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as shown:
        Thread(target=shown.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{shown.server_port}/"
        own_server.environ["SAGEWRIGHT_WEIGHTS_FROM_NETWORK"] = address
        own_server.start()
        described = begin_pretrained(own_server)
        shown.shutdown()
    assert described["TrainingJobStatus"] == "Failed"
    assert (
        f"The download from {address}resnet18-f37072fd.pth does not match the digest in its name"
        in described["FailureReason"]
    )


def test_what_are_no_weights_is_refused(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "weights.pkl").write_bytes(b"")
    for name, said in (("weights.pkl", "is not a weights file"), ("missing.pth", "There is no file")):
        refused = weights(server, "add", str(tmp_path / name))
        assert refused.returncode == 2
        assert said in " ".join((refused.stdout + refused.stderr).split())
