"""Limits by boto3, the AWS CLI and the command: what refuses a request, what holds a job, and who may change them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.teams import DEFAULT_ROLE, Person, Team, allow, refusal

if TYPE_CHECKING:
    from conftest import RunningServer

COMMAND = str(Path(sys.executable).parent / "sagewright")
TRAINING = "ml.m5.large for training job usage"
FULL = allow(["sagemaker:*", "iam:PassRole", "s3:*", "servicequotas:*"])
ADVICE = (
    "Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS "
    "support to request an increase for this quota."
)


@pytest.fixture(scope="module")
def team(server_with: Callable[..., RunningServer]) -> Team:
    made = Team(server_with(SAGEWRIGHT_ACCESS="enforced", SAGEWRIGHT_CAPACITY_CPUS="2"))
    made.server.boto("s3").create_bucket(Bucket="quotas-output")
    return made


@pytest.fixture
def limits(team: Team) -> Iterator[Limits]:
    made = Limits(team.server)
    yield made
    made.end()


class Limits:
    """Limits that a test sets by the command, and jobs that it creates."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.set_, self.jobs = server, [], []

    def command(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            [COMMAND, *words, "--data", str(self.server.data)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout + done.stderr

    def set(self, quota: str, value: float, *whose: str) -> None:
        self.command("quotas", "set", quota, str(value), *whose)
        self.set_.append((quota, whose))

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.command("quotas", "list", "--json"))
        return found

    def job(self, sagemaker: Any, shell: str = "sleep 30", **changes: Any) -> str:
        name = f"q-{uuid.uuid4().hex[:8]}"
        sagemaker.create_training_job(**(request(name, shell) | changes))
        self.jobs.append(name)
        return name

    def state(self, name: str) -> tuple[str, str]:
        found = self.server.boto("sagemaker").describe_training_job(TrainingJobName=name)
        return found["SecondaryStatus"], found["SecondaryStatusTransitions"][-1]["StatusMessage"]

    def when(self, name: str, holds: Callable[[str, str], bool]) -> str:
        deadline = time.monotonic() + 30
        while not holds(*(found := self.state(name))):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found[1]

    def end(self) -> None:
        sagemaker = self.server.boto("sagemaker")
        for name in self.jobs:
            try:
                sagemaker.stop_training_job(TrainingJobName=name)
            except ClientError:
                continue
        for name in self.jobs:
            self.when(name, lambda step, _: step in {"Stopped", "Completed", "Failed"})
        for quota, whose in dict.fromkeys(self.set_):
            self.command("quotas", "unset", quota, *whose, check=False)


def request(name: str, shell: str) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": "sagewright/sagemaker-base-python:py3",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/bash", "-c"],
            "ContainerArguments": [shell],
        },
        "RoleArn": DEFAULT_ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://quotas-output/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 200},
    }


def test_instances_beyond_a_limit_are_refused_in_awss_words(team: Team, limits: Limits) -> None:
    ann = team.person(FULL)
    sagemaker = ann.boto("sagemaker")
    limits.set(TRAINING, 2)
    for _ in range(2):
        limits.job(sagemaker)
    code, said = refusal(sagemaker.create_training_job, **request("third", "true"))
    assert (code, said) == (
        "ResourceLimitExceeded",
        f"The account-level service limit '{TRAINING}' is 2 Instances, with current utilization of 2 Instances and a request "
        f"delta of 1 Instances. {ADVICE}",
    )
    limits.set("Number of instances across all training jobs", 3)
    other = {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 1}
    _, said = refusal(sagemaker.create_training_job, **request("third", "true") | {"ResourceConfig": other})
    assert "'Number of instances across all training jobs' is 3 Instances, with current utilization of 2" in said
    assert "request delta of 2 Instances" in said
    assert refusal(sagemaker.describe_training_job, TrainingJobName="third")[0] == "ValidationException"
    used = {one["name"]: (one["limit"], one["used"]) for one in limits.listed()}
    assert used[TRAINING] == (2, 2)
    sagemaker.stop_training_job(TrainingJobName=limits.jobs[0])
    limits.when(limits.jobs[0], lambda step, _: step == "Stopped")
    limits.job(sagemaker)


