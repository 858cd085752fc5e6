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
SCOPES = {"versions", "training", "inference", "processing", "eia", "inference_graviton", "processors", "py2", "py3"}
"""Levels of the files that are no version."""


def config_files() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """SDK, name and content of each file. Only files are read; no SDK is imported."""
    for version, (client, requirement, folder) in PACKAGES.items():
        for file in sorted(_folder(client, requirement, folder).glob("*.json")):
            yield version, file.stem, json.loads(file.read_text())


def releases() -> str:
    """The releases whose files these are."""
    found = []
    for client, requirement, folder in PACKAGES.values():
        name = requirement.partition("<")[0].replace("-", "_")
        places = _folder(client, requirement, folder).parents[len(folder.split("/"))]
        found += [place.name.removesuffix(".dist-info") for place in places.glob(f"{name}-[0-9]*.dist-info")]
    return " and ".join(found)


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


def named_images() -> Iterator[str]:
    """`repository:tag` of every image that a file of either SDK names, in the order of the files; an image may come twice."""
    for _sdk, _name, config in config_files():
        yield from _images(config, ())


def _images(node: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node.get("repository"), str):
        yield f"{node['repository']}:{_tag(node, path)}"
    for name, child in node.items():
        if isinstance(child, dict) and name not in {"registries", "version_aliases", "container_version"}:
            yield from _images(child, path if name in SCOPES else (*path, name))


def _tag(node: dict[str, Any], path: tuple[str, ...]) -> str:
    """As the SDKs make it of a file: the framework's version, or that of the base framework with that of transformers."""
    version = path[-1] if path else "latest"
    base = version.removeprefix("pytorch").removeprefix("tensorflow")
    if base != version:
        version = f"{base}-transformers{path[-2]}"
    python = (node.get("py_versions") or [""])[-1]
    return "-".join(part for part in (node.get("tag_prefix") or version, "cpu", python) if part)
