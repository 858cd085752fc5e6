"""Notebook jobs and their schedules on the server, by boto3."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sagewright.toolkit.notebook_jobs.crontabs import schedule_expression
from sagewright.toolkit.notebook_jobs.requests import (
    IS_JOB,
    BadNotebookJob,
    NotebookJob,
    job_name,
    scheduled_name,
    training_request,
)

TARGET = "arn:aws:scheduler:::aws-sdk:sagemaker:createTrainingJob"
SCHEDULES = "notebook-"
METADATA = Path("/opt/ml/metadata/resource-metadata.json")
IMAGE = "{account}.dkr.ecr.{region}.amazonaws.com/{repository}"
ENVIRONMENTS = {
    "base-python": ("Python 3 (SageMaker SDK)", "236514542706", "sagemaker-base-python-310:1.0"),
    "pytorch": ("PyTorch", "763104351884", "pytorch-training:2.8.0-cpu-py312"),
    "scikit-learn": ("scikit-learn", "683313688378", "sagemaker-scikit-learn:1.2-1-cpu-py3"),
}
"""Environments by name: label, account and repository of the image."""
MOST_INPUTS, MOST_INPUT_BYTES = 500, 1 << 30
"""Files of an input folder, and their bytes."""


@dataclass(frozen=True)
class JobFolders:
    """S3 folders of a job."""

    inputs: str
    outputs: str


class NotebookJobService:
    """`session`: a boto3 session, or the module; clients are made once."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return self._clients[service]

    @property
    def region(self) -> str:
        return str(self.client("sagemaker").meta.region_name)

    def image(self, environment: str) -> str:
        """Returns the image of a named environment, or `environment` itself if it is a URI. Raises BadNotebookJob."""
        if "/" in environment:
            return environment
        if environment not in ENVIRONMENTS:
            raise BadNotebookJob(
                f"{environment} is none of the environments {', '.join(ENVIRONMENTS)}, and no image's URI."
            )
        _, account, repository = ENVIRONMENTS[environment]
        return IMAGE.format(account=account, region=self.region, repository=repository)

    def role(self) -> str:
        """Returns the role of the app, or that of the credentials."""
        try:
            found = json.loads(METADATA.read_text()).get("ExecutionRoleArn")
        except (OSError, ValueError):
            found = None
        if found:
            return str(found)
        arn = str(self.client("sts").get_caller_identity()["Arn"])
        assumed = re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.*", arn)
        return f"arn:{assumed[1]}:iam::{assumed[2]}:role/{assumed[3]}" if assumed else arn

    def bucket(self) -> str:
        """Returns the account's default bucket, which is created if it is missing."""
        name = f"sagemaker-{self.region}-{self.client('sts').get_caller_identity()['Account']}"
        s3 = self.client("s3")
        if name not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
            created = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
            s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": created} if created else {}))
        return name

    # Jobs.

    def start(self, job: NotebookJob, files: list[tuple[str, Path]]) -> str:
        """Uploads files by their names, starts the job, and returns its name. Raises BadNotebookJob."""
        name = job_name(job.label, uuid.uuid4().hex[:12])
        folders = self._upload(name, files)
        self.client("sagemaker").create_training_job(**training_request(job, name, folders.inputs, folders.outputs))
        return name

    def describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("sagemaker").describe_training_job(TrainingJobName=name)
        return found

    def jobs(self, filters: list[dict[str, str]], most: int) -> Iterator[dict[str, Any]]:
        """Yields notebook jobs with their tags, newest first. `filters`: further filters of Search."""
        every = [{"Name": f"Tags.{IS_JOB}", "Operator": "Equals", "Value": "true"}, *filters]
        asked = {
            "Resource": "TrainingJob",
            "SearchExpression": {"Filters": every},
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
        }
        token: dict[str, str] = {}
        while most > 0:
            page = self.client("sagemaker").search(**asked, MaxResults=min(most, 100), **token)
            yield from (one["TrainingJob"] for one in page["Results"])
            most -= len(page["Results"])
            if "NextToken" not in page:
                return
            token = {"NextToken": page["NextToken"]}

    def _upload(self, name: str, files: list[tuple[str, Path]]) -> JobFolders:
        total = sum(path.stat().st_size for _, path in files)
        if len(files) > MOST_INPUTS or total > MOST_INPUT_BYTES:
            raise BadNotebookJob(
                f"The notebook's folder has {len(files)} files and {total} bytes: at most {MOST_INPUTS} and "
                f"{MOST_INPUT_BYTES} are sent."
            )
        root = f"notebook-jobs/{name}"
        bucket = self.bucket()
        for key, path in files:
            self.client("s3").upload_file(str(path), bucket, f"{root}/input/{key}")
        return JobFolders(f"s3://{bucket}/{root}/input", f"s3://{bucket}/{root}/output")

    # Schedules.

    def schedule(self, job: NotebookJob, files: list[tuple[str, Path]], when: str, zone: str = "") -> str:
        """Creates a schedule that starts the job at its times, and returns its name. Raises BadNotebookJob, BadCrontab."""
        expression = schedule_expression(when)
        name = SCHEDULES + uuid.uuid4().hex[:12]
        own = replace(job, definition=name)
        folders = self._upload(name, files)
        request = training_request(own, scheduled_name(job.label), folders.inputs, folders.outputs)
        self.client("scheduler").create_schedule(
            Name=name,
            Description=job.label[:512],
            ScheduleExpression=expression,
            ScheduleExpressionTimezone=zone or "UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": TARGET, "RoleArn": job.role, "Input": json.dumps(request)},
        )
        return name

    def schedules(self) -> Iterator[dict[str, Any]]:
        """Yields the descriptions of all schedules of notebook jobs."""
        scheduler = self.client("scheduler")
        for page in scheduler.get_paginator("list_schedules").paginate(NamePrefix=SCHEDULES):
            for one in page["Schedules"]:
                found = self.find_schedule(one["Name"])
                if found is not None:
                    yield found

    def find_schedule(self, name: str) -> dict[str, Any] | None:
        """Returns a schedule of notebook jobs, None if there is no such one."""
        scheduler = self.client("scheduler")
        try:
            found: dict[str, Any] = scheduler.get_schedule(Name=name)
        except scheduler.exceptions.ResourceNotFoundException:
            return None
        return found if found["Target"]["Arn"] == TARGET else None


def files_beside(notebook: Path, script: str = "", *, folder: bool = False) -> list[tuple[str, Path]]:
    """Returns the files of a job by their paths in its input: the notebook, its start-up script, and with `folder` all others of
    its folder, without hidden ones and links. Raises BadNotebookJob."""
    found = {notebook.name: notebook}
    if script:
        beside = notebook.parent / script
        if Path(script).name != script or not beside.is_file():
            raise BadNotebookJob(f"The start-up script {script} is not in the folder of the notebook {notebook.name}.")
        found[script] = beside
    if folder:
        found |= _below(notebook.parent)
    return list(found.items())


def _below(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if not name.startswith(".") and not path.is_symlink() and path.is_file():
                found[path.relative_to(root).as_posix()] = path
            if len(found) > MOST_INPUTS:
                raise BadNotebookJob(f"The folder {root} has more than {MOST_INPUTS} files.")
    return found
