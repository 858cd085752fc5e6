"""Decoders, encoders and responses. The toolkit's other names belong to its server: they can be imported, but not used."""

from __future__ import annotations

from sagemaker_containers.beta.framework import encoders, errors, worker
from sagemaker_inference import content_types

__all__ = ["content_types", "encoders", "env", "errors", "modules", "transformer", "worker"]


class _Absent:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        name = f"sagemaker_containers.beta.framework.{self._name}.{attribute}"
        raise AttributeError(f"{name} is not here: Sagewright has a server of its own")


env, modules, transformer = _Absent("env"), _Absent("modules"), _Absent("transformer")
