"""Frameworks of `sagewright run`: the image of each, and its estimator in the SageMaker Python SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_AWS, _FIRST_PARTY = "763104351884", "683313688378"
"""Accounts of AWS's deep learning images, and of SageMaker's own."""


class Framework(StrEnum):
    """Frameworks whose scripts can be run."""

    PYTORCH = "pytorch"
    SKLEARN = "sklearn"
    XGBOOST = "xgboost"
    HUGGINGFACE = "huggingface"
    TENSORFLOW = "tensorflow"


@dataclass(frozen=True)
class Estimator:
    """`image`: repository and tag, with {device} for cpu or gpu; `module`, `name`: the SDK's class; `versions`: its arguments."""

    account: str
    image: str
    module: str
    name: str
    versions: Mapping[str, str]


ESTIMATORS = {
    Framework.PYTORCH: Estimator(
        _AWS, "pytorch-training:2.5.1-{device}-py311", "sagemaker.pytorch", "PyTorch",
        {"framework_version": "2.5.1", "py_version": "py311"},
    ),
    Framework.SKLEARN: Estimator(
        _FIRST_PARTY, "sagemaker-scikit-learn:1.2-1-cpu-py3", "sagemaker.sklearn", "SKLearn",
        {"framework_version": "1.2-1", "py_version": "py3"},
    ),
    Framework.XGBOOST: Estimator(
        _FIRST_PARTY, "sagemaker-xgboost:1.7-1", "sagemaker.xgboost", "XGBoost", {"framework_version": "1.7-1"}
    ),
    Framework.HUGGINGFACE: Estimator(
        _AWS, "huggingface-pytorch-training:2.5.1-transformers4.49.0-{device}-py311", "sagemaker.huggingface",
        "HuggingFace", {"transformers_version": "4.49.0", "pytorch_version": "2.5.1", "py_version": "py311"},
    ),
    Framework.TENSORFLOW: Estimator(
        _AWS, "tensorflow-training:2.16.2-{device}-py310", "sagemaker.tensorflow", "TensorFlow",
        {"framework_version": "2.16.2", "py_version": "py310"},
    ),
}  # fmt: skip
_IMPORTS = {
    Framework.TENSORFLOW: ("tensorflow", "keras"),
    Framework.HUGGINGFACE: ("transformers", "datasets"),
    Framework.PYTORCH: ("torch",),
    Framework.XGBOOST: ("xgboost",),
    Framework.SKLEARN: ("sklearn",),
}


def framework_of(script: str) -> Framework:
    """Returns the framework that a script imports, sklearn for none. Raises SyntaxError."""
    import ast

    names = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            names |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return next((one for one, modules in _IMPORTS.items() if names.intersection(modules)), Framework.SKLEARN)


def image_of(framework: Framework, instance_type: str, region: str) -> str:
    """Returns the URI of the image that the SDK chooses."""
    found = ESTIMATORS[framework]
    device = "gpu" if instance_type.startswith(("ml.p", "ml.g")) else "cpu"
    return f"{found.account}.dkr.ecr.{region}.amazonaws.com/{found.image.format(device=device)}"


@dataclass(frozen=True)
class ScriptRun:
    """One run of a script, as requested. `channels`: S3 URIs by channel name."""

    framework: Framework
    script: str
    source: str
    instance_type: str
    instances: int
    hyperparameters: Mapping[str, str]
    channels: Mapping[str, str]


def sdk_code(run: ScriptRun) -> str:
    """Returns a program for the SageMaker Python SDK v2 that runs the same."""
    found = ESTIMATORS[run.framework]
    given: dict[str, object] = {
        "entry_point": run.script,
        **({"source_dir": run.source} if run.source else {}),
        "role": _Name("sagemaker.get_execution_role()"),
        "instance_type": run.instance_type,
        "instance_count": run.instances,
        **found.versions,
        **(
            {"hyperparameters": {name: _plain(value) for name, value in run.hyperparameters.items()}}
            if run.hyperparameters
            else {}
        ),
    }
    lines = [f"    {name}={_literal(value)}," for name, value in given.items()]
    inputs = _literal(dict(run.channels)) if run.channels else ""
    return "\n".join([
        "import sagemaker", f"from {found.module} import {found.name}", "",
        f"estimator = {found.name}(", *lines, ")", f"estimator.fit({inputs})",
    ])  # fmt: skip


class _Name(str):
    """An expression, rather than text."""

    __slots__ = ()


def _literal(value: object) -> str:
    return str(value) if isinstance(value, _Name) else repr(value)


def wire_hyperparameters(given: Mapping[str, str], script: str, source_uri: str) -> dict[str, str]:
    """Returns hyperparameters as the SDK sends them for a script: every value is JSON."""
    reserved = {"sagemaker_program": script, "sagemaker_submit_directory": source_uri}
    return {name: json.dumps(_plain(value)) for name, value in given.items()} | {
        name: json.dumps(value) for name, value in reserved.items()
    }


def _plain(value: str) -> object:
    """Numbers and truth values are sent as such."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, int | float | bool) else value


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Returns NAME=VALUE words as a mapping. Raises ValueError with the first bad one."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise ValueError(one)
        found[name] = value
    return found
