"""All models of the catalogue as entries: ours, and AWS's, whose weights are not here until someone adds them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sagewright.jumpstart.awsmodels import AwsModel, aws_models
from sagewright.jumpstart.entries import CatalogueEntry, Training, entries, read

_TEXT = ("application/x-text", "application/json")
_IMAGE = ("application/x-image", "image/jpeg", "image/png")
_ENCODERS, _CLASSIFIERS, _CHECKPOINTS = ("added-encoder",), ("added-encoder", "text-training"), ("checkpoint",)
_GENERATORS, _QUESTIONS = ("generation",), ("checkpoint", "question-training")
TASKS: Mapping[str, tuple[str, ...]] = {
    "sentencesimilarity": _ENCODERS,
    "textembedding": _ENCODERS,
    "tcembedding": _ENCODERS,
    "tc": _CLASSIFIERS,
    "spc": _CLASSIFIERS,
    "eqa": _QUESTIONS,
    "ner": _CHECKPOINTS,
    "zstc": _CHECKPOINTS,
    "fillmask": _CHECKPOINTS,
    "summarization": _CHECKPOINTS,
    "translation": _CHECKPOINTS,
    "text2text": _CHECKPOINTS,
    "llm": _GENERATORS,
    "textgeneration": _GENERATORS,
    "textgeneration1": _GENERATORS,
    "textgeneration2": _GENERATORS,
    "reasoning": _GENERATORS,
}
"""Tasks whose models can be added, with the families of `catalogue/families` whose scripts serve a checkpoint of the task."""
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
    """Returns every open model by id. Sagewright's entries replace AWS's with the same id, for the same releases of the SDK."""
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
    """Returns a model of AWS's: with the scripts of its task, if its weights can be added."""
    families = TASKS.get(model.task, ())
    if model.framework != "huggingface" and not (families == _GENERATORS and model.repository):
        families = ()
    document: dict[str, Any] = {
        "version": model.version,
        "title": model.id,
        "description": _sentence(model),
        "provider": (model.repository or model.framework).partition("/")[0],
        "license": "",
        "source": model.url,
        "content_types": _FORMS.get(model.task, _TEXT),
        "memory_mb": 0,
        "min_sdk_version": model.min_sdk_version,
        "gated": model.gated,
        "here": False,
    }
    if families:
        entry = read(model.id, document | {"families": families, "hosted": families != _CLASSIFIERS})
    else:
        image = "textgeneration" if model.task in _GENERATING else _IMAGES.get(model.framework, "pytorch")
        entry = read(model.id, document | {"image": image, "scripts": "", "accept_types": ("application/json",)})
    return replace(entry, training=Training((), {}, "")) if model.fine_tunable and entry.training is None else entry
