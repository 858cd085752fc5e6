"""The advice in the log of a job that ended because its environment lacks a module."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sagewright.runtimes.images import Image

_MISSING = re.compile(r"ModuleNotFoundError: No module named '([A-Za-z0-9_]{1,64}(?:\.[A-Za-z0-9_]{1,64}){0,8})")
_DEEP = {
    "accelerate": "accelerate",
    "awscli": "awscli",
    "cv2": "opencv-python-headless",
    "fastai": "fastai",
    "mpi4py": "mpi4py",
    "numba": "numba",
    "s3torchconnector": "s3torchconnector",
    "sagemaker": "sagemaker<3",
    "shap": "shap",
    "smclarify": "smclarify",
    "smexperiments": "sagemaker-experiments",
    "spacy": "spacy",
    "tensorflow_datasets": "tensorflow-datasets",
    "tensorflow_text": "tensorflow-text",
    "torchaudio": "torchaudio",
    "torchdata": "torchdata",
}
_SCIENCE = {"cryptography": "cryptography", "flask": "flask", "gunicorn": "gunicorn", "jinja2": "jinja2"}
_LEFT_OUT = {
    "pytorch": _DEEP,
    "tensorflow": _DEEP,
    "huggingface": {**_DEEP, "diffusers": "diffusers", "peft": "peft", "sentencepiece": "sentencepiece", "trl": "trl"},
    "distribution": {**_DEEP, "autogluon": "autogluon", "tensorflow": "tensorflow-cpu", "torch": "torch"},
    "sklearn": _SCIENCE,
    "xgboost": {**_SCIENCE, "dask": "dask"},
}
"""By framework and module: the distribution that AWS's images contain and the environments here do not, since few scripts need it
and all would pay for it. From the requirements and Dockerfiles of aws/sagemaker-scikit-learn-container,
aws/sagemaker-xgboost-container and aws/deep-learning-containers (PyTorch 2.6, TensorFlow 2.19, Hugging Face 2.5)."""

_ONLY_IN_SDK_3 = frozenset({"core", "mlops", "train"})


def missing_module(image: Image, last_lines: Iterable[str]) -> str:
    """Returns one sentence about the module that a job's last lines report as missing; "" if there is none."""
    module = _module(last_lines)
    if not module:
        return ""
    if "." in module:
        return _incomplete(module)
    package = _LEFT_OUT.get(image.framework, {}).get(module, module)
    return f"No module '{module}' in the environment: add {package} to a requirements.txt beside the script."


def _module(last_lines: Iterable[str]) -> str:
    found = [match[1] for match in map(_MISSING.search, last_lines) if match]
    return found[-1] if found else ""


def _incomplete(module: str) -> str:
    """Returns advice about a module within a package: Python reports one only if it has found the package."""
    package, _, inner = module.partition(".")
    wanted = "name the version, or the distribution, that contains it in a requirements.txt"
    if package == "sagemaker":
        wanted = f"try sagemaker{'>=3' if inner.partition('.')[0] in _ONLY_IN_SDK_3 else '<3'}"
    return f"No module '{module}' in the installed {package}: {wanted}."


def advice(image: Image, last_lines: Iterable[str]) -> str | None:
    """Returns advice about the module that a job's last lines report as missing; None if there is none."""
    module = _module(last_lines)
    if not module:
        return None
    if "." in module:
        return _incomplete(module)
    distribution = _LEFT_OUT.get(image.framework, {}).get(module)
    known = f"AWS's image contains it in the package {distribution}. " if distribution else ""
    return (
        f"The environment of {image.repository} here has no module '{module}'. {known}In script mode, name the "
        "package in a requirements.txt beside the script; in any other job, install it with pip first."
    )
