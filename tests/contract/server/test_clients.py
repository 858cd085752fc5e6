"""The examples, as a user runs them: unmodified SDK v2, SDK v3, boto3 and AWS CLI programs through `sagewright exec`."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
CLIENTS = ROOT / ".cache" / "clients"
V2, V3 = (str(CLIENTS / name / "bin" / "python") for name in ("sdk-v2", "sdk-v3"))
QUIET = ("-W", "ignore")
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def run(server: RunningServer, *command: str, cwd: Path = EXAMPLES) -> str:
    done = server.door(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    return done.stdout + done.stderr


def run_warm(server: RunningServer, program: Path, text: str, *arguments: str) -> str:
    """Output of a program of SDK v2, whose own start is not under test."""
    program.write_text(text)
    done = server.sdk_v2(program, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr + server.log()
    return done.stdout + done.stderr


def newest(server: RunningServer, contains: str) -> dict[str, object]:
    found = server.boto("sagemaker").list_training_jobs(NameContains=contains, SortOrder="Descending", MaxResults=1)
    name = found["TrainingJobSummaries"][0]["TrainingJobName"]
    job: dict[str, object] = server.boto("sagemaker").describe_training_job(TrainingJobName=name)
    return job


def test_v2_pytorch_script_mode(server: RunningServer) -> None:
    out = run(server, V2, *QUIET, "pytorch_script_mode.py")
    assert float(re.findall(r"epoch 10: .* test_accuracy=([0-9.]+)", out)[0]) > 0.9
    assert re.search(r"Image pytorch-training 2\.0(\.0)? \(py310\): running on torch \d", out)
    assert "Completed - Training job completed" in out
    assert "Billable seconds: " in out
    job = newest(server, "pytorch-training")
    assert job["TrainingJobStatus"] == "Completed"


def test_v2_builtin_xgboost_on_a_real_churn_table(server: RunningServer) -> None:
    out = run(server, V2, *QUIET, "xgboost_builtin.py")
    assert "#011validation-auc:" in out
    metrics = {name: float(value) for name, value in re.findall(r"^(\S+:\S+) = ([0-9.]+)$", out, re.MULTILINE)}
    assert set(metrics) == {"train:error", "train:auc", "validation:error", "validation:auc", "train:baseline_ratio"}
    assert metrics["validation:auc"] > 0.85
    assert metrics["validation:error"] < 0.1


def test_v2_two_variants_behind_an_endpoint(server: RunningServer) -> None:
    out = run(server, V2, *QUIET, "deploy_and_compare.py")
    described = re.findall(r"^(\w+): (\d+) requests, ([0-9.]+) of them right$", out, re.MULTILINE)
    asked = {name: int(count) for name, count, _right in described}
    assert sum(asked.values()) == 1000 and abs(asked["shallow"] - 700) <= 1, described
    right = {name: float(share) for name, _count, share in described}
    assert right["deep"] > 0.9 and "all requests go to deep from now on" in out


def test_v3_model_trainer(server: RunningServer) -> None:
    out = run(server, V3, *QUIET, "model_trainer_v3.py")
    assert len(re.findall(r"epoch \d+: train_loss=", out)) == 10, out
    assert newest(server, "digits")["TrainingJobStatus"] == "Completed"


def test_plain_boto3(server: RunningServer) -> None:
    out = run(server, V2, "boto3_training.py")
    assert "#011validation-logloss:" in out
    assert re.search(r"^Completed +s3://churn-data/output/churn-\d+/output/model.tar.gz$", out, re.MULTILINE)


def test_aws_cli(server: RunningServer, tmp_path: Path) -> None:
    rows = "\n".join(f"{i % 7},{i % 7},{i % 3}" for i in range(200))
    (tmp_path / "train.csv").write_text(rows + "\n")
    path = f"{CLIENTS / 'aws-cli' / 'bin'}:/usr/bin:/bin"
    model = tmp_path / "model.tar.gz"
    out = run(server, "env", f"PATH={path}", "bash", "aws_cli.sh", str(tmp_path / "train.csv"), str(model))
    assert re.search(r"Completed\s+s3://cli-data/output/cli-\d+/output/model.tar.gz", out)
    with tarfile.open(model) as archive:
        assert [m.name.removeprefix("./") for m in archive if m.isfile()] == ["xgboost-model"]


FAILS = """
import sagemaker
from sagemaker.pytorch import PyTorch
try:
    PyTorch(entry_point="fails.py", role=sagemaker.get_execution_role(), instance_type="ml.m5.large", instance_count=1,
            framework_version="2.0", py_version="py310").fit()
