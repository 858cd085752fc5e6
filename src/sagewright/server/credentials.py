"""The admin's key as an AWS ini file, readable by its owner alone."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from sagewright.store.identity import AccessKey

PROFILE = "default"


def write(path: Path, key: AccessKey) -> None:
    """Written only when the file lacks this key, so that profiles a user added stay."""
    parser = configparser.ConfigParser()
    parser.read(path)
    if parser.has_option(PROFILE, "aws_access_key_id") and parser[PROFILE]["aws_access_key_id"] == key.id:
        path.chmod(0o600)
        return
    parser[PROFILE] = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        parser.write(file)
    temporary.rename(path)
