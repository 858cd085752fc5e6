"""TensorFlow: a SavedModel behind the requests of TensorFlow Serving's REST interface.

Source: tensorflow.org, "RESTful API" of TFX Serving: `instances` and `predictions`, `inputs` and `outputs`, `signature_name`, b64.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagewright.toolkit.serving import content
from sagewright.toolkit.serving.content import Data
from sagewright.toolkit.serving.defaults import Defaults
from sagewright.toolkit.serving.errors import BadInput, UnsupportedType
from sagewright.toolkit.serving.tfexamples import PREDICT, ModelSelector, OfExamples

_SAVED = ("saved_model.pb", "saved_model.pbtxt")
_BETWEEN_DOCUMENTS = re.compile(r"[}\]][ \t\r]*\n\s*[{\[]")


class Models:
    """The models of an archive by name; otherwise it acts as the default model."""

    def __init__(self, named: dict[str, Any], default: str) -> None:
        self.named, self._default = named, named[default]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._default, name)

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._default(*given, **named)


class TensorFlow(Defaults):
    needs_program = False

    def model_fn(self, model_dir: str) -> Any:
        """Raises ValueError if there is no SavedModel."""
        found = find_saved_models(Path(model_dir))
        default = os.environ.get("SAGEMAKER_TFS_DEFAULT_MODEL_NAME") or next(iter(found))
        if default not in found:
            raise ValueError(f"SAGEMAKER_TFS_DEFAULT_MODEL_NAME is {default}; the models are {', '.join(found)}.")
        return Models({name: _load(directory) for name, directory in found.items()}, default)

    def chosen(self, model: Any, attributes: str) -> Any:
        if not isinstance(model, Models):
            return model
        requested = ModelSelector.of(attributes)
        if requested.model and requested.model not in model.named:
            raise BadInput(
                f"There is no model {requested.model} (tfs-model-name); the models are {', '.join(model.named)}."
            )
        named = model.named[requested.model] if requested.model else model
        return named if requested.method == PREDICT else OfExamples(named, requested.method)

    def input_fn(self, data: Data, content_type: str) -> dict[str, Any]:
        media = content.media_of(content_type) or content.JSON
        try:
            if media in (content.JSON, content.JSON_LINES):
                return _document(content.text_of(data), media)
            if media == content.CSV:
                rows = csv.reader(io.StringIO(content.text_of(data)))
                return {"instances": [[float(value) for value in row] for row in rows if row]}
            if media == content.NPY:
                return {"instances": content.decode(data, content_type).tolist()}
        except (ValueError, RecursionError, csv.Error) as error:
            raise BadInput(f"The request is not {media}: {error}") from error
        raise UnsupportedType(content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        if isinstance(model, OfExamples):
            return model.answer(data)
        if not isinstance(data, dict):
            data = {"instances": data}
        name = data.get("signature_name", "serving_default")
        signature = model.signatures.get(name) if hasattr(model, "signatures") else None
        if signature is None:
            raise BadInput(f'Serving signature name: "{name}" not found in signature def')
        specs = signature.structured_input_signature[1]
        if ("instances" in data) == ("inputs" in data):
            raise BadInput('The request must have one of "instances" and "inputs".')
        given = _columns(data["instances"], specs) if "instances" in data else _named(data["inputs"], specs)
        answer = signature(**{key: _tensor(value, specs[key]) for key, value in given.items()})
        return _rows(answer) if "instances" in data else {"outputs": _only(answer)}

    def output_fn(self, prediction: Any, accept: str) -> Any:
        if any(media in (content.JSON, content.ANY) for media in content.accepted(accept)):
            return content.to_json(prediction), content.JSON
        return super().output_fn(next(iter(prediction.values())), accept)


def _document(text: str, media: str) -> dict[str, Any]:
    """Parses a document; as in AWS's image, JSON lines are recognised whatever the content type. Raises ValueError."""
    lines = [line for line in text.splitlines() if line.strip()]
    if media == content.JSON_LINES or (len(lines) > 1 and _BETWEEN_DOCUMENTS.search(text)):
        return {"instances": [json.loads(line) for line in lines]}
    document = json.loads(text)
    return document if isinstance(document, dict) else {"instances": document}


def find_saved_models(directory: Path) -> dict[str, Path]:
    """Returns the directories of the newest versions by model name: each model has its versions in a directory of its name.

    Raises ValueError if there are none.
    """
    paths = {path.parent for name in _SAVED for path in directory.rglob(name)}
    if not paths:
        raise ValueError(f"There is no SavedModel in {directory}: a directory with a saved_model.pb is expected.")
    found: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: (_version(path), str(path))):
        named = path.parent if path.name.isdecimal() else path
        found["model" if named == directory else named.name] = path
    return dict(sorted(found.items()))


def _version(path: Path) -> int:
    return int(path.name) if path.name.isdecimal() else -1


def _load(directory: Path) -> Any:
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(directory))
    except Exception:
        from sagewright.toolkit.serving.tfgraphs import SavedGraph

        with suppress(Exception):
            return SavedGraph(directory)
        raise


def _columns(instances: Any, specs: dict[str, Any]) -> dict[str, Any]:
    """Converts rows to the signature's inputs."""
    if not isinstance(instances, list) or not instances:
        raise BadInput('"instances" must be a list of at least one row.')
    if isinstance(instances[0], dict) and set(instances[0]) != {"b64"}:
        if not all(isinstance(row, dict) and set(row) == set(instances[0]) for row in instances):
            raise BadInput("The rows of the request have different inputs.")
        return _named({name: [row[name] for row in instances] for name in instances[0]}, specs)
    return _named(instances, specs)


def _named(inputs: Any, specs: dict[str, Any]) -> dict[str, Any]:
    given = inputs if isinstance(inputs, dict) and set(inputs) != {"b64"} else dict.fromkeys(specs, inputs)
    if len(specs) > 1 and given is not inputs:
        raise BadInput(f"The model has several inputs, each needs its name: {', '.join(sorted(specs))}.")
    if set(given) != set(specs):
        raise BadInput(
            f"The request's inputs are {', '.join(sorted(given))}; the model's are {', '.join(sorted(specs))}."
        )
    return given


def _tensor(value: Any, spec: Any) -> Any:
    import tensorflow as tf

    try:
        return tf.constant(_unpacked(value), dtype=spec.dtype)
    except (ValueError, TypeError) as error:
        raise BadInput(f"The request does not fit the input {spec.name} of {spec.dtype.name}: {error}") from error


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    return [_unpacked(each) for each in value] if isinstance(value, list) else value


def _plain(tensor: Any) -> Any:
    return _texts(tensor.numpy().tolist())


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(each) for each in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value


def _only(answer: dict[str, Any]) -> Any:
    plain = {name: _plain(tensor) for name, tensor in answer.items()}
    return next(iter(plain.values())) if len(plain) == 1 else plain


def _rows(answer: dict[str, Any]) -> dict[str, Any]:
    plain = _only(answer)
    if not isinstance(plain, dict):
        return {"predictions": plain}
    names = list(plain)
    rows = zip(*plain.values())  # noqa: B905 - older Pythons
    return {"predictions": [dict(zip(names, row)) for row in rows]}  # noqa: B905 - older Pythons