def test_limits_of_a_user_a_role_and_of_other_kinds(team: Team, limits: Limits) -> None:
    ann, bob = team.person(FULL), team.person(FULL)
    role = team.role(allow("s3:*"), name=f"narrow-{uuid.uuid4().hex[:6]}")
    limits.set(TRAINING, 0, "--user", ann.name)
    limits.set("Number of instances across all spot training jobs", 0, "--role", role.rpartition("/")[2])
    _, said = refusal(ann.boto("sagemaker").create_training_job, **request("of-ann", "true"))
    assert said.startswith(f"The user-level service limit '{TRAINING}' of user {ann.name} is 0 Instances,")
    limits.job(bob.boto("sagemaker"), "true")
    spot = {
        "RoleArn": role,
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
    }
    _, said = refusal(bob.boto("sagemaker").create_training_job, **request("as-role", "true") | spot)
    assert said.startswith(
        "The role-level service limit 'Number of instances across all spot training jobs' of role narrow-"
    )
    limits.job(bob.boto("sagemaker"), "true", RoleArn=role)
    limits.set("ml.t3.medium for processing job usage", 0)
    processing = {
        "ProcessingJobName": "p",
        "RoleArn": DEFAULT_ROLE,
        "AppSpecification": {"ImageUri": "sagewright/sagemaker-base-python:py3"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}
        },
    }
    assert refusal(bob.boto("sagemaker").create_processing_job, **processing)[0] == "ResourceLimitExceeded"


def test_a_tuning_job_is_refused_at_once_and_its_jobs_wait_for_a_limit(team: Team, limits: Limits) -> None:
    ann = team.person(FULL)
    sagemaker = ann.boto("sagemaker")
    limits.set(TRAINING, 1, "--user", ann.name)
    wanted = request("tuned", "echo 'loss=1;'")
    definition = {name: wanted[name] for name in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")}
    definition["AlgorithmSpecification"] = wanted["AlgorithmSpecification"] | {
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9]+);"}]
    }
    definition["AlgorithmSpecification"].pop("ContainerEntrypoint")
    definition["AlgorithmSpecification"].pop("ContainerArguments")
    config = {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {"IntegerParameterRanges": [{"Name": "x", "MinValue": "1", "MaxValue": "9"}]},
    }
    asked = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": definition}
    _, said = refusal(sagemaker.create_hyper_parameter_tuning_job, HyperParameterTuningJobName="tuned", **asked)
    assert f"'{TRAINING}' of user {ann.name} is 1 Instances" in said
    assert "a request delta of 2 Instances" in said
    limits.command("quotas", "unset", TRAINING, "--user", ann.name)
    sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned", **asked)
    found = {}
    deadline = time.monotonic() + 30
    while len(found) < 2:
        assert time.monotonic() < deadline
        found = {
            one["TrainingJobName"] for one in sagemaker.list_training_jobs(NameContains="tuned")["TrainingJobSummaries"]
        }
        time.sleep(0.1)
    holders = {one["owner"]: one for one in json.loads(limits.command("top", "--json"))["holders"]}
    assert "role/SageMakerExecutionRole" not in holders, "they count for the user, not for their role"
    with contextlib.suppress(ClientError):  # it may have failed: no value is an objective
        sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
    for name in found:
        limits.when(name, lambda step, _: step in {"Stopped", "Completed", "Failed"})


def test_endpoints_have_limits(team: Team, limits: Limits) -> None:
    sagemaker = team.server.boto("sagemaker")
    image = {"Image": "sagewright/sagemaker-base-python:py3"}
    sagemaker.create_model(ModelName="limited", ExecutionRoleArn=DEFAULT_ROLE, PrimaryContainer=image)
    for name, count in (("one", 1), ("two", 2)):
        variant = {"VariantName": "v", "ModelName": "limited", "InstanceType": "ml.t2.large"}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant | {"InitialInstanceCount": count}]
        )
    limits.set("L-1410387A", 1)
    code, said = refusal(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="two")
    assert code == "ResourceLimitExceeded"
    assert (
        "'ml.t2.large for endpoint usage' is 1 Instances, with current utilization of 0 Instances and a request delta of 2"
        in said
    )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    _, said = refusal(sagemaker.create_endpoint, EndpointName="f", EndpointConfigName="one")
    assert "with current utilization of 1 Instances and a request delta of 1 Instances" in said
    limits.command("quotas", "unset", "L-1410387A")
    deadline = time.monotonic() + 30
    while sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] != "Failed":  # the image serves no model
        assert time.monotonic() < deadline
        time.sleep(0.1)
    limits.set("endpoints", 1)
    sagemaker.create_endpoint(EndpointName="f", EndpointConfigName="one")
    _, said = refusal(sagemaker.create_endpoint, EndpointName="g", EndpointConfigName="one")
    assert "'Number of endpoints' is 1 Endpoints, with current utilization of 1 Endpoints" in said


