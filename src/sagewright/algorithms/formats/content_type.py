"""Content types with their parameters: `text/csv; label_size=1`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sagewright.algorithms.errors import UserError

Format = Literal["csv", "libsvm", "parquet", "recordio-protobuf"]

FORMATS: dict[str, Format] = {
    "csv": "csv",
    "text/csv": "csv",
    "libsvm": "libsvm",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "parquet": "parquet",
    "application/x-parquet": "parquet",
    "recordio-protobuf": "recordio-protobuf",
    "application/x-recordio-protobuf": "recordio-protobuf",
}
"""All media types that name a tabular format."""


@dataclass(frozen=True)
class ContentType:
    """A parsed content type: media type and parameter names in lower case."""

    media: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> ContentType:
        media, *rest = text.split(";")
        pairs = (part.partition("=") for part in rest if part.strip())
        parameters = {name.strip().lower(): value.strip().strip('"').lower() for name, _, value in pairs}
        return cls(media.strip().lower(), parameters)

    @property
    def format(self) -> Format | None:
        """The tabular format that the media type names, or None."""
        return FORMATS.get(self.media)

    def label_size(self, default: int) -> int:
        """The number of label columns. Raises UserError unless the parameter is a whole number ≥ 0."""
        text = self.parameters.get("label_size")
        if text is None:
            return default
        if not text.isdecimal():
            raise UserError(f"label_size must be a whole number, not '{text}'")
        return int(text)
