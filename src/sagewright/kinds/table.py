"""All kinds of work, by name."""

from __future__ import annotations

from sagewright.kinds.base import Kind
from sagewright.kinds.function import Function
from sagewright.kinds.processing import Processing
from sagewright.kinds.serving import Serving
from sagewright.kinds.tracking import Tracking
from sagewright.kinds.training import Training
from sagewright.kinds.transform import Transforming

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (Training(), Processing(), Transforming(), Function(), Serving(), Tracking())
}
