"""Serving settings from the environment.

Source: AWS's developer guide, "Use your own inference code", and the variables of the SageMaker inference toolkit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SOCKET_VARIABLE = "SAGEWRIGHT_SERVE_SOCKET"
DEFAULT_PORT = 8080
DEFAULT_BODY_BYTES = 25 << 20
"""InvokeEndpoint's maximum body size."""
DEFAULT_PAYLOAD_MB = 6
"""Batch transform's default."""
DEFAULT_TIMEOUT_S = 60.0
MOST_WORKERS = 256
_LIMITS = ("MAX_CONTENT_LENGTH", "MMS_MAX_REQUEST_SIZE", "TS_MAX_REQUEST_SIZE")


class WrongSetting(ValueError):
    """A variable has an unusable value; the message names both."""


@dataclass(frozen=True)
class ServingSettings:
    """`socket`: path of a Unix socket, "" for TCP at `port`; `timeout_s`: limit per request, 0 for none."""

    socket: str = ""
    port: int = DEFAULT_PORT
    workers: int = 1
    body_bytes: int = DEFAULT_BODY_BYTES
    timeout_s: float = 0.0

    @classmethod
    def read(cls, environment: Mapping[str, str], workers: int, timeout_s: float = 0.0) -> ServingSettings:
        """`workers` and `timeout_s`: defaults for missing variables. Raises WrongSetting."""
        return cls(
            socket=environment.get(SOCKET_VARIABLE, ""),
            port=_number(environment, "SAGEMAKER_BIND_TO_PORT", DEFAULT_PORT),
            workers=min(max(_workers(environment, workers), 1), MOST_WORKERS),
            body_bytes=body_limit(environment),
            timeout_s=float(_number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", int(timeout_s))),
        )


def body_limit(environment: Mapping[str, str] = os.environ) -> int:
    """Returns the maximum body size in bytes: the configured one, but at least that of batch transform."""
    named = next((name for name in _LIMITS if environment.get(name)), None)
    if named is not None:
        return _number(environment, named, 0)
    payload = environment.get("SAGEMAKER_MAX_PAYLOAD_IN_MB", "")
    if payload == "0":  # unlimited in batch transform: whole objects
        return 1 << 40
    return max(_number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 0) << 20, DEFAULT_BODY_BYTES)


def execution_parameters(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Returns a built-in algorithm's parameters for batch transform."""
    limit = _number(environment, "MAX_CONTENT_LENGTH", DEFAULT_PAYLOAD_MB << 20)
    return {
        "MaxConcurrentTransforms": cpus(environment),
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": limit >> 20,
    }


def cpus(environment: Mapping[str, str] = os.environ) -> int:
    """Returns the CPUs in the host's share of the machine."""
    return max(int(float(environment.get("SAGEWRIGHT_CPUS") or os.cpu_count() or 1)), 1)


def _workers(environment: Mapping[str, str], default: int) -> int:
    """Returns the number in the inference toolkit's variable, else in DeepAR's."""
    return _number(environment, "SAGEMAKER_MODEL_SERVER_WORKERS", _number(environment, "MODEL_SERVER_WORKERS", default))


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        raise WrongSetting(f"{name} must be a number, not {text!r}.") from None
    if number < 0:
        raise WrongSetting(f"{name} must not be negative: {text}.")
    return number
