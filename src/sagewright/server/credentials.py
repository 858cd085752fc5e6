"""The admin's key as an AWS ini file, readable only by its owner, with the server's region and account."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from sagewright.model.aws.access_keys import AccessKey

PROFILE = "default"


def write(path: Path, key: AccessKey, region: str, account: str) -> None:
    """Writes the file only if it differs; profiles and options that a user added stay."""
    parser = configparser.ConfigParser()
    parser.read(path)
    own = {
        "aws_access_key_id": key.id,
        "aws_secret_access_key": key.secret,
        "region": region,
        "aws_account_id": account,
    }
    found = dict(parser[PROFILE]) if parser.has_section(PROFILE) else {}
    if found | own == found:
        path.chmod(0o600)
        return
    parser[PROFILE] = found | own
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        parser.write(file)
    temporary.rename(path)
