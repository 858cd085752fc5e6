"""All kinds of work, by name."""

from __future__ import annotations

from sagewright.kinds.base import Kind
from sagewright.kinds.function import FunctionKind
from sagewright.kinds.processing import ProcessingKind
from sagewright.kinds.serving import ServingKind
from sagewright.kinds.tracking import TrackingKind
from sagewright.kinds.training import TrainingKind
from sagewright.kinds.transform import TransformKind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (TrainingKind(), ProcessingKind(), TransformKind(), FunctionKind(), ServingKind(), TrackingKind())
}
