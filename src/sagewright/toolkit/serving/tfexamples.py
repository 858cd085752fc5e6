"""TensorFlow Serving's `classify` and `regress`, whose requests contain tf.Examples, and the selection of a server's model.

Source: tensorflow.org, "RESTful API" of TFX Serving, Classify and Regress; the custom attributes `tfs-model-name` and `tfs-method`
are those of SDK v2's TensorFlowPredictor.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from sagewright.toolkit.serving.errors import BadInput

PREDICT, CLASSIFY, REGRESS = "predict", "classify", "regress"


class ModelSelector(NamedTuple):
    """The model and method in the custom attributes of a request."""

    model: str
    method: str

    @classmethod
    def of(cls, attributes: str) -> ModelSelector:
        """Raises BadInput for an unknown method."""
        pairs = dict(part.strip().partition("=")[::2] for part in attributes.split(",") if "=" in part)
        method = pairs.get("tfs-method", PREDICT)
        if method not in (PREDICT, CLASSIFY, REGRESS):
            raise BadInput(f"tfs-method must be one of predict, classify, regress, got {method!r}.")
        return cls(pairs.get("tfs-model-name", ""), method)


class OfExamples:
    """A model whose signature accepts serialized examples."""

    def __init__(self, model: Any, method: str) -> None:
        self._model, self._method = model, method

    def answer(self, data: Any) -> dict[str, Any]:
        """Raises BadInput."""
        import tensorflow as tf

        examples = data.get("examples") if isinstance(data, dict) else None
        if not isinstance(examples, list) or not all(isinstance(one, dict) for one in examples) or not examples:
            raise BadInput('The request must have "examples", a list of objects.')
        name = data.get("signature_name", "serving_default")
        signature = self._model.signatures.get(name)
        specs = signature.structured_input_signature[1] if signature else {}
        if len(specs) != 1 or next(iter(specs.values())).dtype != tf.string:
            raise BadInput(f'The signature "{name}" accepts no examples.')
        context = data.get("context") or {}
        given = tf.constant([_serialized({**context, **one}) for one in examples])
        answer = {key: value.numpy().tolist() for key, value in signature(**{next(iter(specs)): given}).items()}
        return {"result": _classes(answer, name) if self._method == CLASSIFY else _values(answer, name)}


def _serialized(features: dict[str, Any]) -> bytes:
    import tensorflow as tf

    example = tf.train.Example()
    for name, given in features.items():
        values = given if isinstance(given, list) else [given]
        feature = example.features.feature[name]
        try:
            if all(isinstance(value, int) for value in values):
                feature.int64_list.value.extend(values)
            elif all(isinstance(value, (int, float)) for value in values):
                feature.float_list.value.extend(values)
            else:
                feature.bytes_list.value.extend(_bytes(value) for value in values)
        except (TypeError, ValueError) as error:
            raise BadInput(f"The feature {name} is neither of numbers nor of texts: {error}") from error
    found: bytes = example.SerializeToString()
    return found


def _bytes(value: Any) -> bytes:
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"got {value!r}")


def _classes(answer: dict[str, Any], name: str) -> list[Any]:
    """Returns pairs of label and score for each example; a part that the signature lacks is empty."""
    if not answer or not answer.keys() <= {"classes", "scores"}:
        raise BadInput(f'The signature "{name}" does not classify.')
    scores, labels = answer.get("scores"), answer.get("classes")
    count = len(next(iter(answer.values())))
    rows = []
    for row in range(count):
        of_row = scores[row] if scores else [0.0] * len(labels[row])  # type: ignore[index]
        texts = [label.decode(errors="replace") for label in labels[row]] if labels else [""] * len(of_row)
        rows.append([list(pair) for pair in zip(texts, of_row)])  # noqa: B905 - older Pythons
    return rows


def _values(answer: dict[str, Any], name: str) -> list[Any]:
    if set(answer) != {"outputs"}:
        raise BadInput(f'The signature "{name}" does no regression.')
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in answer["outputs"]]
