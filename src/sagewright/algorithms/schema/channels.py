"""The data channels of an algorithm: those it supports, those it requires, and the content types each accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.schema.wording import Wording


@dataclass(frozen=True)
class Channel:
    """One declared channel. `modes` are the TrainingInputModes that it supports."""

    name: str
    content_types: tuple[str, ...]
    required: bool = False
    modes: tuple[str, ...] = ("File", "FastFile")
    note: str = ""


@dataclass(frozen=True)
class ChannelInput:
    """One channel of a job, as `inputdataconfig.json` describes it."""

    name: str
    content_type: ContentType
    mode: str
    distribution: str


def validate(
    declared: tuple[Channel, ...],
    default_content_type: str | None,
    given: Mapping[str, Mapping[str, str]],
    wording: Wording,
) -> dict[str, ChannelInput]:
    """The job's channels by name, in the given order. Raises UserError for a missing, unknown or unusable one."""
    by_name = {channel.name: channel for channel in declared}
    for channel in declared:
        if channel.required and channel.name not in given:
            raise UserError(f"Missing required channel: {channel.name}")
    inputs: dict[str, ChannelInput] = {}
    for name, configuration in given.items():
        if name not in by_name:
            raise UserError(f"Extraneous channel found: {name}")
        text = configuration.get("ContentType") or default_content_type
        if not text:
            raise UserError(f"Missing content type for channel: {name}")
        content_type = ContentType.parse(text)
        accepted = by_name[name].content_types
        if content_type.media not in accepted:
            raise wording.unsupported_content_type(text, accepted)
        mode = configuration.get("TrainingInputMode", "File")
        if mode not in by_name[name].modes:
            raise UserError(
                f"Channel {name}: this algorithm can't read {content_type.media} in {mode} mode; "
                f"use one of {', '.join(by_name[name].modes)}."
            )
        distribution = configuration.get("S3DistributionType", "FullyReplicated")
        inputs[name] = ChannelInput(name, content_type, mode, distribution)
    return inputs