def test_a_limit_of_cpus_holds_a_job_and_says_so(team: Team, limits: Limits) -> None:
    ann, bob = team.person(FULL), team.person(FULL)
    limits.set("cpus", 1, "--user", ann.name)
    held = limits.job(ann.boto("sagemaker"), "true")
    said = limits.when(held, lambda _, message: message.startswith("Queued: the limit"))
    assert said == (
        f"Queued: the limit of user {ann.name} is 1 CPUs, and this job needs 2: it can't start before the limit is raised."
    )
    other = limits.job(bob.boto("sagemaker"), "true")
    limits.when(other, lambda step, _: step == "Completed")
    assert said in limits.command("why", held)
    limits.set("cpus", 2, "--user", ann.name)
    limits.when(held, lambda step, _: step == "Completed")
    limits.set("jobs", 0, "--user", ann.name)
    idle = limits.job(ann.boto("sagemaker"), "true")
    limits.when(idle, lambda _, message: "0 jobs running at once" in message)


def test_top_shows_who_holds_what(team: Team, limits: Limits) -> None:
    ann, bob = team.person(FULL), team.person(FULL)
    limits.set("cpus", 2, "--user", ann.name)
    first = limits.job(ann.boto("sagemaker"))
    limits.when(first, lambda step, _: step == "Training")
    waiting = limits.job(bob.boto("sagemaker"))
    holders = {one["owner"]: one for one in json.loads(limits.command("top", "--json"))["holders"]}
    mine, his = holders[f"user/{ann.name}"], holders[f"user/{bob.name}"]
    assert (mine["cpus"], mine["running"], mine["waiting"], mine["role"]) == (2, 1, 0, "SageMakerExecutionRole")
    assert [(one["name"], one["used"], one["limit"]) for one in mine["limits"]] == [("CPUs of running jobs", 2, 2)]
    assert (his["cpus"], his["running"], his["waiting"]) == (0, 0, 1)
    table = limits.command("top", "--once")
    assert f"user/{ann.name}" in table
    assert waiting in table


def test_the_api_of_service_quotas(team: Team, limits: Limits) -> None:
    quotas = team.server.boto("service-quotas")
    services = quotas.list_services()["Services"]
    assert {one["ServiceCode"]: one["ServiceName"] for one in services} == {
        "sagemaker": "Amazon SageMaker",
        "sagewright": "Sagewright",
    }
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    found = {one["QuotaCode"]: one for page in pages for one in page["Quotas"]}
    assert len(found) > 500
    assert found["L-611FA074"]["QuotaName"] == TRAINING
    assert found["L-611FA074"]["Value"] == 10_000_000_000
    assert found["L-611FA074"]["QuotaArn"].endswith(":sagemaker/L-611FA074")
    limits.set("L-611FA074", 7)
    of_training = {"ServiceCode": "sagemaker", "QuotaCode": "L-611FA074"}
    assert quotas.get_service_quota(**of_training)["Quota"]["Value"] == 7
    assert quotas.get_aws_default_service_quota(**of_training)["Quota"]["Value"] == 10_000_000_000
    defaults = quotas.get_paginator("list_aws_default_service_quotas").paginate(ServiceCode="sagewright")
    assert {one["QuotaCode"] for page in defaults for one in page["Quotas"]} >= {"SW-CPUS", "SW-JOBS", "SW-WEIGHT"}
    ann = team.person(FULL)
    limits.set("gpus", 1, "--user", ann.name)
    own = quotas.get_service_quota(ServiceCode="sagewright", QuotaCode="SW-GPUS", ContextId=ann.arn)["Quota"]
    assert (own["Value"], own["QuotaAppliedAtLevel"], own["QuotaContext"]["ContextId"]) == (1, "RESOURCE", ann.arn)
    listed = quotas.list_service_quotas(ServiceCode="sagewright", QuotaAppliedAtLevel="RESOURCE")["Quotas"]
    assert own in listed
    assert refusal(quotas.get_service_quota, ServiceCode="sagemaker", QuotaCode="L-0")[0] == "NoSuchResourceException"
    assert refusal(quotas.list_service_quotas, ServiceCode="ec2")[0] == "NoSuchResourceException"
    wrong = refusal(quotas.list_service_quotas, ServiceCode="sagemaker", NextToken="forged")
    assert wrong[0] == "InvalidPaginationTokenException"
    assert refusal(quotas.associate_service_quota_template)[0] == "UnknownOperationException"


