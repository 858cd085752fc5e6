"""Defaults of functions that the user's script lacks: one class per framework."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data

_OF_FRAMEWORK = {
    "pytorch": "pytorch:PyTorch",
    "huggingface": "huggingface:HuggingFace",
    "tensorflow": "tensorflow:TensorFlow",
    "xgboost": "xgboost:XGBoost",
    "sklearn": "sklearn:ScikitLearn",
    "mxnet": "mxnet:MXNet",
    "textgeneration": "languagemodels:TextGeneration",
    "djl": "languagemodels:DjlGeneration",
    "textembedding": "languagemodels:TextEmbedding",
}
_BY_MODULE = (
    ("transformers", "huggingface"),
    ("torch", "pytorch"),
    ("tensorflow", "tensorflow"),
    ("xgboost", "xgboost"),
    ("mxnet", "mxnet"),
    ("sklearn", "sklearn"),
)
"""Frameworks by module: the first module that exists in an environment determines it."""


class Defaults:
    """The handlers of an unknown framework, with NumPy only."""

    error_status = 500
    """Status of an exception in a handler."""
    needs_program = True
    """True if the file in SAGEMAKER_PROGRAM must exist, as in AWS's scikit-learn and XGBoost images."""

    def model_fn(self, model_dir: str) -> Any:
        raise NotImplementedError(
            f"Please provide a model_fn implementation: the files in {model_dir} cannot be loaded without one."
        )

    def chosen(self, model: Any, _attributes: str) -> Any:
        """Returns the one of `model_fn`'s results that a request's custom attributes select."""
        return model

    def input_fn(self, data: Data, content_type: str) -> Any:
        return content.decode(data, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        return model(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        return content.encode(prediction, accept), content.chosen(accept)

    def joins(self, _model: Any) -> bool:
        """Returns True if the rows of several requests can be predicted together by one call of `predict_fn`."""
        return False


def defaults_of(framework: str) -> Defaults:
    """`framework`: the name of a recipe; "" for that of the environment."""
    name = framework or next((name for module, name in _BY_MODULE if find_spec(module)), "")
    if name not in _OF_FRAMEWORK:
        return Defaults()
    module, _, kind = _OF_FRAMEWORK[name].partition(":")
    made: Defaults = getattr(import_module(f"sagewright.toolkit.serving.{module}"), kind)()
    return made


def files_of(model_dir: str, *endings: str) -> list[Path]:
    """Returns the files directly in the model's directory with these endings, sorted."""
    return sorted(path for path in Path(model_dir).iterdir() if path.is_file() and path.suffix in endings)
