"""A whole log as a file, read page by page."""

from __future__ import annotations

from dataclasses import dataclass

from sagewright.model.errors import ValidationException
from sagewright.studio.operations import Client

MOST_NAME = 512


@dataclass
class LogFile:
    """A stream of a log group. Each call of `part` returns the next lines; b"" at the current end of the log."""

    client: Client
    group: str
    stream: str
    _position: str | None = None

    def part(self) -> bytes:
        """Raises AwsError."""
        if not 0 < len(self.group) <= MOST_NAME or not 0 < len(self.stream) <= MOST_NAME:
            raise ValidationException(f"'group' and 'stream' are names of 1 to {MOST_NAME} characters.")
        found = self.client.aside(
            "logs",
            "GetLogEvents",
            logGroupName=self.group,
            logStreamName=self.stream,
            startFromHead=True,
            nextToken=self._position,
        )
        self._position = found["nextForwardToken"]
        return "".join(f"{one['message']}\n" for one in found["events"]).encode()

    @property
    def name(self) -> str:
        """The name of the file: the stream's name, with characters replaced that a file system could misread."""
        return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "_" for char in self.stream)
