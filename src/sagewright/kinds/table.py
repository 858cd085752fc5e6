"""All kinds of jobs, by name. A registered kind is queued, launched, reported and ended like the others."""

from __future__ import annotations

from sagewright.kinds.app import AppKind
from sagewright.kinds.base import Kind
from sagewright.kinds.function import FunctionKind
from sagewright.kinds.processing import ProcessingKind
from sagewright.kinds.serving import ServingKind
from sagewright.kinds.tracking import TrackingKind
from sagewright.kinds.training import TrainingKind
from sagewright.kinds.transform import TransformKind
from sagewright.model.jobs.state_machines import STATE_MACHINES

KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Adds a kind, with its state machine, before a server starts. Raises RuntimeError for a name that is in use."""
    if kind.name in KINDS:
        raise RuntimeError(f"the kind of job {kind.name} is registered twice")
    KINDS[kind.name] = kind
    STATE_MACHINES.setdefault(kind.name, kind.state_machine)
    return kind


for _kind in (
    TrainingKind(),
    ProcessingKind(),
    TransformKind(),
    FunctionKind(),
    ServingKind(),
    TrackingKind(),
    AppKind(),
):
    register(_kind)
