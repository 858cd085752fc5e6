"""Apps and notebook instances: one start of JupyterLab, or of another interactive program, which runs until it is stopped.

`engine.apps` writes the request of such a job (`AppRequest`). Its home is a folder of the server's data directory, shared by all
starts of the same space or notebook instance. Source: AWS's developer guide, "Amazon SageMaker Studio" and "Notebook instances".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.kinds.base import MAX_FAILURE, Demand, Failure, Kind, NamedJob
from sagewright.model.jobs.brief import (
    Brief,
    Folder,
    HealthCheck,
    HostGroup,
    InputBrief,
    NotebookKernel,
    Program,
    Purpose,
)
from sagewright.model.jobs.state_machines import INTERACTIVE
from sagewright.model.members import TypedDocument, member

APP, NOTEBOOK = "app", "notebook-instance"
"""Kinds of the subjects that such a job is created for."""
HOMES = "spaces"
"""Folder of all homes in the data directory, and its name in briefs; no client's file system has this name."""
GROUP, HOST = "app", "algo-1"
CONFIG, SOCKETS, SETUP = "input/config", "serving", "input/config/app.json"
METADATA, NOTE = "metadata/resource-metadata.json", "output/failure"
START_S = 3600
"""Timeout of the first start, which may install several environments, and run life-cycle scripts of five minutes each."""
STOP_GRACE_S = 10.0
FOR_EVER_S = 20 * 365 * 86_400
SETUP_MODULE = ("python", "-m", "sagewright.toolkit.apps")
"""The program that prepares the home, and then becomes the one that its arguments name."""
STATUS_PATH = "/api/status"
"""Path that these programs answer, in Jupyter's form."""
EDITOR_PATH = "/healthz"
"""The same of code-server, in its own form."""


@dataclass(frozen=True, kw_only=True)
class AppRequest(TypedDocument):
    """The request of one start. `subject`: kind and id of the app or notebook instance; `home`: folder below HOMES; `home_path`:
    where the program finds it; `setup`: what happens before the program starts, see `toolkit.jupyter`; `metadata`: contents of
    resource-metadata.json."""

    name: str = member("Name")
    title: str = member("Title")
    subject: list[str] = member("Subject")
    role: str = member("Role")
    instance_type: str = member("Instance")
    image: str = member("Program")
    module: list[str] = member("Command")
    home: str = member("Home")
    home_path: str = member("HomePath")
    metadata: dict[str, Any] = member("Metadata", dict)
    setup: dict[str, Any] = member("Setup", dict)
    kernels: list[dict[str, str]] = member("Kernels", list)
    environment: dict[str, str] = member("Variables", dict)
    health_path: str = member("HealthPath", STATUS_PATH)
    log_group: str = member("LogGroup", "/aws/sagemaker/studio")
    log_stream: str = member("LogStream")


class AppKind(Kind):
    state_machine = INTERACTIVE
    resource = APP
    log_group = "/aws/sagemaker/studio"
    namespace = "/aws/sagemaker/Apps"
    dimension = "AppName"

    def demand(self, request: dict[str, Any]) -> Demand:
        asked = AppRequest.read(request)
        return Demand(
            role_arn=asked.role,
            image=asked.image,
            purpose=Purpose.PROCESS,
            instance_type=asked.instance_type,
            hosts=1,
            max_runtime_s=FOR_EVER_S,
            queued=False,
            stop_grace_s=STOP_GRACE_S,
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        asked = AppRequest.read(request)
        return Brief(
            kind=self.name,
            name=asked.name,
            arn=job.arn,
            program=Program(image=asked.image, purpose=Purpose.PROCESS, entrypoint=list(asked.module)),
            groups=[HostGroup(GROUP, asked.instance_type, [HOST])],
            resources=f"{CONFIG}/resourceconfig.json",
            environment=asked.environment,
            documents={METADATA: asked.metadata, SETUP: asked.setup | {"home": asked.home_path}},
            directories=[CONFIG, SOCKETS, "output", "metadata"],
            inputs=[
                InputBrief(
                    title="Home", place=asked.home_path, folder=Folder(HOMES, asked.home, writable=True, counted=True)
                )
            ],
            note=NOTE,
            health=HealthCheck(start_s=START_S, path=asked.health_path, lasting=False),
            kernels=[NotebookKernel(**one) for one in asked.kernels],
        )

    def failure_reason(self, failure: Failure) -> str:
        return (failure.text or f"The program ended with exit code {failure.code}; see its log.")[:MAX_FAILURE]

    def folders(self, data: Path) -> dict[str, Path]:
        return {HOMES: data / HOMES}

    def log_group_of(self, request: dict[str, Any]) -> str:
        return AppRequest.read(request).log_group

    def log_stream(self, job: str, host: str, at_ms: int, request: dict[str, Any]) -> str:  # noqa: ARG002
        return AppRequest.read(request).log_stream

    def owner(self, request: dict[str, Any]) -> tuple[str, str] | None:
        kind, subject = AppRequest.read(request).subject
        return kind, subject
