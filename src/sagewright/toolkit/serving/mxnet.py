"""MXNet: the symbol, parameters and shapes that training scripts save, without a script; arrays as input and output.

Source: the files and variables that the documentation of the SageMaker Python SDK names for MXNet models ("Load a Model").
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data
from sagewright.toolkit.serving.defaults import Defaults
from sagewright.toolkit.serving.errors import BadInput

_NAME = "model"
_FILES = {"symbol": "model-symbol.json", "parameters": "model-0000.params", "shapes": "model-shapes.json"}
_FIRST_DIMENSION = "SAGEMAKER_DEFAULT_MODEL_FIRST_DIMENSION_SIZE"


class MXNet(Defaults):
    needs_program = False

    def model_fn(self, model_dir: str) -> Any:
        """Returns an mxnet.mod.Module, bound for the number of rows in the environment, 1 by default.

        Raises ValueError for files that are missing or unreadable.
        """
        import mxnet as mx

        missing = [f"{name} (the {what})" for what, name in _FILES.items() if not (Path(model_dir) / name).is_file()]
        if missing:
            raise ValueError(
                f"Without a model_fn the model of an MXNet image is loaded from {', '.join(_FILES.values())}; missing in "
                f"{model_dir}: {', '.join(missing)}. Save these files, or write a model_fn."
            )
        shapes = _shapes(Path(model_dir) / _FILES["shapes"])
        symbol, arguments, auxiliary = mx.model.load_checkpoint(str(Path(model_dir) / _NAME), 0)
        module = mx.mod.Module(symbol, data_names=[name for name, _shape in shapes], label_names=None)
        module.bind(data_shapes=shapes, for_training=False)
        module.set_params(arguments, auxiliary, allow_missing=True)
        return module

    def input_fn(self, data: Data, content_type: str) -> Any:
        import mxnet as mx

        return mx.nd.array(content.decode(data, content_type))

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Passes a module the number of rows that it is bound for; calls a Gluon block. Raises BadInput."""
        import mxnet as mx

        if not isinstance(model, mx.mod.BaseModule):
            return model(data)
        shapes = model.data_shapes
        if len(shapes) != 1:
            raise ValueError(f"The model has {len(shapes)} inputs: write a predict_fn that gives each of them.")
        try:
            rows = data.reshape((-1, *shapes[0].shape[1:]))
        except (mx.MXNetError, ValueError) as error:
            raise BadInput(
                f"The rows of the request, of the shape {data.shape}, are not of the model's {shapes[0].shape[1:]}."
            ) from error
        return model.predict(mx.io.NDArrayIter(rows, batch_size=shapes[0].shape[0], last_batch_handle="pad"))

    def output_fn(self, prediction: Any, accept: str) -> Any:
        if isinstance(prediction, list):
            prediction = [one.asnumpy().tolist() if hasattr(one, "asnumpy") else one for one in prediction]
        elif hasattr(prediction, "asnumpy"):
            prediction = prediction.asnumpy()
        return super().output_fn(prediction, accept)


def _shapes(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Returns name and shape of each input. Raises ValueError."""
    first = os.environ.get(_FIRST_DIMENSION, "1")
    if not first.isdecimal() or not int(first):
        raise ValueError(f"{_FIRST_DIMENSION} must be a number of at least 1, got {first!r}.")
    try:
        return [(one["name"], (int(first), *map(int, one["shape"][1:]))) for one in json.loads(path.read_bytes())]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is not a list of objects with a name and a shape: {error!r}") from error
