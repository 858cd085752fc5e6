"""Checks of the values of settings, which raise ValueError."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit


def parse_file_systems(text: str) -> dict[str, Path]:
    """Parses the mapping of file systems. Raises ValueError."""
    folders: dict[str, Path] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, folder = entry.partition("=")
        if not equals or not Path(folder.strip()).is_absolute():
            raise ValueError(f"{entry!r} must be ID=/absolute/folder")
        folders[name.strip()] = Path(folder.strip())
    return folders


def check_not_negative(number: int) -> None:
    """Rejects negative numbers. Raises ValueError."""
    if number < 0:
        raise ValueError(f"{number} must be 0 or more")


def check_positive(number: int) -> None:
    """Rejects numbers below 1. Raises ValueError."""
    if number < 1:
        raise ValueError(f"{number} must be 1 or more")


def check_url(text: str) -> None:
    """Checks a URL. Raises ValueError."""
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError(f"{text!r} must be http://HOST:PORT or https://HOST")


def check_domain(text: str) -> None:
    """Checks a domain's name. Raises ValueError."""
    if text and not re.fullmatch(r"(?=.{1,180}$)[a-z0-9-]+(\.[a-z0-9-]+)+", text):
        raise ValueError(f"{text!r} must be a domain's name in lower case, such as studio.example.org")


def check_tables(text: str) -> None:
    """Checks the S3 folder of Athena's tables. Raises ValueError."""
    if text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/.*)?", text):
        raise ValueError(f"{text!r} must be s3://BUCKET/PREFIX")


def check_port(number: int) -> None:
    """Checks a port. Raises ValueError."""
    if not 0 <= number <= 65535:
        raise ValueError(f"{number} is out of range: a port is 0 (any free one) to 65535")


def check_program(text: str) -> None:
    """Checks the path of a program that sandboxes show. Raises ValueError."""
    if text and (not text.startswith("/usr/") or ".." in Path(text).parts):
        raise ValueError(f"{text!r} must be a path below /usr")
