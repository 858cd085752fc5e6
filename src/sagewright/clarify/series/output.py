"""`asymmetric_shapley_value/<granularity>_<direction>/out.jsonl`, and its section of analysis.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.clarify.configuration.methods import AsymmetricSettings
from sagewright.clarify.series.asymmetric import STATIC, Member, SeriesExplanation
from sagewright.clarify.series.items import Names
from sagewright.clarify.tables import Section

FOLDER = "asymmetric_shapley_value"
STATIC_COVARIATES = "static_covariates"
"""Name of the static covariates together, in timewise explanations."""


def results_path(settings: AsymmetricSettings) -> str:
    """The path of out.jsonl below the job's output."""
    return f"{FOLDER}/{settings.granularity}_{settings.direction}/out.jsonl"


def record(found: SeriesExplanation, names: Names) -> Section:
    """A line's object: an entry for each member, with a score for each step of the forecast."""
    entries = [
        {**_described(member, found, names), "scores": scores}
        for member, scores in zip(found.members, found.values.tolist(), strict=True)
    ]
    return {"explanations": entries, "item_id": _plain(found.item.item_id)}


def _described(member: Member, found: SeriesExplanation, names: Names) -> Section:
    if member.step == STATIC:
        return {"feature_name": STATIC_COVARIATES if member.series is None else names.static[member.series]}
    timestamp = _plain(found.item.timestamps[member.step])
    if member.series is None:
        return {"timestamp": timestamp}
    return {"feature_name": (names.target, *names.related)[member.series], "timestamp": timestamp}


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, int | float | str) else str(value)


def write_local(
    explanations: Iterable[SeriesExplanation],
    names: Names,
    settings: AsymmetricSettings,
    folder: Path,
    part: int | None = None,
) -> Path:
    """Writes a line for each item while it is explained. `part`: number of the host, where several write one part each: out.jsonl
    is then a folder."""
    path = folder / results_path(settings)
    if part is not None:
        path /= f"part-{part:05d}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for found in explanations:
            stream.write(json.dumps(record(found, names), allow_nan=False) + "\n")
    return path


def section(settings: AsymmetricSettings, output_uri: str) -> Section:
    """The value of `asymmetric_shapley_value` in analysis.json. `output_uri`: where the job's output goes in S3."""
    return {
        "direction": settings.direction,
        "granularity": settings.granularity,
        "explanation_results_path": f"{output_uri.rstrip('/')}/{results_path(settings)}",
    }
