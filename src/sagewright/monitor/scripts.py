"""The user's scripts: a preprocessor of captured records, and a script that runs after the analysis.

Source: the developer guide, "Preprocessing and postprocessing".
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from sagewright.captured.parts import flat
from sagewright.monitor.datasets import INPUT, OUTPUT, Row
from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob

PREPROCESSOR, POSTPROCESSOR = "record_preprocessor_script", "post_analytics_processor_script"
PREPROCESS, POSTPROCESS = "preprocess_handler", "postprocess_handler"


class RecordPreprocessor:
    """Calls preprocess_handler(inference_record), or preprocess_handler(inference_record, logger)."""

    def __init__(self, path: Path) -> None:
        """Raises MonitorError."""
        self._handler: Callable[..., Any] = _handler(path, PREPROCESS)
        self._extra = (
            (logging.getLogger("preprocessor"),) if len(inspect.signature(self._handler).parameters) > 1 else ()
        )

    def rows(self, place: str, record: Row) -> list[Row]:
        """Returns the rows that the script makes of a record: a dict is one, a list has several. Raises MonitorError."""
        try:
            found = self._handler(_inference(record), *self._extra)
        except Exception as error:
            raise MonitorError(f"The record preprocessor failed at {place}: {type(error).__name__}: {error}") from error
        made = found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else [found]
        return [dict(flat(one)) for one in made if one]


def preprocessor(job: MonitorJob) -> RecordPreprocessor | None:
    path = job.path(PREPROCESSOR)
    return None if path is None else RecordPreprocessor(path)


def postprocess(job: MonitorJob) -> None:
    """Calls postprocess_handler() of the job's script, if it has one. Raises MonitorError."""
    path = job.path(POSTPROCESSOR)
    if path is None:
        return
    handler = _handler(path, POSTPROCESS)
    try:
        handler()
    except Exception as error:
        raise MonitorError(f"The post-analytics script failed: {type(error).__name__}: {error}") from error


def _handler(path: Path, name: str) -> Callable[..., Any]:
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        raise MonitorError(f"The script {path.name} cannot be imported: {type(error).__name__}: {error}") from error
    found: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(found):
        raise MonitorError(f"The script {path.name} has no function {name}.")
    return found


def _inference(record: Row) -> SimpleNamespace:
    """Returns a record as scripts read it: endpoint_input.data, event_metadata.custom_attribute(name)."""
    captured, metadata = record.get("captureData") or {}, record.get("eventMetadata") or {}
    parts = {
        name: SimpleNamespace(
            data=part.get("data"),
            encoding=part.get("encoding"),
            mode=part.get("mode"),
            observed_content_type=part.get("observedContentType"),
        )
        for name, part in ((INPUT, captured.get(INPUT) or {}), (OUTPUT, captured.get(OUTPUT) or {}))
    }
    event = SimpleNamespace(
        event_id=metadata.get("eventId"),
        inference_id=metadata.get("inferenceId"),
        inference_time=metadata.get("inferenceTime"),
        custom_attribute=lambda name: _custom(metadata, name),
    )
    return SimpleNamespace(
        endpoint_input=parts[INPUT],
        endpoint_output=parts[OUTPUT],
        event_metadata=event,
        event_version=record.get("eventVersion"),
        ground_truth_data=record.get("groundTruthData"),
        as_dict=lambda: json.loads(json.dumps(record)),
    )


def _custom(metadata: Row, name: str) -> str | None:
    for pair in metadata.get("customAttributes") or ():
        key, _, value = str(pair).partition("=")
        if key.strip() == name:
            return value
    return None
