"""SavedModels of TensorFlow 1, run in a session as in TensorFlow Serving.

TensorFlow 2 converts their signatures to functions, which fails for some: for those that parse tf.Example, like those of
estimators. Source: tensorflow.org, `tf.compat.v1.saved_model.load` and "SavedModel format", SignatureDef.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any


class SavedGraph:
    """`signatures` by name, each called and described like one of `tf.saved_model.load`."""

    def __init__(self, directory: Path) -> None:
        """Raises TensorFlow's errors for a model that it can't load."""
        import tensorflow as tf

        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            signatures = _load(session, directory, {}).signature_def
            names = {info.name for each in signatures.values() for info in each.inputs.values()}
            inputs = {name: session.graph.get_tensor_by_name(name).dtype for name in names}
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            # TensorFlow Serving doesn't check a request against the shapes of placeholders, but a Python session does: so these
            # have none.
            fed = {name: tf.compat.v1.placeholder(dtype) for name, dtype in inputs.items()}
            _load(self._session, directory, fed)
        self.signatures = {name: _Signature(self._session, each, fed) for name, each in signatures.items()}


class _Signature:
    def __init__(self, session: Any, definition: Any, fed: dict[str, Any]) -> None:
        self._session = session
        self._inputs = {name: fed[info.name] for name, info in definition.inputs.items()}
        self._outputs = {name: fed.get(info.name, info.name) for name, info in definition.outputs.items()}
        specs = {name: SimpleNamespace(name=name, dtype=each.dtype) for name, each in self._inputs.items()}
        self.structured_input_signature = ((), specs)

    def __call__(self, **given: Any) -> dict[str, Any]:
        import tensorflow as tf

        fed = {self._inputs[name]: value.numpy() for name, value in given.items()}
        return {name: tf.constant(value) for name, value in self._session.run(self._outputs, fed).items()}


def _load(session: Any, directory: Path, fed: dict[str, Any]) -> Any:
    import tensorflow as tf

    with session.graph.as_default():
        tags = [tf.saved_model.SERVING]
        return tf.compat.v1.saved_model.load(session, tags, str(directory), **({"input_map": fed} if fed else {}))
