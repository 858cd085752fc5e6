"""XGBoost in script mode: matrices as input, predictions as output. Without a model_fn, loads the built-in algorithm's own file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data
from sagewright.toolkit.serving.defaults import Defaults
from sagewright.toolkit.serving.errors import BadInput, UnsupportedType

INDICES_VARIABLE = "SAGEWRIGHT_LIBSVM_INDICES"
""""kept" in jobs of images whose scripts and models use LibSVM's column indices as written: those before XGBoost 3."""


class XGBoost(Defaults):
    def model_fn(self, model_dir: str) -> Any:
        from sagewright.algorithms.xgboost.serving import load_models

        return load_models(Path(model_dir), os.environ).boosters[0]

    def input_fn(self, data: Data, content_type: str) -> Any:
        import xgboost as xgb

        from sagewright.algorithms.errors import UserError
        from sagewright.algorithms.xgboost.matrices import to_xgboost
        from sagewright.algorithms.xgboost.serving import parse

        if content.media_of(content_type) in (content.JSON, content.NPY):
            return xgb.DMatrix(content.decode(data, content_type))
        try:
            kept = os.environ.get(INDICES_VARIABLE) == "kept"
            rows = parse(data.encode() if isinstance(data, str) else data, content_type, one_based=kept)
        except UserError as error:
            if "is not supported" in str(error):
                raise UnsupportedType(content_type) from error
            raise BadInput(str(error)) from error
        return xgb.DMatrix(to_xgboost(rows))

    def predict_fn(self, data: Any, model: Any) -> Any:
        import xgboost as xgb

        if isinstance(model, xgb.Booster):
            return model.predict(data, validate_features=False)
        return model.predict(data)
