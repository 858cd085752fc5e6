"""Servers of language models: what AWS's images of Text Generation Inference, DJL and Text Embeddings Inference answer.

transformers generates, and JumpStart's scripts read requests and write answers. Nothing is fetched from Hugging Face. Source: the
requests and answers of TGI 3, LMI 12 and TEI 1; AWS's documentation of their images.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data
from sagewright.toolkit.serving.defaults import Defaults
from sagewright.toolkit.serving.errors import BadInput

MODEL_VARIABLES = ("HF_MODEL_ID", "OPTION_MODEL_ID", "MODEL_ID")
_SCRIPTS = "sagewright_jumpstart"
_MOST_TEXTS = 2048
_LONGEST = 512


class ModelNotHere(ValueError):
    """The model that a variable names is not in the model's directory."""


class TextGeneration(Defaults):
    """TGI: a causal language model."""

    needs_program = False

    def model_fn(self, model_dir: str) -> Any:
        """Raises ModelNotHere."""
        os.environ["HF_HUB_OFFLINE"] = "1"
        return _scripts("generation.tokens").TextGenerator.load(str(_folder(model_dir)))

    def input_fn(self, data: Data, content_type: str) -> Any:
        return _scripts("generation.serving").input_fn(bytes(data) if not isinstance(data, str) else data, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        return _scripts("generation.serving").predict_fn(data, model)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        return _scripts("generation.serving").output_fn(prediction, accept)


class DjlGeneration(TextGeneration):
    """DJL: as TGI, but with an object instead of a list with one item."""

    def output_fn(self, prediction: Any, accept: str) -> Any:
        if isinstance(prediction, list) and len(prediction) == 1:
            (prediction,) = prediction
        return super().output_fn(prediction, accept)


class TextEmbedding(Defaults):
    """TEI: a sentence encoder. `inputs`: a text or a list of them; the answer is a list of vectors."""

    needs_program = False

    def model_fn(self, model_dir: str) -> Any:
        """Raises ModelNotHere."""
        folder = _folder(model_dir)
        return _scripts("texts.encoder").TextEncoder.load(folder, _LONGEST)

    def input_fn(self, data: Data, content_type: str) -> list[str]:
        if content.media_of(content_type) != content.JSON:
            raise BadInput(f"The content type {content_type}: {content.JSON} is supported.")
        document = _scripts("requests").document_of(bytes(data) if not isinstance(data, str) else data)
        given = document.get("inputs") if isinstance(document, dict) else None
        if isinstance(given, str):
            given = [given]
        found: list[str] = _scripts("requests").texts_in(given, "inputs", _MOST_TEXTS)
        return found

    def predict_fn(self, data: list[str], model: Any) -> Any:
        return model.vectors(data).tolist()

    def output_fn(self, prediction: Any, accept: str) -> Any:
        return _scripts("requests").answer(prediction, accept)


def _scripts(module: str) -> Any:
    """Returns a module of JumpStart's scripts, which every job has on its path."""
    return import_module(f"{_SCRIPTS}.{module}")


def _folder(model_dir: str) -> Path:
    """Returns the directory of the model: the one that a variable names, or the endpoint's. Raises ModelNotHere for a model on
    Hugging Face's hub, and for a directory without a model."""
    named = next((os.environ[name] for name in MODEL_VARIABLES if os.environ.get(name)), "")
    folder = Path(named) if named.startswith("/") else Path(model_dir)
    if (folder / "config.json").is_file():
        return folder
    if named and not named.startswith("/"):
        raise ModelNotHere(
            f"{named} is a model on Hugging Face, and nothing is downloaded from there: put its folder (config.json, "
            "tokenizer.json, *.safetensors) into S3 and name it as ModelDataSource, uncompressed"
        )
    raise ModelNotHere(f"{folder} has no config.json: it is not the folder of a model of Hugging Face")
