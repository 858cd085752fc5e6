"""The base class of scripts' handlers."""

from __future__ import annotations

from typing import Any

from sagemaker_inference import decoder, encoder


class DefaultInferenceHandler:
    def default_model_fn(self, model_dir: str) -> Any:
        raise NotImplementedError(f"Please provide a model_fn implementation for {model_dir}.")

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        return decoder.decode(input_data, content_type)

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        raise NotImplementedError(f"Please provide a predict_fn implementation for {type(model).__name__}.")

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        return encoder.encode(prediction, accept)
