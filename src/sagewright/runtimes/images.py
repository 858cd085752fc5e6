"""Resolves image URIs. Any registry host, account and region is accepted: repository and tag decide.

Source of the repository names: the `image_uri_config` files of the SageMaker Python SDK (a test checks them all).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from sagewright.runtimes.registries import is_of_aws


class ImageKind(StrEnum):
    FRAMEWORK = "framework"  # runs the user's script
    ALGORITHM = "algorithm"  # a built-in algorithm
    PROCESSING = "processing"  # Spark, Clarify, Data Wrangler, Model Monitor, ...: a program by AWS for processing jobs
    INFERENCE = "inference"  # serves models only; the framework is "" if no environment here supports it
    TOOL = "tool"  # debugger rules and profilers
    OWN = "own"  # anything else: the user's own container


@dataclass(frozen=True)
class Image:
    """`version` and `python` are "" if the tag omits them; `python` is "3.10" or "3"; `accelerator` cpu, gpu, neuron.

    For `huggingface` the version is that of transformers, and `base_version` that of torch or tensorflow.
    """

    uri: str
    repository: str
    tag: str
    kind: ImageKind
    framework: str = ""
    version: str = ""
    python: str = ""
    accelerator: str = "cpu"
    base_version: str = ""


ALGORITHMS = frozenset({
    "blazingtext", "factorization-machines", "forecasting-deepar", "image-classification", "ipinsights", "kmeans", "knn",
    "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca", "randomcutforest", "semantic-segmentation",
    "seq2seq", "xgboost", "sagemaker-xgboost",
})  # fmt: skip

# Patterns of whole repository names, first match counts; the value of a framework is the recipe's name.
_FRAMEWORKS = (
    (r"(sagemaker-)?pytorch(-(trcomp-)?training)?", "pytorch"),
    (r"pytorch-training-neuronx?", "pytorch-neuron"),
    (r"smdistributed-modelparallel", "pytorch"),  # its names come with every job
    (r"(sagemaker-)?tensorflow(-scriptmode|-training)?", "tensorflow"),
    (r"sagemaker-scikit-learn", "sklearn"),
    (r"(sagemaker-)?mxnet(-training)?", "mxnet"),
    (r"sagemaker-chainer", "chainer"),
    (r"huggingface-pytorch-(trcomp-)?training", "huggingface"),
    (r"huggingface-pytorch-training-neuronx?", "pytorch-neuron"),
    (r"huggingface-tensorflow-(trcomp-)?training", "huggingface-tensorflow"),
    (r"autogluon-training", "autogluon"),
    (r"sagemaker-rl-.*", "rl"),
    (r"sagemaker-base-python(-.*)?", "base"),
    (r"sagemaker-distribution-prod|sagemaker-data-science(-\d+(-v\d+)?)?", "distribution"),
    (r"mlflow-tracking-server", "mlflow"),
    (r"sagewright-jupyter", "jupyter"),
    (r"sagewright-jupyter-sdk-v2", "jupyter-sdk-v2"),
    (r"sagewright-aws-cli", "aws-cli"),
    (r"sagewright-wrangler", "wrangler"),
    (r"python", "python"),
)
_SERVING = (
    (r"(sagemaker-)?pytorch-inference(-graviton|-arm64)?", "pytorch"),
    (r"huggingface-pytorch-inference", "huggingface"),
    (r"huggingface-tensorflow-inference", "huggingface-tensorflow"),
    (r"(sagemaker-)?tensorflow-(inference|serving)(-graviton)?", "tensorflow"),
    (r"(sagemaker-)?mxnet-(inference|serving)", "mxnet"),
    (r"autogluon-inference", "autogluon"),
    (r"huggingface-pytorch-tgi-inference", "textgeneration"),
    (r"djl-inference", "djl"),
    (r"tei(-cpu)?", "textembedding"),
    (r"(huggingface-)?pytorch-inference-neuronx?", "pytorch-neuron"),
)
"""Repositories of images that only serve models, and the recipe they use."""
_PROGRAMS = {
    "sagemaker-spark-processing": "spark",
    "sagemaker-clarify-processing": "clarify",
    "sagemaker-data-wrangler-container": "wrangler",
    "sagemaker-model-monitor-analyzer": "clarify",
    "sagemaker-model-monitor-groundtruth-merger": "clarify",
}
"""Images of AWS's processing programs that run here, and their recipes."""
_OTHERS = (
    (r"sagemaker-geospatial-.*", ImageKind.PROCESSING),
    (r"sagemaker-debugger-rules|detailed-profiler-processing", ImageKind.TOOL),
    (r".*-neo|sagemaker-neo-.*|sagemaker-inference-.*", ImageKind.INFERENCE),
    (r"huggingface-(vllm|sglang|llamacpp)(-.*)?", ImageKind.INFERENCE),
    (r"sagemaker-inspect-ai", ImageKind.TOOL),
    (r".*-inference(-.*)?|.*-serving(-.*)?|.*-eia|djl-.*|tei(-cpu)?|sagemaker-tritonserver", ImageKind.INFERENCE),
)
_OF_AWS_ALONE = ((r"vllm|sglang|llama-cpp(-arm64)?|whisperx|ray", ImageKind.INFERENCE),)
"""Names that other registries use too: they are AWS's only in AWS's registries."""
_URI = re.compile(r"^(?:(?P<host>[^/]+[.:][^/]*|localhost)/)?(?P<path>[^@:]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>.+))?$")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,128})?"
)
"""The grammar of references. Source: distribution/reference; repository names are in lower case."""
_PYTHON = re.compile(r"(?:^|-)py(\d)(\d*)(?:-|$)")
_VERSION = re.compile(r"^v?(\d+(?:\.\d+)*(?:-\d+(?=-|$))?)")
_TRANSFORMERS = re.compile(r"transformers(\d+(?:\.\d+)*)")


