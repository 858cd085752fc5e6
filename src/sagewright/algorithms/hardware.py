"""What the host offers to an algorithm."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_DEVICE = re.compile(r"nvidia[0-9]+")


def gpu_count(environment: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> int:
    """NVIDIA GPUs of this process: SM_NUM_GPUS if set, else device nodes, less what CUDA_VISIBLE_DEVICES hides."""
    declared = environment.get("SM_NUM_GPUS", "")
    if declared.isdecimal():
        return int(declared)
    present = sum(1 for node in devices.iterdir() if _DEVICE.fullmatch(node.name)) if devices.is_dir() else 0
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    return present if visible is None else min(present, len([each for each in visible.split(",") if each.strip()]))
