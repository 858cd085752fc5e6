"""Interrupts spot jobs on request. AWS has no such operation: there, interruptions happen by themselves."""

from __future__ import annotations

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.jobs.training_jobs import require_job
from sagewright.store.jobs import queue


def interrupt_training_job(context: Context, name: str) -> None:
    """Raises ValidationException for a job that does not exist, is not a spot job, or is not running."""
    job = require_job(context, name)
    if not job.request.get("EnableManagedSpotTraining"):
        raise ValidationException(f"The training job {name} is not a spot job (EnableManagedSpotTraining).")
    if job.ended:
        raise ValidationException(f"The request was rejected because the training job is in status {job.status}.")
    if not queue.ask_interrupt(context.store, job.id):
        raise ValidationException(
            f"The training job {name} has no hosts to interrupt: it is {job.status}, {job.secondary_status}."
        )
    context.engine.wake(job.kind, job.id)
