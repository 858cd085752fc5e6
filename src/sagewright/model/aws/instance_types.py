"""Nominal resources of an instance type: vCPUs, memory, GPUs, by the rules of its family.

Source: the public size tables of EC2 and of ml.* types. An unknown type counts as ml.m5 of the same size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """Resources that one host has or may use. `memory_gb` is in GiB."""

    cpus: int
    memory_gb: float
    gpus: int

    def __str__(self) -> str:
        gpus = "no GPU" if self.gpus == 0 else f"{self.gpus} GPU" + ("s" if self.gpus > 1 else "")
        return f"{self.cpus} vCPU, {self.memory_gb:g} GiB, {gpus}"


_TYPE = re.compile(r"^ml[._](?P<family>[a-z][a-z0-9-]*)[._](?P<size>[a-z0-9-]+)$")
_SMALL = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
_DEFAULT_GIB_PER_CPU = 4.0

# First letters of a family -> GiB per vCPU; the longest match counts.
_GIB_PER_CPU = {
    "c": 2.0, "c4": 1.875, "m": 4.0, "r": 8.0, "x": 16.0, "z": 8.0, "t": 2.0, "i": 8.0, "d": 8.0,
    "inf1": 2.0, "inf2": 4.0, "trn": 4.0, "p2": 15.25, "p3": 7.625, "p3dn": 8.0, "p4": 12.0, "p5": 32 / 3,
    "p6": 32 / 3, "g4dn": 4.0, "g5": 4.0, "g5g": 2.0, "g6": 4.0, "g6e": 8.0, "g7e": 8.0,
}  # fmt: skip

# Family -> GPUs by size; sizes that are not listed have one.
_GPUS: dict[str, dict[str, int]] = {
    "p2": {"8xlarge": 8, "16xlarge": 16},
    "p3": {"8xlarge": 4, "16xlarge": 8},
    "p3dn": {"24xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "g4dn": {"12xlarge": 4, "metal": 8},
    "g5": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g5g": {"16xlarge": 2, "metal": 2},
    "g6": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g6e": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g7e": {"12xlarge": 2, "24xlarge": 4, "48xlarge": 8},
}

# Families whose hosts have local disks: their size depends on the instance type, regardless of VolumeSizeInGB.
_LOCAL_STORAGE = re.compile(r"^(?:[cmr]\d+[a-z]*d[a-z]*|g4dn|g5|g6e?|g7e|i\d.*|p3dn|p4d|p4de|p5.*|p6.*|trn.*)$")


def has_local_storage(instance_type: str) -> bool:
    """True if hosts of this type have local NVMe disks."""
    match = _TYPE.match(instance_type)
    return bool(match and _LOCAL_STORAGE.match(match["family"]))


def resources_of(instance_type: str) -> Resources:
    """Returns the resources of `instance_type`: `ml.p3.2xlarge` has 8 vCPU, 61 GiB, 1 GPU. Never raises."""
    match = _TYPE.match(instance_type)
    family, size = (match["family"], match["size"]) if match else ("m5", "large")
    cpus = _cpus(size)
    memory = 1 if size in {"nano", "micro"} else max(1, round(cpus * _gib_per_cpu(family)))
    return Resources(cpus, memory, _gpus(family, size))


def _cpus(size: str) -> int:
    if size in _SMALL:
        return _SMALL[size]
    many = re.match(r"^(\d+)xlarge$", size)
    return 4 * int(many[1]) if many else 96 if size.startswith("metal") else 2


def _gib_per_cpu(family: str) -> float:
    prefixes = [prefix for prefix in _GIB_PER_CPU if family.startswith(prefix)]
    return _GIB_PER_CPU[max(prefixes, key=len)] if prefixes else _DEFAULT_GIB_PER_CPU


def _gpus(family: str, size: str) -> int:
    if family in _GPUS:
        return _GPUS[family].get(size, 1)
    return 1 if re.match(r"^[gp]\d", family) else 0
