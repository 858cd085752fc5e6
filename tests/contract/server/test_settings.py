"""Servers with other settings: PostgreSQL, strict roles, exact versions, the plain sandbox, options of the command."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import Postgres, RunningServer

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3"
SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")


def started(server: RunningServer, **settings: str) -> RunningServer:
    server.environ |= {f"SAGEWRIGHT_{name.upper()}": value for name, value in settings.items()}
    server.start()
    region = settings.get("region", "us-east-1")
    elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    server.boto("s3", region_name=region).create_bucket(Bucket="outputs", **elsewhere)
    return server


def test_a_server_on_postgresql(own_server: RunningServer, postgres: Postgres, job_name: str) -> None:
    server = started(own_server, database=postgres.new_database())
    server.run_shell(job_name, "echo hello; echo model > $SM_MODEL_DIR/x 2>/dev/null || echo model > /opt/ml/model/x")
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    assert "hello" in server.lines(job_name)
    assert not (server.data / "store.sqlite").exists()


def test_strict_roles(own_server: RunningServer, job_name: str) -> None:
    server = started(own_server, roles="strict")
    iam, role = server.boto("iam"), "arn:aws:iam::000000000000:role/Unknown"
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="Unknown")
    with pytest.raises(ClientError, match=f"Could not assume role {role}"):
        server.run_shell(job_name, "true", RoleArn=role)
    iam.create_role(RoleName="Unknown", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    server.run_shell(job_name, "true", RoleArn=role)
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"


def test_exact_versions_are_refused_where_they_cannot_be_had(own_server: RunningServer, job_name: str) -> None:
    server = started(own_server, framework_versions="exact")
    server.run_shell(job_name, "true", image=f"{REGISTRY}/pytorch-training:2.0.0-cpu-py36")
    job = server.wait(job_name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert "2.0.0" in job["FailureReason"]


def test_the_plain_sandbox(own_server: RunningServer, job_name: str) -> None:
    server = started(own_server, sandbox="plain")
    server.run_shell(job_name, "echo root is $SAGEWRIGHT_ML_ROOT; echo x > $SAGEWRIGHT_ML_ROOT/model/x")
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    assert any(line.startswith("root is /") for line in server.lines(job_name))


def test_network_isolation(own_server: RunningServer, job_name: str) -> None:
    server = started(own_server)
    port = server.endpoint.rpartition(":")[2]
    probe = f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo open || echo closed"
    server.run_shell(f"{job_name}-not", probe)
    assert server.wait(f"{job_name}-not")["TrainingJobStatus"] == "Completed"
    assert "open" in server.lines(f"{job_name}-not")
    server.run_shell(job_name, f"echo key=$AWS_ACCESS_KEY_ID; {probe}", EnableNetworkIsolation=True)
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    lines = server.lines(job_name)
    assert "key=" in lines
    assert "closed" in lines


def test_a_job_of_more_than_the_machine_has_runs_with_a_warning(own_server: RunningServer, job_name: str) -> None:
    server = started(own_server)
    resources = {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    server.run_shell(job_name, "true", ResourceConfig=resources)
    assert server.wait(job_name)["TrainingJobStatus"] == "Completed"
    assert any("ml.p4d.24xlarge has 96 vCPU" in line for line in server.lines(job_name))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ROLES", "none", "must be one of open, strict"),
        ("PORT", "x", "must be of type int"),
        ("CHECK_RESPONSES", "2", "true or false"),
    ],
)
def test_bad_settings_end_the_command_in_one_line(tmp_path: Path, name: str, value: str, text: str) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), f"SAGEWRIGHT_{name}": value}
    done = subprocess.run([SAGEWRIGHT, "up"], capture_output=True, text=True, check=False, env=environ, timeout=30)
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_commands_say_when_no_server_runs(tmp_path: Path) -> None:
    for command in (["exec", "--data", str(tmp_path), "--", "true"], ["jobs", "list", "--data", str(tmp_path)]):
        done = subprocess.run([SAGEWRIGHT, *command], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 2
        assert f"No server runs on {tmp_path}. Start one: sagewright up --data {tmp_path}" in done.stderr


def test_the_commands_about_jobs(own_server: RunningServer, job_name: str) -> None:
    server = started(own_server)
    server.run_shell(job_name, "for i in 1 2 3; do echo tick $i; sleep 0.2; done; sleep 60")

    def jobs(*words: str) -> str:
        argv = [SAGEWRIGHT, "jobs", *words, "--data", str(server.data)]
        environ = {"PATH": "/usr/bin:/bin", "COLUMNS": "200"}
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60, env=environ).stdout

    deadline = time.monotonic() + 30
    while "tick 3" not in jobs("logs", job_name):
        assert time.monotonic() < deadline
    assert job_name in jobs("list", "--status", "InProgress")
    assert "is being stopped" in jobs("stop", job_name)
    assert "algo-1 | tick 2" in jobs("logs", "-f", job_name)
    shown = jobs("show", job_name)
    assert "Stopped" in shown
    assert "s3://outputs/out" in shown


def test_doctor_tells_about_this_machine() -> None:
    done = subprocess.run([SAGEWRIGHT, "doctor"], capture_output=True, text=True, check=True, timeout=60)
    for what in ("CPUs and memory", "GPUs", "sandbox", "own_ml_root", "container engine"):
        assert what in done.stdout


WHERE = "import boto3, os; print(boto3.client('sts').get_caller_identity()['Arn'], boto3.session.Session().region_name)"


def test_commands_take_region_and_account_from_the_running_server(own_server: RunningServer) -> None:
    server = started(own_server, region="eu-west-1", account="123456789012")
    done = server.door(sys.executable, "-c", WHERE)
    assert done.stdout.startswith("arn:aws:sts::123456789012:assumed-role/SageMakerExecutionRole/"), done.stderr
    assert done.stdout.split()[-1] == "eu-west-1"
    printed = subprocess.run([SAGEWRIGHT, "env", "--data", server.data], capture_output=True, text=True, check=True)
    assert "export AWS_REGION=eu-west-1\n" in printed.stdout
    assert "arn:aws:iam::123456789012:role/SageMakerExecutionRole" in printed.stdout


@pytest.mark.parametrize("setting", ["SAGEWRIGHT_REGION", "SAGEWRIGHT_REGIO"])
def test_a_shell_without_a_server_fails_and_reaches_nothing(tmp_path: Path, setting: str) -> None:
    evaluated = f'eval "$({SAGEWRIGHT} env --data {tmp_path})"'
    environ = {"PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": "https://elsewhere.example", setting: "us-east-1"}
    script = f'{evaluated} && echo went on; echo "$AWS_ENDPOINT_URL"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout == "http://no-server-runs.sagewright.invalid\n"
    assert done.stderr.startswith("sagewright: ")
    ended = subprocess.run(["bash", "-ec", f"{evaluated}\necho went on"], capture_output=True, check=False, env=environ)
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_misspelt_settings_and_options_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    command = [SAGEWRIGHT, "up", "--data", str(tmp_path), "--port", "0"]
    environ = {"PATH": "/usr/bin:/bin", "SAGEWRIGHT_CAPACITY_CPU": "2"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=60)
    assert done.returncode == 2
    assert "SAGEWRIGHT_CAPACITY_CPU: there is no such setting; did you mean SAGEWRIGHT_CAPACITY_CPUS?" in done.stderr
    done = subprocess.run([*command, "--objcts", "x"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "--objects" in done.stderr
