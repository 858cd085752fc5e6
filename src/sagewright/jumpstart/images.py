"""Images in which the catalogue's models run: AWS's own URIs, by a short name."""

from __future__ import annotations

from dataclasses import dataclass

_DEEP = "763104351884.dkr.ecr.{region}.amazonaws.com"
_SKLEARN = "683313688378.dkr.ecr.{region}.amazonaws.com"


@dataclass(frozen=True)
class ImagePair:
    """The images of a job and of an endpoint; `{region}` stands for the region."""

    training: str
    hosting: str


IMAGES = {
    "pytorch": ImagePair(
        f"{_DEEP}/pytorch-training:2.6.0-cpu-py312-ubuntu22.04-sagemaker",
        f"{_DEEP}/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker",
    ),
    "huggingface": ImagePair(
        f"{_DEEP}/huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04",
        f"{_DEEP}/huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu-py312-ubuntu22.04",
    ),
    "textgeneration": ImagePair(
        f"{_DEEP}/huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04",
        f"{_DEEP}/huggingface-pytorch-tgi-inference:2.4.0-tgi3.0.1-gpu-py311-cu124-ubuntu22.04",
    ),
    "sklearn": ImagePair(
        f"{_SKLEARN}/sagemaker-scikit-learn:1.2-1-cpu-py3", f"{_SKLEARN}/sagemaker-scikit-learn:1.2-1-cpu-py3"
    ),
    "tensorflow": ImagePair(
        f"{_DEEP}/tensorflow-training:2.16.2-cpu-py310-ubuntu20.04-sagemaker",
        f"{_DEEP}/tensorflow-inference:2.16.1-cpu-py310-ubuntu20.04-sagemaker",
    ),
    "mxnet": ImagePair(f"{_DEEP}/mxnet-training:1.9.0-cpu-py38", f"{_DEEP}/mxnet-inference:1.9.0-cpu-py38"),
    "xgboost": ImagePair(f"{_SKLEARN}/sagemaker-xgboost:1.7-1", f"{_SKLEARN}/sagemaker-xgboost:1.7-1"),
}
"""Frameworks whose versions the environments of jobs follow (`runtimes.recipes`)."""
