"""Tracking servers: one start of an MLflow tracking server, which runs until it is stopped.

`engine.endpoints.tracking_servers` writes the request of such a job. Its tracking data is in a folder of the server's data
directory, shared by all starts of the same tracking server. Source: MLflow's documentation of `mlflow server`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagewright.kinds.base import MAX_FAILURE, Demand, Failure, Kind, NamedJob
from sagewright.model.jobs.brief import Brief, FaultClass, Folder, HealthCheck, HostGroup, InputBrief, Program, Purpose
from sagewright.model.jobs.state_machines import TRACKING

TRACKER = "mlflow-tracking-server"
"""Kind of the subject that such a job is created for; also its name in ARNs."""
STORE = "mlflow"
"""Folder of all tracking servers in the data directory, and its name in briefs; no client's file system has this name."""
GROUP, HOST = "mlflow", "algo-1"
KEPT, CONFIG, SOCKETS = "tracking", "input/config", "serving"
START_S = 1200
"""Timeout of the first start, which installs MLflow."""
STOP_GRACE_S = 20.0
FOR_EVER_S = 20 * 365 * 86_400
SIZES = {"Small": ("ml.m5.large", 1), "Medium": ("ml.m5.xlarge", 2), "Large": ("ml.m5.2xlarge", 4)}
"""Instance type and number of worker processes of each TrackingServerSize."""


class TrackingKind(Kind):
    state_machine = TRACKING
    resource = TRACKER
    log_group = "/aws/sagemaker/MlflowTrackingServers"
    namespace = "/aws/sagemaker/MlflowTrackingServers"
    dimension = "TrackingServerName"

    def demand(self, request: dict[str, Any]) -> Demand:
        return Demand(
            role_arn=request["RoleArn"],
            image=image_of(request["MlflowVersion"]),
            purpose=Purpose.PROCESS,
            instance_type=SIZES[request["TrackingServerSize"]][0],
            hosts=1,
            max_runtime_s=FOR_EVER_S,
            queued=False,
            stop_grace_s=STOP_GRACE_S,
        )

    def brief(self, job: NamedJob, request: dict[str, Any]) -> Brief:
        instance_type, workers = SIZES[request["TrackingServerSize"]]
        return Brief(
            kind=self.name,
            name=request["TrackingServerName"],
            arn=job.arn,
            program=Program(
                image=image_of(request["MlflowVersion"]),
                purpose=Purpose.PROCESS,
                entrypoint=["python", "-m", "sagewright.toolkit.tracking"],
                arguments=[request["ArtifactStoreUri"], str(workers)],
            ),
            groups=[HostGroup(GROUP, instance_type, [HOST])],
            resources=f"{CONFIG}/resourceconfig.json",
            directories=[CONFIG, SOCKETS, "output"],
            inputs=[
                InputBrief(title="What is tracked", place=KEPT, folder=Folder(STORE, request["Folder"], writable=True))
            ],
            health=HealthCheck(start_s=START_S, path="/health"),
        )

    def failure_reason(self, failure: Failure) -> str:
        said = f": {failure.text}" if failure.text else ""
        return f"{FaultClass.ALGORITHM}: the tracking server ended with exit code {failure.code}{said}"[:MAX_FAILURE]

    def folders(self, data: Path) -> dict[str, Path]:
        return {STORE: data / STORE}

    def log_stream(self, job: str, host: str, at_ms: int, request: dict[str, Any]) -> str:  # noqa: ARG002
        return f"{request['TrackingServerName']}/{at_ms}"

    def owner(self, request: dict[str, Any]) -> tuple[str, str] | None:
        return TRACKER, request["TrackingServerId"]


def image_of(version: str) -> str:
    """Returns the image of a version of MLflow; "" for any version."""
    return f"sagewright/mlflow-tracking-server:{version}" if version else "sagewright/mlflow-tracking-server"