def is_reference(uri: str) -> bool:
    """True if `uri` is a valid image name for container engines: `[registry/]name[:tag][@digest]`."""
    return _REFERENCE.fullmatch(uri) is not None


@lru_cache(maxsize=1024)
def resolve_image(uri: str) -> Image:
    """Resolves `uri` (`[host/]path[:tag][@digest]`); an unknown one is of kind OWN."""
    match = _URI.match(uri.strip())
    if match is None:
        return Image(uri, uri, "", ImageKind.OWN)
    repository = match["path"].rsplit("/", 1)[-1]
    tag = match["tag"] or ""
    kind, framework = _classify(repository, is_of_aws(uri))
    version = _VERSION.match(tag)
    image = Image(
        uri,
        repository,
        tag,
        kind,
        framework,
        version[1] if version else "",
        _python(tag),
        _accelerator(repository, tag),
    )
    return _with_transformers(image)


def _classify(repository: str, of_aws: bool) -> tuple[ImageKind, str]:
    if repository in ALGORITHMS:
        return ImageKind.ALGORITHM, "xgboost" if repository == "sagemaker-xgboost" else repository
    for pattern, framework in _FRAMEWORKS:
        if re.fullmatch(pattern, repository):
            return ImageKind.FRAMEWORK, framework
    for pattern, framework in _SERVING:
        if re.fullmatch(pattern, repository):
            return ImageKind.INFERENCE, framework
    if repository in _PROGRAMS:
        return ImageKind.PROCESSING, _PROGRAMS[repository]
    for pattern, kind in (*_OTHERS, *(_OF_AWS_ALONE if of_aws else ())):
        if re.fullmatch(pattern, repository):
            return kind, ""
    return ImageKind.OWN, ""


def _python(tag: str) -> str:
    match = _PYTHON.search(tag)
    if match is None:
        return ""
    return f"{match[1]}.{match[2]}" if match[2] else match[1]


def _accelerator(repository: str, tag: str) -> str:
    if "neuron" in repository or "-neuron" in tag:
        return "neuron"
    return "gpu" if re.search(r"(^|-)(gpu|cu\d+)(-|$)", tag) else "cpu"


def _with_transformers(image: Image) -> Image:
    match = _TRANSFORMERS.search(image.tag)
    if match is None or not image.framework.startswith("huggingface"):
        return image
    return Image(**{**image.__dict__, "version": match[1], "base_version": image.version})
