"""The filter of system calls for Podman containers: its default profile, minus the calls that `seccomp` refuses.

Podman's own default lets a container make user namespaces and keys, where Docker's does not. Source: the OCI runtime specification,
config-linux, "Seccomp"; containers/common, pkg/seccomp/seccomp.json.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from sagewright.sandbox.seccomp import NAMESPACES, REFUSED, REFUSED_FAMILIES

_DEFAULTS = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))
_ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
_OURS = ("clone", "clone3", "unshare", "socket")


def profile_file(directory: Path) -> Path:
    """Returns a file with the profile below `directory`, written once per content. Raises OSError."""
    text = json.dumps(_profile(_default()))
    file = directory / f"seccomp-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not file.exists():
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=directory, prefix=".seccomp-", delete=False) as partial:
            partial.write(text)
        os.rename(partial.name, file)  # noqa: PTH104 - a name, not a path
    return file


def _default() -> dict[str, Any]:
    for file in _DEFAULTS:
        try:
            found: dict[str, Any] = json.loads(file.read_bytes())
            return found
        except (OSError, ValueError):
            continue
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}


def _profile(default: dict[str, Any]) -> dict[str, Any]:
    ours = {*REFUSED, *_OURS}
    kept = [rule | {"names": [name for name in rule["names"] if name not in ours]} for rule in default["syscalls"]]
    profile = {name: value for name, value in default.items() if name not in {"archMap", "syscalls", "architectures"}}
    if (machine := platform.machine()) in _ARCHITECTURES:
        profile["architectures"] = [_ARCHITECTURES[machine]]  # excludes its 32-bit variants
    return profile | {"syscalls": [*(rule for rule in kept if rule["names"]), *_rules()]}


def _rules() -> list[dict[str, Any]]:
    no_namespace = {"index": 0, "value": NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    edges = sorted(REFUSED_FAMILIES)
    between = [
        {"index": 0, "value": edges[0], "op": "SCMP_CMP_LT"},
        *(
            {"index": 0, "value": value, "op": "SCMP_CMP_EQ"}
            for value in range(edges[0] + 1, edges[-1])
            if value not in edges
        ),
        {"index": 0, "value": edges[-1], "op": "SCMP_CMP_GT"},
    ]
    return [
        {"names": list(REFUSED), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
        {"names": ["clone", "unshare"], "action": "SCMP_ACT_ALLOW", "args": [no_namespace]},
        *({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [edge]} for edge in between),
    ]
