"""Plans of the hosts of an attempt: where each finds its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.dependencies import dependencies
from sagewright.compute.capacity import JobShare
from sagewright.engine.jobs import launch_plan
from sagewright.model.aws.instance_types import Resources
from sagewright.model.clock import now_ms
from sagewright.model.settings import Settings
from sagewright.objects.bucketstore import BucketStore
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import Job, JobDraft, ResourceScope

ROLE = "arn:aws:iam::000000000000:role/r"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SHARE = JobShare(Resources(1, 1, 0), Resources(1, 1, 0))


def container(code: str) -> dict[str, Any]:
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": code}
    return {"Image": SKLEARN, "ModelDataUrl": "s3://b/model.tar.gz", "Environment": variables}


def transform(*codes: str) -> dict[str, Any]:
    model = {"Containers": [container(code) for code in codes], "ExecutionRoleArn": ROLE}
    return {
        "TransformJobName": "job",
        "ResolvedModel": model,
        "AccountId": "000000000000",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}},
        "TransformOutput": {"S3OutputPath": "s3://b/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 2},
    }


@pytest.fixture
def planned(database: Database, tmp_path: Path) -> Any:
    def make(request: dict[str, Any], **settings: Any) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
        """The host files, and the roles and archives that were looked up."""
        sought: list[tuple[str, str]] = []

        def locate(_job: Job, role: str, uri: str) -> str:
            sought.append((role, uri))
            return "" if "refused" in uri else f"/objects/{uri.rpartition('/')[2]}"

        own = Settings(data=tmp_path / "data", **settings)
        objects = BucketStore(database, tmp_path / "objects", "off", "000000000000", "us-east-1")
        scope = ResourceScope("transform", "000000000000", "us-east-1")
        job = jobs.create(database, scope, JobDraft("job", request))
        parts = dependencies(database, settings=own, objects=objects, locate=locate)
        return [plan.document for plan in launch_plan.plan(parts, job, SHARE)], sought

    return make


def test_each_host_is_told_the_code_of_its_own_container(planned: Any) -> None:
    before = now_ms()
    hosts, sought = planned(transform("s3://b/one.tar.gz", "s3://b/two.tar.gz", "s3://b/refused.tar.gz"))
    assert len(hosts) == 6
    for host in hosts:
        own = host["brief"]["environment"]["SAGEMAKER_SUBMIT_DIRECTORY"].rpartition("/")[2]
        if own == "refused.tar.gz":
            assert "code_file" not in host
        else:
            assert host["code_file"] == f"/objects/{own}"
            assert before < host["code_until_ms"] <= now_ms() + launch_plan.CODE_MS
    assert {role for role, _ in sought} == {ROLE}


@pytest.mark.parametrize("settings", [{"backend": "ray"}, {"link_channels": False}, {"objects": "http://127.0.0.1:1"}])
def test_hosts_that_may_be_elsewhere_ask(planned: Any, settings: dict[str, Any]) -> None:
    hosts, sought = planned(transform("s3://b/one.tar.gz"), **settings)
    assert not any("code_file" in host for host in hosts)
    assert sought == []
