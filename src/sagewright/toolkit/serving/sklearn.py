"""scikit-learn: AWS loads no model without a model_fn, and neither does this."""

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
        """One row of CSV is a vector until here."""
        return model.predict(data.reshape(1, -1) if getattr(data, "ndim", 2) == 1 else data)

    def joins(self, model: Any) -> bool:
        """scikit-learn's own estimators look at each row alone; what a user has written may not."""
        return all(type(part).__module__.partition(".")[0] == "sklearn" for part in _parts(model)) and hasattr(
            model, "predict"
        )


def _parts(model: Any) -> list[Any]:
    """An estimator and all that it is made of. A function that a user gave is a part of another module."""
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
