"""The backend of jupyter-scheduler, so that JupyterLab's "Create Job" makes training jobs and schedules on the server.

Options that the extension's form lacks are parameters: see `options`. Requests run in threads: kernels are answered meanwhile.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from jupyter_scheduler.environments import EnvironmentManager
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.executors import ExecutionManager
from jupyter_scheduler.job_files_manager import JobFilesManager
from jupyter_scheduler.models import (
    DescribeJob,
    DescribeJobDefinition,
    JobFeature,
    ListJobDefinitionsResponse,
    ListJobsResponse,
    RuntimeEnvironment,
)
from jupyter_scheduler.scheduler import BaseScheduler

from sagewright.toolkit.notebook_jobs.crontabs import BadCrontab, schedule_expression
from sagewright.toolkit.notebook_jobs.descriptions import FORMATS, definition_document, job_document
from sagewright.toolkit.notebook_jobs.options import VARIABLE, read_options
from sagewright.toolkit.notebook_jobs.outputs import NoOutput, read_output
from sagewright.toolkit.notebook_jobs.requests import DEFINITION, BadNotebookJob, NotebookJob, job_name
from sagewright.toolkit.notebook_jobs.service import ENVIRONMENTS, NotebookJobService, files_beside

COMPUTE = ("ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.m5.4xlarge", "ml.g5.xlarge")
ENDED = frozenset({"COMPLETED", "FAILED", "STOPPED"})
MOST_JOBS = 1000
CHANGED = (
    "Name",
    "Description",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "Target",
    "State",
)
"""Members of a schedule that an update has to repeat."""
Method = Callable[..., Any]


def threaded(method: Method) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Makes a method run in a thread, with errors that the extension shows."""

    def worded(*given: Any, **named: Any) -> Any:
        try:
            return method(*given, **named)
        except (BadNotebookJob, BadCrontab, BotoCoreError, NoOutput) as error:
            raise SchedulerError(str(error)) from None
        except ClientError as error:
            raise SchedulerError(error.response["Error"]["Message"]) from None

    @functools.wraps(method)
    async def run(*given: Any, **named: Any) -> Any:
        return await asyncio.to_thread(worded, *given, **named)

    return run


class SageMakerEnvironments(EnvironmentManager):  # type: ignore[misc]
    """The images in which a notebook can run."""

    def list_environments(self) -> list[Any]:
        return [
            RuntimeEnvironment(
                name=name,
                label=label,
                description=f"Image {repository}",
                file_extensions=["ipynb"],
                output_formats=FORMATS,
                metadata={"image": repository},
                compute_types=list(COMPUTE),
                default_compute_type=COMPUTE[0],
                utc_only=False,
            )
            for name, (label, _, repository) in ENVIRONMENTS.items()
        ]

    def manage_environments_command(self) -> str:
        return ""

    def output_formats_mapping(self) -> dict[str, str]:
        return {"ipynb": "Notebook", "html": "HTML"}


class SageMakerExecution(ExecutionManager):  # type: ignore[misc]
    """Features of the extension's form. Nothing is executed here."""

    @staticmethod
    def supported_features(_kind: Any = None) -> dict[Any, bool]:
        offered = {
            JobFeature.job_name,
            JobFeature.parameters,
            JobFeature.output_formats,
            JobFeature.job_definition,
            JobFeature.stop_job,
            JobFeature.delete_job,
        }
        return {feature: feature in offered for feature in JobFeature}

    def execute(self) -> None:
        raise SchedulerError("Notebook jobs run on the server.")


