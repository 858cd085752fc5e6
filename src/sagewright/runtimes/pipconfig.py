"""The package sources configured for pip on this machine, for uv, which ignores pip's configuration.

Source: pip's documentation, "Configuration": its files in order of precedence, then PIP_* variables.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class PipSources:
    """The configured sources; () and "" if there are none."""

    find_links: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    no_index: bool = False
    certificates: str = ""

    def uv_options(self) -> list[str]:
        """Returns the sources as options of `uv pip install`."""
        options = [part for link in self.find_links for part in ("--find-links", link)]
        options += [part for file in self.constraints for part in ("--constraints", file)]
        options += [part for url in self.extra_index_urls for part in ("--index", url)]
        options += ["--default-index", self.index_url] if self.index_url else []
        return [*options, "--no-index"] if self.no_index else options

    def pip_environment(self) -> dict[str, str]:
        """Returns the sources as variables for a pip that cannot see this machine's configuration files."""
        values = {
            "PIP_FIND_LINKS": " ".join(self.find_links),
            "PIP_CONSTRAINT": " ".join(self.constraints),
            "PIP_INDEX_URL": self.index_url,
            "PIP_EXTRA_INDEX_URL": " ".join(self.extra_index_urls),
            "PIP_NO_INDEX": "1" if self.no_index else "",
            "PIP_CERT": self.certificates,
        }
        return {name: value for name, value in values.items() if value}

    def local_paths(self) -> list[Path]:
        """Returns directories and files of this machine that the configuration refers to."""
        places = (*self.find_links, *self.constraints, self.certificates)
        paths = (Path(place.removeprefix("file://")) for place in places if place)
        return [path for path in paths if path.is_absolute() and path.exists()]

    def local_wheels(self, project: str) -> list[Path]:
        """Returns wheels of `project` in a local find-links directory."""
        directories = (Path(link.removeprefix("file://")) for link in self.find_links)
        return sorted(wheel for place in directories if place.is_dir() for wheel in place.glob(f"{project}-*.whl"))


@cache
def pip_sources() -> PipSources:
    """Returns pip's sources on this machine, read once per process."""
    return read_pip_sources()


def read_pip_sources(environ: Mapping[str, str] | None = None) -> PipSources:
    """Returns the sources that pip on this machine would use. An unreadable file counts as empty."""
    variables = os.environ if environ is None else environ
    values: dict[str, str] = {}
    for file in _files(variables):
        values.update(_read(file))
    for name, value in variables.items():
        if name.startswith("PIP_"):
            values[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return PipSources(
        _words(values, "find-links"),
        _words(values, "constraint"),
        values.get("index-url", ""),
        _words(values, "extra-index-url"),
        values.get("no-index", "").lower() in {"1", "true", "yes", "on"},
        values.get("cert", ""),
    )


def _files(environ: Mapping[str, str]) -> list[Path]:
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return []
    home = Path(environ.get("HOME", "/"))
    shared = [
        Path(place) / "pip" / "pip.conf" for place in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if place
    ]
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    files = [*reversed(shared), Path("/etc/pip.conf"), home / ".pip" / "pip.conf", user, Path(sys.prefix) / "pip.conf"]
    return [*files, Path(environ["PIP_CONFIG_FILE"])] if environ.get("PIP_CONFIG_FILE") else files


def _read(file: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(file)
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}
    values: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            values.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    return values


def _words(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(values.get(name, "").split())