def test_a_larger_quota_is_requested_and_decided(team: Team, limits: Limits) -> None:
    ann = team.person(FULL)
    quotas = ann.boto("service-quotas")
    limits.set(TRAINING, 1)
    wanted = {"ServiceCode": "sagemaker", "QuotaCode": "L-611FA074", "DesiredValue": 3.0}
    for value in (1.0, float("nan")):
        code, _ = refusal(quotas.request_service_quota_increase, **wanted | {"DesiredValue": value})
        assert code in {"IllegalArgumentException", "SerializationException"}
    asked = quotas.request_service_quota_increase(**wanted)["RequestedQuota"]
    assert (asked["Status"], asked["Requester"], asked["DesiredValue"]) == ("PENDING", ann.arn, 3)
    assert refusal(quotas.request_service_quota_increase, **wanted)[0] == "ResourceAlreadyExistsException"
    assert quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-611FA074")["Quota"]["Value"] == 1
    assert asked["Id"] in limits.command("quotas", "requests")
    limits.command("quotas", "approve", asked["Id"])
    assert quotas.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]["Status"] == "APPROVED"
    assert quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-611FA074")["Quota"]["Value"] == 3
    assert "is APPROVED, not PENDING" in limits.command("quotas", "deny", asked["Id"], check=False)
    again = quotas.request_service_quota_increase(**wanted | {"DesiredValue": 9.0})["RequestedQuota"]
    limits.command("quotas", "deny", again["Id"])
    history = quotas.list_requested_service_quota_change_history(ServiceCode="sagemaker", Status="DENIED")
    assert [one["Id"] for one in history["RequestedQuotas"]] == [again["Id"]]
    admin = team.server.boto("service-quotas").request_service_quota_increase(**wanted | {"DesiredValue": 5.0})
    assert admin["RequestedQuota"]["Status"] == "APPROVED"
    by_quota = {"ServiceCode": "sagemaker", "QuotaCode": "L-611FA074"}
    assert len(quotas.list_requested_service_quota_change_history_by_quota(**by_quota)["RequestedQuotas"]) == 3


def test_only_those_who_may_set_limits_and_priorities(team: Team, limits: Limits, tmp_path: Path) -> None:
    ann = team.person(FULL)
    _as(ann, tmp_path)
    done = subprocess.run(
        [COMMAND, "quotas", "set", "cpus", "64", "--data", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "is not authorized to perform: sagewright:SetQuota" in done.stderr
    urgent = {"Tags": [{"Key": "sagewright:priority", "Value": "5"}]}
    code, said = refusal(ann.boto("sagemaker").create_training_job, **request("urgent", "true") | urgent)
    assert (code, "sagewright:RaisePriority" in said) == ("AccessDeniedException", True)
    limits.job(ann.boto("sagemaker"), "true", Tags=[{"Key": "sagewright:priority", "Value": "-5"}])
    ann.may(FULL, allow("sagewright:RaisePriority"))
    limits.job(ann.boto("sagemaker"), "true", **urgent)
    wrong = {"Tags": [{"Key": "sagewright:priority", "Value": "soon"}]}
    assert (
        refusal(ann.boto("sagemaker").create_training_job, **request("w", "true") | wrong)[0] == "ValidationException"
    )
    for quota, value, whose, words in (
        ("no-such", "1", "", "There is no quota no-such"),
        ("cpus", "nan", "", "A limit is a number from 0"),
        ("weight", "1", "", "A weight is one of a user or a role"),
    ):
        assert words in limits.command("quotas", "set", quota, value, *whose.split(), check=False)


def test_the_aws_cli_lists_quotas(team: Team) -> None:
    if not Path("/usr/bin/aws").exists():
        pytest.skip("the AWS CLI is not installed")
    command = ["/usr/bin/aws", "service-quotas", "get-service-quota", "--service-code", "sagewright"]
    done = team.server.door(*command, "--quota-code", "SW-CPUS", "--query", "Quota.QuotaName", "--output", "text")
    assert done.stdout.strip() == "CPUs of running jobs", done.stderr


def _as(person: Person, folder: Path) -> None:
    """Makes a folder with a person's key, for `--data`."""
    (folder / "endpoint").write_text(person.server.endpoint)
    text = f"[default]\naws_access_key_id = {person.key[0]}\naws_secret_access_key = {person.key[1]}\n"
    (folder / "credentials").write_text(text)
    (folder / "credentials").chmod(0o600)
