"""All models of the catalogue as entries: ours, and AWS's, whose weights are not here until someone adds them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sagewright.jumpstart.awsmodels import AwsModel, aws_models
from sagewright.jumpstart.entries import CatalogueEntry, Training, entries


@dataclass(frozen=True)
class TaskScripts:
    """Scripts that serve the models of a task from their files alone. `content_types`: the default first."""

    scripts: str
    image: str
    content_types: tuple[str, ...]


_TEXT = ("application/x-text", "application/json")
_IMAGE = ("application/x-image", "image/jpeg", "image/png")
TASKS: Mapping[str, TaskScripts] = {}
"""Tasks whose models can be added; a family of scripts that reads any checkpoint of its task declares itself here."""
_FORMS = {
    "ic": _IMAGE,
    "od": _IMAGE,
    "od1": _IMAGE,
    "is": _IMAGE,
    "semseg": _IMAGE,
    "icembedding": _IMAGE,
    "spc": ("application/list-text",),
    "eqa": ("application/list-text",),
    "zstc": ("application/json",),
    "asr": ("audio/wav",),
    "classification": ("text/csv",),
    "regression": ("text/csv",),
    "llm": ("application/json",),
    "txt2img": ("application/json",),
}
_IMAGES = {"tensorflow": "tensorflow", "mxnet": "mxnet", "huggingface": "huggingface", "sklearn": "sklearn"}
_GENERATING = {"llm", "textgeneration", "textgeneration1", "textgeneration2", "reasoning", "vlm", "text2text"}


@functools.cache
def offers() -> Mapping[str, CatalogueEntry]:
    """Returns every open model by id. Ours take the place of AWS's of the same id, for the same releases of the SDK."""
    theirs = {each.id: _entry(each) for each in aws_models().values() if not each.proprietary}
    ours = {
        id_: replace(entry, min_sdk_version=theirs[id_].min_sdk_version) if id_ in theirs else entry
        for id_, entry in entries().items()
    }
    return dict(sorted((theirs | ours).items()))


def _sentence(model: AwsModel) -> str:
    problem = model.problem or model.task
    return f"{problem[:1].upper()}{problem[1:]}; published as {model.repository or model.url}."


def _entry(model: AwsModel) -> CatalogueEntry:
    task = TASKS.get(model.task)
    image = "textgeneration" if model.task in _GENERATING else _IMAGES.get(model.framework, "pytorch")
    return CatalogueEntry(
        id=model.id,
        version=model.version,
        title=model.id,
        description=_sentence(model),
        provider=(model.repository or model.framework).partition("/")[0],
        license="",
        source=model.url,
        image=task.image if task else image,
        scripts=task.scripts if task else "",
        content_types=task.content_types if task else _FORMS.get(model.task, _TEXT),
        accept_types=("application/json",),
        payloads=(),
        memory_mb=0,
        min_sdk_version=model.min_sdk_version,
        training=Training((), {}, "") if model.fine_tunable else None,
        gated=model.gated,
        here=False,
    )
