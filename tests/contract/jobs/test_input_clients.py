"""Input modes as the SageMaker Python SDK v2 asks for them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import RunningServer

BEGIN = """
import io, os, random, sys
import boto3, numpy, sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput, ShuffleConfig
from sagemaker.sklearn import SKLearn
import sagemaker.amazon.common

session = sagemaker.Session()
bucket = session.default_bucket()
s3 = boto3.client("s3")
role = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
machine = dict(role=role, instance_type="ml.m5.large", instance_count=1)
"""

XGBOOST = """
random = numpy.random.default_rng(0)
x = random.normal(size=(2000, 5)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("float32")
for part in range(4):
    rows = slice(500 * part, 500 * part + 500)
    text = "\\n".join(",".join(f"{v:.5f}" for v in [y[i], *x[i]]) for i in range(*rows.indices(2000))) + "\\n"
    s3.put_object(Bucket=bucket, Key=f"pipe/csv/part-{part}", Body=text)
    packed = io.BytesIO()
    sagemaker.amazon.common.write_numpy_to_dense_tensor(packed, x[rows], y[rows])
    s3.put_object(Bucket=bucket, Key=f"pipe/pbr/part-{part}", Body=packed.getvalue())
image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
settings = {"objective": "binary:logistic", "eval_metric": "error", "num_round": 20, "max_depth": 4}
xgb = Estimator(image, input_mode="Pipe", hyperparameters=settings, **machine)
for name, kind in (("csv", "text/csv"), ("pbr", "application/x-recordio-protobuf")):
    train = TrainingInput(f"s3://{bucket}/pipe/{name}/", content_type=kind, shuffle_config=ShuffleConfig(3))
    xgb.fit({"train": train, "validation": TrainingInput(f"s3://{bucket}/pipe/{name}/part-0", content_type=kind)})
    metrics = {m["MetricName"]: m["Value"] for m in xgb.latest_training_job.describe()["FinalMetricDataList"]}
    print("RESULT", name, metrics)
"""

FASTFILE = """
for i in range(3):
    s3.put_object(Bucket=bucket, Key=f"fast/folder/{i}.txt", Body=f"content {i}")
os.makedirs(sys.argv[1], exist_ok=True)
with open(sys.argv[1] + "/train.py", "w") as script:
    script.write('''
import json, os
folder = os.environ["SM_CHANNEL_TRAINING"]
print("RESULT", [open(os.path.join(folder, name)).read() for name in sorted(os.listdir(folder))])
print("RESULT", json.load(open("/opt/ml/input/config/inputdataconfig.json"))["training"]["TrainingInputMode"])
''')
estimator = SKLearn("train.py", source_dir=sys.argv[1], framework_version="1.2-1", **machine)
estimator.fit({"training": TrainingInput(f"s3://{bucket}/fast/folder", input_mode="FastFile")})
"""


def run(server: RunningServer, folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(BEGIN + script)
    return server.sdk_v2(folder / "program.py", *arguments)


def test_estimator_with_the_input_mode_pipe(server: RunningServer, tmp_path: Path) -> None:
    done = run(server, tmp_path, XGBOOST)
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    out = done.stdout
    for name in ("csv", "pbr"):
        (text,) = re.findall(rf"^RESULT {name} (.*)$", out, re.MULTILINE)
        metrics = dict(re.findall(r"'(\S+)': ([0-9.]+)", text))
        assert float(metrics["validation:error"]) < 0.1, out


def test_training_input_with_the_input_mode_fastfile(server: RunningServer, tmp_path: Path) -> None:
    done = run(server, tmp_path, FASTFILE, str(tmp_path / "source"))
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    out = done.stdout
    found = [line.partition("RESULT ")[2] for line in out.splitlines() if "RESULT " in line]
    assert found == ["['content 0', 'content 1', 'content 2']", "FastFile"], out


LIBSVM = """
s3.put_object(Bucket=bucket, Key="pipe/svm/a", Body=b"1 0:1\\n")
image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
Estimator(image, input_mode="Pipe", hyperparameters={"num_round": 1}, **machine).fit(
    {"train": TrainingInput(f"s3://{bucket}/pipe/svm/", content_type="text/libsvm")}
)
"""


def test_xgboost_refuses_libsvm_from_a_pipe(server: RunningServer, tmp_path: Path) -> None:
    done = run(server, tmp_path, LIBSVM)
    assert done.returncode != 0
    assert "Customer Error: Pipe mode not supported for LibSVM." in done.stdout, done.stderr
