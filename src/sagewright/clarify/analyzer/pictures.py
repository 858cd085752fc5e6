"""Heat maps of pictures."""

from __future__ import annotations

import base64
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sagewright.clarify.analyzer import shares
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
from sagewright.clarify.report.attributions import MAX_PICTURES
from sagewright.clarify.report.local import LocalValues, Picture
from sagewright.clarify.tables import Section


def analyse_pictures(job: ClarifyJob, config: AnalysisConfig) -> tuple[Section, LocalValues | None]:
    """Explains this host's pictures of the data set. Raises ClarifyError."""
    if "shap" not in config.methods or "image_config" not in config.methods["shap"]:
        raise CustomerError("Data of type application/x-image need the method 'shap' with 'image_config'.")
    settings = shap_settings(config, None)
    folder, paths = _pictures(job, config)
    with AnalysedModel(config, job.arn) as model:
        predictor = model.predictor
        shares.share_endpoint(job, model)
        explainer = PictureExplainer(
            settings,
            predictor.label_headers,
            folder,
            job.output,
            _baseline(settings.baseline),
            lambda count: shares.share(job, count),
        )
        content_type, accept = predictor.content_type or "image/jpeg", predictor.accept_type or "application/json"
        client = EndpointClient(model.serve(), predictor, content_type, accept)
        detects = explainer.image.model_type == "OBJECT_DETECTION"
        found: list[PictureResult] = list(
            explainer.detected(paths, detector(client.invoke, predictor))
            if detects
            else explainer.classified(paths, classifier(client.invoke, predictor))
        )
        collected = shares.collect_documents(job, _shown(found) if not job.is_leader else [])
    if found or job.is_leader:
        write_records(found, job.output, shares.part(job))
    if not job.is_leader:
        return {}, None
    drawn = [Picture(one.path, one.caption) for one in found]
    return {"version": "1.0"}, LocalValues(pictures=(*drawn, *_received(collected)))


def _shown(found: Sequence[PictureResult]) -> list[list[str]]:
    """Returns captions and heat maps for the leader, whose report shows the first ones."""
    contents = [one.path.read_bytes() if place < MAX_PICTURES else b"" for place, one in enumerate(found)]
    return [
        [one.path.name, one.caption, base64.b64encode(content).decode()]
        for one, content in zip(found, contents, strict=True)
    ]


def _received(collected: Sequence[list[list[str]]]) -> Iterator[Picture]:
    """Yields the pictures of other hosts, whose files stay out of this host's output."""
    if not any(collected):
        return
    folder = Path(tempfile.mkdtemp(prefix="clarify-pictures-"))
    for number, (name, caption, content) in enumerate(itertools.chain.from_iterable(collected)):
        path = folder / str(number) / name
        if content:
            path.parent.mkdir()
            path.write_bytes(base64.b64decode(content))
        yield Picture(path, caption)


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
    """Returns the URIs of an image manifest: a list of a prefix and keys, or one JSON object with `source-ref` per line."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        if text.lstrip().startswith("["):
            prefix, *keys = json.loads(text)
            return [f"{prefix['prefix']}{key}" for key in keys]
        return [str(json.loads(line)["source-ref"]) for line in text.splitlines() if line.strip()]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CustomerError(
            f"{path.name} is not an image manifest: a prefix and keys, or lines with 'source-ref'."
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
