"""Heat maps of pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.model import AnalysedModel
from sagewright.clarify.analyzer.settings import shap_settings
from sagewright.clarify.configuration.analysis import AnalysisConfig
from sagewright.clarify.data.files import download
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.images.explanation import PictureExplainer, PictureResult, write_records
from sagewright.clarify.images.files import find_pictures, read_picture
from sagewright.clarify.images.models import classifier, detector
from sagewright.clarify.images.segments import BLURRED
from sagewright.clarify.prediction.endpoint_client import EndpointClient
from sagewright.clarify.report.local import LocalValues, Picture
from sagewright.clarify.tables import Section


def analyse_pictures(job: ClarifyJob, config: AnalysisConfig) -> tuple[Section, LocalValues | None]:
    """Explains the pictures of the data set. One host explains all. Raises ClarifyError."""
    if "shap" not in config.methods or "image_config" not in config.methods["shap"]:
        raise CustomerError("Data of type application/x-image need the method 'shap' with 'image_config'.")
    if not job.is_leader:
        return {}, None
    settings = shap_settings(config, None)
    folder, paths = _pictures(job, config)
    with AnalysedModel(config, job.arn) as model:
        predictor = model.predictor
        explainer = PictureExplainer(
            settings, predictor.label_headers, folder, job.output, _baseline(settings.baseline)
        )
        content_type, accept = predictor.content_type or "image/jpeg", predictor.accept_type or "application/json"
        client = EndpointClient(model.serve(), predictor, content_type, accept)
        detects = explainer.image.model_type == "OBJECT_DETECTION"
        found: list[PictureResult] = list(
            explainer.detected(paths, detector(client.invoke, predictor))
            if detects
            else explainer.classified(paths, classifier(client.invoke, predictor))
        )
    write_records(found, job.output)
    drawn = tuple(Picture(one.path, one.caption) for one in found)
    return {"version": "1.0"}, LocalValues(pictures=drawn)


def _pictures(job: ClarifyJob, config: AnalysisConfig) -> tuple[Path, list[Path]]:
    """Returns the pictures of the input, or of `dataset_uri`, with their folder."""
    if job.data.is_dir() and any(job.data.rglob("*")):
        return job.data, find_pictures(job.data)
    if not config.dataset_uri:
        raise CustomerError("The input 'dataset' has no files, and 'dataset_uri' is not configured.")
    first = download(config.dataset_uri)
    if first[0].suffix in {".json", ".manifest"}:
        return first[0].parent, [path for uri in _manifest(first[0]) for path in download(uri)]
    folder = first[0].parents[1]
    return folder, find_pictures(folder)


def _manifest(path: Path) -> list[str]:
    """Returns the URIs of an image manifest: a list of a prefix and keys, or one JSON object a line with `source-ref`."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        if text.lstrip().startswith("["):
            prefix, *keys = json.loads(text)
            return [f"{prefix['prefix']}{key}" for key in keys]
        return [str(json.loads(line)["source-ref"]) for line in text.splitlines() if line.strip()]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CustomerError(
            f"{path.name} is no image manifest: a prefix and keys, or lines with 'source-ref'."
        ) from None


def _baseline(given: Any) -> Any:
    """Returns the mask that an S3 URI names, None for noise."""
    if not given:
        return None
    if not isinstance(given, str):
        raise CustomerError("The baseline of pictures is an S3 URI of a picture.")
    if given == BLURRED:
        return given
    return read_picture(download(given)[0])
