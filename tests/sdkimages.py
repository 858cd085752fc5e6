"""The image_uri_config files of both SDKs: which images, in which versions, their `image_uris` name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parents[1] / ".cache"
PACKAGES = {"v2": ("sdk-v2", "sagemaker<3", "sagemaker"), "v3": ("sdk-v3", "sagemaker-core", "sagemaker/core")}
"""By the SDK's version: its environment among those of clients, the package with its files, and the folder they are in."""


def config_files() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """SDK, name and content of each file. Only files are read; no SDK is imported."""
    for version, (client, requirement, folder) in PACKAGES.items():
        for file in sorted(_folder(client, requirement, folder).glob("*.json")):
            yield version, file.stem, json.loads(file.read_text())


def accounts(node: Any) -> Iterator[str]:
    """The accounts of the registries that a file names."""
    if isinstance(node, dict):
        yield from node.get("registries", {}).values()
        for child in node.values():
            yield from accounts(child)


def _folder(client: str, requirement: str, folder: str) -> Path:
    found = next((CACHE / "clients" / client / "lib").glob(f"python3*/site-packages/{folder}/image_uri_config"), None)
    if found:
        return found
    target = CACHE / f"{client}-files"
    if not (target / folder).is_dir():
        install = ["uv", "pip", "install", "--quiet", "--no-deps", "--target", str(target), requirement]
        subprocess.run([sys.executable, "-m", *install], check=True)
    return target / folder / "image_uri_config"
