"""Pretrained weights from a folder on the network, whose file names contain the beginning of their SHA-256, as torch's do."""

from __future__ import annotations

import hashlib
import http.client
import logging
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from sagewright.algorithms.errors import UserError

_NAMED = re.compile(r".+-([0-9a-f]{8,64})\.pth")
MOST_BYTES = 2 << 30
"""Larger than any of torchvision's files."""
TIMEOUT_S, WHOLE_S = 30.0, 1800.0
_PART = 1 << 20


def fetch(source: str, names: Sequence[str], folder: Path) -> Path | None:
    """Downloads the first of the files that `source` has into `folder`; None if it has none. Only files whose name contains their
    digest are requested. Raises UserError if the network fails, or if a file is too long or doesn't match its digest."""
    for name in names:
        if (digest := _NAMED.fullmatch(name)) is None:
            continue
        url = f"{source.rstrip('/')}/{name}"
        try:
            _download(url, folder / name, digest[1])
        except urllib.error.HTTPError as error:
            if error.code in {403, 404}:
                continue
            raise UserError(f"Cannot download {url}: HTTP {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise UserError(f"Cannot download {url}: {error}") from error
        logging.info("Downloaded %s.", url)
        return folder / name
    return None


def _download(url: str, path: Path, digest: str) -> None:
    until, read, found = time.monotonic() + WHOLE_S, 0, hashlib.sha256()
    request = urllib.request.Request(url)  # noqa: S310 - the operator's, http or https
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer, path.open("wb") as file:  # noqa: S310
        while part := answer.read(_PART):
            read += len(part)
            if read > MOST_BYTES:
                raise UserError(f"Cannot download {url}: it has more than {MOST_BYTES} bytes")
            if time.monotonic() > until:
                raise UserError(f"Cannot download {url}: it takes longer than {WHOLE_S:.0f} s")
            found.update(part)
            file.write(part)
    if not found.hexdigest().startswith(digest):
        path.unlink()
        raise UserError(
            f"The download from {url} does not match the digest in its name: its SHA-256 is {found.hexdigest()}"
        )
