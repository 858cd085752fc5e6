"""File paths of checkpoint objects: any client can have written the keys, and not every key can be a path."""

from __future__ import annotations

from collections.abc import Iterable

from sagewright.agent.errors import ClientError

LONGEST_NAME = 255


def file_paths(bucket: str, prefix: str, keys: Iterable[str]) -> dict[str, str]:
    """Returns the path of each key below the checkpoints' directory; keys that end in a slash are folders, and are skipped.

    Raises ClientError, which names the key, if one cannot be a path, or two need the same name for a file and a folder.
    """
    paths = {key: key[len(prefix) :] for key in keys if key != prefix and not key.endswith("/")}
    for key, path in paths.items():
        if (reason := path_fault(path)) is not None:
            raise _refusal(bucket, key, reason)
    files = set(paths.values())
    for key, path in paths.items():
        folder = path.rpartition("/")[0]
        while folder:
            if folder in files:
                raise _refusal(bucket, key, f"{folder!r} is an object too, and cannot be a file and a directory")
            folder = folder.rpartition("/")[0]
    return paths


def path_fault(path: str) -> str | None:
    """Returns why a key cannot be a file path beneath a directory, or None."""
    steps = path.split("/")
    if ".." in steps:
        return "it would lead out of it"
    if "" in steps or "." in steps:
        return "it has an empty step or '.'"
    if "\0" in path:
        return "it contains a zero byte"
    if any(len(step.encode(errors="replace")) > LONGEST_NAME for step in steps):
        return f"a step of it is longer than {LONGEST_NAME} bytes"
    return None


def _refusal(bucket: str, key: str, reason: str) -> ClientError:
    return ClientError(
        f"Data download failed:the key {key!r} of bucket {bucket} cannot be a file of the checkpoints' directory: {reason}."
    )
