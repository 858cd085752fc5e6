"""A whole training job on one host, from its files to its model directory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import memory

from sagewright.algorithms.schema.declaration import Declaration

Files = Mapping[str, bytes]
"""A channel's files by name."""


def trained(declaration: Declaration, values: dict[str, object], channels: Mapping[str, tuple[Files, str]]) -> Path:
    """The model directory, given each channel's files and content type, which is "" if the job names none."""
    own = memory.job(Path(tempfile.mkdtemp()), values)
    given = {}
    for channel, (files, media) in channels.items():
        own.channel_path(channel).mkdir(parents=True)
        for name, content in files.items():
            (own.channel_path(channel) / name).write_bytes(content)
        given[channel] = {"TrainingInputMode": "File", **({"ContentType": media} if media else {})}
    own.model_directory.mkdir()
    module, _, function = declaration.train.partition(":")
    made = replace(own, channels=declaration.validate_channels(given))
    getattr(import_module(module), function)(made, declaration.validate_hyperparameters(own.hyperparameters))
    return own.model_directory
