"""Hugging Face: a `pipeline` for the content of the model's directory, for the task in HF_TASK or its config.json."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data
from sagewright.toolkit.serving.defaults import Defaults
from sagewright.toolkit.serving.errors import BadInput, UnsupportedType

_HEADERS = ("question", "context", "inputs")
_BY_ENDING = {
    "ForTokenClassification": "token-classification",
    "ForSequenceClassification": "text-classification",
    "ForMultipleChoice": "multiple-choice",
    "ForPreTraining": "feature-extraction",
    "ForQuestionAnswering": "question-answering",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "MTModel": "text2text-generation",
    "EncoderDecoderModel": "text2text-generation",
    "ForImageClassification": "image-classification",
    "ForObjectDetection": "object-detection",
    "ForCTC": "automatic-speech-recognition",
    "Model": "feature-extraction",
}


class HuggingFace(Defaults):
    needs_program = False
    error_status = HTTPStatus.BAD_REQUEST

    def model_fn(self, model_dir: str) -> Any:
        """Raises ValueError if there is no model, or its task is unknown."""
        from transformers import pipeline

        return pipeline(task=self._task(model_dir), model=model_dir, device=self._device())

    def input_fn(self, data: Data, content_type: str) -> Any:
        media = content.media_of(content_type)
        if media == content.JSON:
            try:
                return json.loads(data)
            except (ValueError, RecursionError) as error:
                raise BadInput(f"The request is not JSON: {error}") from error
        if media == content.CSV:
            return _read_csv(content.text_of(data))
        if media.startswith("image/"):
            from PIL import Image

            return {"inputs": Image.open(io.BytesIO(_bytes(data))).convert("RGB")}
        if media.startswith("audio/"):
            return {"inputs": _bytes(data)}
        return {"inputs": content.decode(data, content_type)}

    def predict_fn(self, data: Any, model: Any) -> Any:
        if not isinstance(data, dict):
            return model(data)
        rest = {name: value for name, value in data.items() if name not in ("inputs", "parameters")}
        return model(data.get("inputs", rest), **(data.get("parameters") or {}))

    def output_fn(self, prediction: Any, accept: str) -> Any:
        media = next((each for each in content.accepted(accept) if each in (content.JSON, content.ANY)), "")
        if media:
            text = json.dumps(prediction, ensure_ascii=False, allow_nan=False, default=_plain, separators=(",", ":"))
            return text, content.JSON
        if content.CSV in content.accepted(accept):
            return _write_csv(prediction), content.CSV
        if content.NPY in content.accepted(accept):
            return content.encode(prediction, content.NPY), content.NPY
        raise UnsupportedType(accept, HTTPStatus.NOT_ACCEPTABLE)

    def _task(self, model_dir: str) -> str:
        config = Path(model_dir) / "config.json"
        if not config.is_file():
            raise ValueError(self._no_model_reason(model_dir))
        if os.environ.get("HF_TASK"):
            return os.environ["HF_TASK"]
        document = json.loads(config.read_bytes())
        architecture = (document.get("architectures") or [""])[0]
        task = next((task for ending, task in _BY_ENDING.items() if architecture.endswith(ending)), "")
        if not task:
            raise ValueError(f"The task of the architecture {architecture!r} is unknown: set HF_TASK.")
        return task

    def _no_model_reason(self, model_dir: str) -> str:
        named = os.environ.get("HF_MODEL_ID")
        if named:
            return (
                f"HF_MODEL_ID names {named}, a model of the Hugging Face Hub, and {model_dir} has no config.json. Models are not "
                "downloaded from the Hub here: save the model (save_pretrained) into the model's archive."
            )
        return f"There is no config.json in {model_dir}: save the model (save_pretrained) there, or provide a model_fn."

    def _device(self) -> int:
        import torch

        return 0 if torch.cuda.is_available() else -1


def _read_csv(text: str) -> dict[str, Any]:
    """Raises BadInput for CSV without a header."""
    first = text.partition("\n")[0].lower()
    if not any(header in first for header in _HEADERS):
        raise BadInput("CSV needs a header with one of the columns inputs, question, context.")
    rows = list(csv.DictReader(io.StringIO(text)))
    if rows and "inputs" in rows[0]:
        return {"inputs": [row["inputs"] for row in rows]}
    return {"inputs": rows}


def _write_csv(prediction: Any) -> str:
    rows = prediction if isinstance(prediction, list) else [prediction]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UnsupportedType(content.CSV, HTTPStatus.NOT_ACCEPTABLE)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "save") and hasattr(value, "convert"):  # an image
        buffer = io.BytesIO()
        value.save(buffer, format="PNG")
        return base64.b64encode(buffer.getvalue()).decode()
    return str(value)


def _bytes(data: Data) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)
