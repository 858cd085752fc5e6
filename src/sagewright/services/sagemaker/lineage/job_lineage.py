"""Lineage of jobs: a trial component, its inputs and its outputs.

Source: AWS's developer guide, "Amazon SageMaker AI-Created Tracking Entities": the image and the data of each input, the location
of the model, of spot checkpoints and of outputs. Notebooks show that the model of a transform job contributed to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagewright.kinds.base import OWNER
from sagewright.kinds.modelcontainers import containers_of
from sagewright.kinds.training import model_uri
from sagewright.kinds.transform import MODEL
from sagewright.model.jobs.state_machines import PROCESSING, TRAINING, TRANSFORM, Status
from sagewright.services.context import Context
from sagewright.services.sagemaker.lineage.lineage_graphs import COMPONENT, PRODUCED, Graph
from sagewright.store.jobs.jobs import Job

DATA, IMAGE, MODEL_DATA, CHECKPOINT, TENSORBOARD = "DataSet", "Image", "Model", "Checkpoint", "TensorBoard"
KINDS = (TRAINING.kind, PROCESSING.kind, TRANSFORM.kind)
LEAVES = frozenset({Status.COMPLETED, Status.STOPPED})
"""Statuses in which a training job can have produced a model; other jobs have outputs only if they are Completed."""
Uris = Iterator[tuple[str, str]]
Document = dict[str, Any]


def of_job(context: Context, job: Job) -> Graph:
    """Returns the job's current graph; outputs are part of it once the job has ended."""
    graph, request = Graph(context, job), job.request
    inputs = {TRAINING.kind: _of_training, PROCESSING.kind: _of_processing, TRANSFORM.kind: _of_transform}[job.kind]
    for uri, kind in inputs(request):
        if uri:
            graph.link(graph.artifact(uri, kind), COMPONENT)
    if job.status == Status.COMPLETED or (job.kind == TRAINING.kind and job.status in LEAVES):
        made_by = {"MetadataProperties": {"GeneratedBy": execution}} if (execution := _execution(request)) else {}
        for uri, kind in _left(job):
            if uri:
                graph.link(COMPONENT, graph.artifact(uri, kind, **made_by), PRODUCED)
    return graph


def _execution(request: Document) -> str:
    """Returns the ARN of the pipeline execution that the job belongs to, or ""."""
    arn = str(request.get(OWNER, {}).get("Arn", ""))
    return arn if "/execution/" in arn else ""


def _of_training(request: Document) -> Uris:
    yield request["AlgorithmSpecification"].get("TrainingImage") or "", IMAGE
    for channel in request.get("InputDataConfig") or ():
        yield (channel.get("DataSource", {}).get("S3DataSource") or {}).get("S3Uri") or "", DATA


def _of_processing(request: Document) -> Uris:
    yield request["AppSpecification"]["ImageUri"], IMAGE
    for one in request.get("ProcessingInputs") or ():
        yield (one.get("S3Input") or {}).get("S3Uri") or "", DATA


def _of_transform(request: Document) -> Uris:
    for container in containers_of(request[MODEL]):
        yield container.get("Image") or "", IMAGE
        yield model_data(container), MODEL_DATA
    yield request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"], DATA


def model_data(container: Document) -> str:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    return container.get("ModelDataUrl") or source.get("S3Uri") or ""


def _left(job: Job) -> Uris:
    request = job.request
    if job.kind == TRAINING.kind:
        yield model_uri(job.name, request["OutputDataConfig"]), MODEL_DATA
        yield (request.get("CheckpointConfig") or {}).get("S3Uri") or "", CHECKPOINT
        yield (request.get("TensorBoardOutputConfig") or {}).get("S3OutputPath") or "", TENSORBOARD
    elif job.kind == PROCESSING.kind:
        for one in (request.get("ProcessingOutputConfig") or {}).get("Outputs") or ():
            yield (one.get("S3Output") or {}).get("S3Uri") or "", DATA
    else:
        yield request["TransformOutput"]["S3OutputPath"], DATA