except sagemaker.exceptions.UnexpectedStatusException as error:
    print("RAISED", error)
"""


def test_a_failure_reaches_the_user_as_the_sdks_exception(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("raise RuntimeError('shapes (2,3) and (4,) do not fit')\n")
    out = run_warm(server, tmp_path / "program.py", FAILS)
    raised = out[out.index("RAISED") :]
    assert "RuntimeError: shapes (2,3) and (4,) do not fit" in raised
    assert "exit code: 1" in raised


BAD_PARAMETER = """
import sys, datasets, sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
train, _ = datasets.churn()
datasets.put("bad-parameters", {"train/train.csv": train})
name, value = sys.argv[1:]
xgb = Estimator(sagemaker.image_uris.retrieve("xgboost", "us-east-1", "1.7-1"), sagemaker.get_execution_role(), 1,
    "ml.m5.large", output_path="s3://bad-parameters/out", hyperparameters={"num_round": 5, name: value})
try:
    xgb.fit({"train": TrainingInput("s3://bad-parameters/train/", content_type="text/csv")}, logs=False)
except sagemaker.exceptions.UnexpectedStatusException as error:
    print("RAISED", error)
"""


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("num_trees", "5", "Extraneous hyperparameter found: num_trees"), ("eta", "7", "Hyperparameter eta: 7")],
)
def test_bad_hyperparameters(server: RunningServer, tmp_path: Path, name: str, value: str, text: str) -> None:
    (tmp_path / "datasets.py").write_bytes((EXAMPLES / "datasets.py").read_bytes())
    out = run_warm(server, tmp_path / "program.py", BAD_PARAMETER, name, value)
    raised = out[out.index("RAISED") :]
    assert "ClientError: " in raised
    assert text in raised


ATTACH = """
import sys, sagemaker
from sagemaker.estimator import Estimator
job = Estimator.attach(sys.argv[1])
print("ATTACHED", job.model_data)
frame = sagemaker.analytics.TrainingJobAnalytics(sys.argv[1], ["train:logloss"]).dataframe()
print("POINTS", len(frame))
"""


def trained(server: RunningServer, name: str) -> None:
    """A job of the built-in XGBoost that was created by boto3."""
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="train/a.csv", Body="".join(f"{i % 2},{i % 2},{i % 3}\n" for i in range(200)))
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/train/", "S3DataDistributionType": "FullyReplicated"}
    train = {"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": source}}
    server.boto("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        HyperParameters={"objective": "binary:logistic", "num_round": "3", "eval_metric": "logloss"},
        InputDataConfig=[train],
        OutputDataConfig={"S3OutputPath": f"s3://{name}/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        RoleArn="arn:aws:iam::000000000000:role/SageMakerExecutionRole",
        StoppingCondition={"MaxRuntimeInSeconds": 100},
    )
    job = server.wait(name)
    assert job["TrainingJobStatus"] == "Completed", job


def test_attach_and_analytics(server: RunningServer, tmp_path: Path) -> None:
    name = f"attach-{uuid.uuid4().hex[:8]}"
    trained(server, name)
    out = run_warm(server, tmp_path / "program.py", ATTACH, name)
    assert f"ATTACHED s3://{name}/output/{name}/output/model.tar.gz" in out
    assert int(re.findall(r"POINTS (\d+)", out)[0]) >= 1


DOOR = """
import json, os, sys, boto3, sagemaker
print(json.dumps({
    "role": sagemaker.get_execution_role(), "bucket": sagemaker.Session().default_bucket(),
    "account": sagemaker.Session().account_id(), "argv": sys.argv[1:], "path": os.environ["PYTHONPATH"],
}))
"""


def test_the_door_needs_nothing_in_the_users_home(server: RunningServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "program.py").write_text(DOOR)
    out = run(server, "env", f"HOME={home}", V2, *QUIET, "program.py", "a b", "--x", cwd=tmp_path)
    seen = json.loads(next(line for line in out.splitlines() if line.startswith("{")))
    assert seen["role"] == "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
    assert (seen["bucket"], seen["account"]) == ("sagemaker-us-east-1-000000000000", "000000000000")
    assert seen["argv"] == ["a b", "--x"]
    assert [p for p in home.rglob("*") if p.is_file()] == []


def test_env_prints_the_same_environment(server: RunningServer) -> None:
    sagewright = str(ROOT / ".venv" / "bin" / "sagewright")
    program = "import sagemaker; print(sagemaker.get_execution_role())"
    script = f"eval \"$({sagewright} env --data {server.data})\" && {V2} -W ignore -c '{program}'"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "arn:aws:iam::000000000000:role/SageMakerExecutionRole" in done.stdout
