"""What stands in for functions that the user's script does not have: one class a framework."""

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
}
_BY_MODULE = (
    ("transformers", "huggingface"),
    ("torch", "pytorch"),
    ("tensorflow", "tensorflow"),
    ("xgboost", "xgboost"),
    ("mxnet", "mxnet"),
    ("sklearn", "sklearn"),
)
"""The framework of an environment: a name's first module that is there."""


class Defaults:
    """The handlers of a framework of which nothing is known but NumPy."""

    error_status = 500
    """Of an exception in a handler."""
    needs_program = True
    """Whether the file that SAGEMAKER_PROGRAM names must be there, as in AWS's scikit-learn and XGBoost images."""

    def model_fn(self, model_dir: str) -> Any:
        raise NotImplementedError(
            f"Please provide a model_fn implementation: what is in {model_dir} cannot be loaded without one."
        )

    def chosen(self, model: Any, _attributes: str) -> Any:
        """The one of what `model_fn` gave that a request's custom attributes ask for."""
        return model

    def input_fn(self, data: Data, content_type: str) -> Any:
        return content.decode(data, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        return model(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        return content.encode(prediction, accept), content.chosen(accept)

    def joins(self, _model: Any) -> bool:
        """Whether the rows of several requests can be one prediction: `predict_fn` is then given them together."""
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
    """The files directly in the model's directory whose names end so, sorted."""
    return sorted(path for path in Path(model_dir).iterdir() if path.is_file() and path.suffix in endings)