class SageMakerScheduler(BaseScheduler):  # type: ignore[misc]
    """Jobs are training jobs, definitions are schedules; nothing is kept here."""

    task_runner = None

    def __init__(self, *given: Any, **named: Any) -> None:
        named.pop("db_url", None)
        super().__init__(*given, **named)
        self._service = NotebookJobService(boto3)

    # Jobs.

    @threaded
    def create_job(self, model: Any) -> str:
        job, files = self._job(model)
        return self._service.start(job, files)

    async def update_job(self, job_id: str, model: Any) -> None:
        if model.status == "STOPPED":
            await self.stop_job(job_id)

    async def list_jobs(self, query: Any) -> Any:
        """Returns the jobs; none, without a request, to a page that only asks whether the backend answers (`max_items=0`)."""
        if query.max_items == 0:
            return ListJobsResponse(jobs=[], total_count=0, next_token=None)
        return await self._listed_jobs(query)

    @threaded
    def _listed_jobs(self, query: Any) -> Any:
        filters = []
        if query.job_definition_id:
            filters.append({"Name": f"Tags.{DEFINITION}", "Operator": "Equals", "Value": query.job_definition_id})
        most = min(query.max_items or MOST_JOBS, MOST_JOBS)
        found = [self._described(one) for one in self._service.jobs(filters, most)]
        found = [one for one in found if query.status in {None, one.status} and one.name.startswith(query.name or "")]
        return ListJobsResponse(jobs=found, total_count=len(found), next_token=None)

    @threaded
    def count_jobs(self, query: Any) -> int:
        if query.status != "IN_PROGRESS":
            return 0
        filters = [{"Name": "TrainingJobStatus", "Operator": "Equals", "Value": "InProgress"}]
        return sum(1 for _ in self._service.jobs(filters, MOST_JOBS))

    @threaded
    def get_job(self, job_id: str, job_files: bool | None = True) -> Any:
        return self._described(self._tagged(job_id), files=bool(job_files))

    @threaded
    def delete_job(self, job_id: str) -> None:
        client = self._service.client("sagemaker")
        if self._service.describe(job_id)["TrainingJobStatus"] == "InProgress":
            client.stop_training_job(TrainingJobName=job_id)
        else:
            client.delete_training_job(TrainingJobName=job_id)

    @threaded
    def stop_job(self, job_id: str) -> None:
        self._service.client("sagemaker").stop_training_job(TrainingJobName=job_id)

    # Schedules.

    @threaded
    def create_job_definition(self, model: Any) -> str:
        if not model.schedule:
            raise BadCrontab("A schedule is needed: five fields of a crontab line.")
        job, files = self._job(model)
        return self._service.schedule(job, files, model.schedule, model.timezone or "")

    @threaded
    def update_job_definition(self, job_definition_id: str, model: Any) -> None:
        found = self._schedule(job_definition_id)
        changed = {name: found[name] for name in CHANGED if name in found}
        if model.schedule:
            changed["ScheduleExpression"] = schedule_expression(model.schedule)
        if model.timezone:
            changed["ScheduleExpressionTimezone"] = model.timezone
        if model.active is not None:
            changed["State"] = "ENABLED" if model.active else "DISABLED"
        self._service.client("scheduler").update_schedule(**changed)

    @threaded
    def delete_job_definition(self, job_definition_id: str) -> None:
        self._service.client("scheduler").delete_schedule(Name=self._schedule(job_definition_id)["Name"])

    @threaded
    def get_job_definition(self, job_definition_id: str) -> Any:
        return DescribeJobDefinition(**definition_document(self._schedule(job_definition_id)))

    @threaded
    def list_job_definitions(self, query: Any) -> Any:
        found = [DescribeJobDefinition(**definition_document(one)) for one in self._service.schedules()]
        found = [one for one in found if one.name.startswith(query.name or "")]
        return ListJobDefinitionsResponse(job_definitions=found, total_count=len(found), next_token=None)

    @threaded
    def create_job_from_definition(self, job_definition_id: str, model: Any) -> str:
        schedule = self._schedule(job_definition_id)
        request = json.loads(schedule["Target"]["Input"])
        name = job_name(schedule.get("Description") or schedule["Name"], uuid.uuid4().hex[:12])
        parameters = (request.get("HyperParameters") or {}) | (model.parameters or {})
        own = {"TrainingJobName": name, "HyperParameters": parameters}
        self._service.client("sagemaker").create_training_job(**request | own)
        return name

    # Files.

    def get_staging_paths(self, _model: Any) -> dict[str, str]:
        return {}

    @threaded
    def write_output(self, job_id: str) -> None:
        """Writes a job's notebook, and its HTML, into the folder of its output in the home."""
        described = self._tagged(job_id)
        job = self._described(described, files=False)
        content = read_output(self._service.client("s3"), described)
        folder, names = Path(self.get_local_output_path(job)), self.get_job_filenames(job)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / names["ipynb"], content)
        _write(folder / names["input"], content)
        _write(folder / names["html"], _as_html(content))

    def _described(self, job: dict[str, Any], *, files: bool = True) -> Any:
        model = DescribeJob(**job_document(job))
        if files and model.status in ENDED:
            self.add_job_files(model)
        return model

    def _tagged(self, name: str) -> dict[str, Any]:
        job = self._service.describe(name)
        return job | {"Tags": self._service.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]}

    def _schedule(self, name: str) -> dict[str, Any]:
        found = self._service.find_schedule(name)
        if found is None:
            raise BadNotebookJob(f"There is no schedule {name}.")
        return found

    def _job(self, model: Any) -> tuple[NotebookJob, list[tuple[str, Path]]]:
        """Returns a job and its files. Raises BadNotebookJob."""
        path = Path(self.root_dir) / model.input_uri.lstrip("/")
        if not self.file_exists(model.input_uri):
            raise BadNotebookJob(f"There is no file {model.input_uri}.")
        further = {
            f"{VARIABLE}{name}": str(value) for name, value in (model.runtime_environment_parameters or {}).items()
        }
        options = read_options({**(model.parameters or {}), **further})
        job = NotebookJob(
            label=model.name,
            notebook=path.name,
            role=self._service.role(),
            image=self._service.image(model.runtime_environment_name),
            environment_name=model.runtime_environment_name,
            instance_type=model.compute_type or COMPUTE[0],
            **vars(options),
        )
        return job, files_beside(path, options.startup_script, folder=bool(model.package_input_folder))


class SageMakerJobFiles(JobFilesManager):  # type: ignore[misc]
    """Downloads outputs from S3."""

    async def copy_from_staging(self, job_id: str, redownload: bool | None = False) -> None:  # noqa: ARG002 - the base's name
        await self.scheduler.write_output(job_id)


def _write(path: Path, content: bytes) -> None:
    """Replaces a file at once, never through a link."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(name).replace(path)


def _as_html(content: bytes) -> bytes:
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.reads(content.decode(), as_version=4)
    body, _ = HTMLExporter(sanitize_html=True).from_notebook_node(notebook)
    return str(body).encode()
