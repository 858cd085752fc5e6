"""scikit-learn: as on AWS, no model is loaded without a model_fn."""

from __future__ import annotations

from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data
from sagewright.toolkit.serving.defaults import Defaults


class ScikitLearn(Defaults):
    def input_fn(self, data: Data, content_type: str) -> Any:
        import numpy as np

        array = content.decode(data, content_type)
        return array.astype(np.float32) if content.media_of(content_type) in content.TEXTS else array

    def predict_fn(self, data: Any, model: Any) -> Any:
        """Converts a vector, a single row of CSV, to a matrix."""
        return model.predict(data.reshape(1, -1) if getattr(data, "ndim", 2) == 1 else data)

    def joins(self, model: Any) -> bool:
        """Returns True for scikit-learn's own estimators, which treat each row separately; those of users may not."""
        return all(type(part).__module__.partition(".")[0] == "sklearn" for part in _parts(model)) and hasattr(
            model, "predict"
        )


def _parts(model: Any) -> list[Any]:
    """Returns an estimator and all its parts. A function of the user's is a part from another module."""
    found = [model]
    for value in model.get_params(deep=True).values() if hasattr(model, "get_params") else ():
        if hasattr(value, "get_params") or callable(value):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [
                part
                for step in value
                for part in (step if isinstance(step, (list, tuple)) else [step])
                if hasattr(part, "get_params") or callable(part)
            ]
    return found
