"""Serves a model of a table: CSV without a header and without the target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright_jumpstart.errors import InputError
from sagewright_jumpstart.manifest import Manifest
from sagewright_jumpstart.requests import answer, is_verbose, media_of, text_of, unsupported
from sagewright_jumpstart.tabular.columns import Columns
from sagewright_jumpstart.tabular.data import read_request
from sagewright_jumpstart.tabular.engines import TabularEngine, make_engine

CSV = "text/csv"
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class ServedTable:
    columns: Columns
    engine: TabularEngine
    classes: int


def model_fn(model_dir: str) -> ServedTable:
    """Raises InputError for a model that has not been trained."""
    folder = Path(model_dir)
    manifest = Manifest.read(folder)
    if "columns" not in manifest.settings:
        raise InputError(f"{manifest.id} answers once it has been trained: train it first (JumpStartEstimator)")
    columns = Columns.of(manifest.settings["columns"])
    engine = make_engine(str(manifest.settings["engine"]), columns, len(manifest.labels))
    engine.load(folder)
    return ServedTable(columns, engine, len(manifest.labels))


def input_fn(body: str | bytes, content_type: str) -> str:
    """Raises InputError."""
    if media_of(content_type) != CSV:
        raise unsupported(content_type, (CSV,))
    return text_of(body)


def predict_fn(data: str, model: ServedTable) -> Any:
    """Raises InputError."""
    return model.classes, model.engine.predict(read_request(model.columns, data, _MOST_ROWS))


def output_fn(prediction: Any, accept: str) -> tuple[str, str]:
    classes, found = prediction
    if not classes:
        numbers = [float(each) for each in found]
        return answer({"prediction": numbers, "predictions": numbers}, accept)
    document: dict[str, Any] = {"probabilities": found.tolist()}
    if is_verbose(accept):
        document |= {"labels": list(range(classes)), "predicted_label": found.argmax(1).tolist()}
    return answer(document, accept)
