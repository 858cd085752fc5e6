"""Imports of a server's processes before their first work."""

from __future__ import annotations

import subprocess
import sys

import pytest

_NEVER = ("alembic", "authlib", "boto3", "botocore", "jinja2", "numpy", "rich", "scipy", "yaml")
_SERVER = (
    *_NEVER, "awscrt", "cryptography.x509", "dateutil", "packaging", "sqlalchemy.dialects.postgresql", "urllib3",
)  # fmt: skip
_FRONT = (*_NEVER, "awscrt", "packaging", "sagewright.engine", "sagewright.services", "sagewright.store", "sqlalchemy")
_FORK_SERVER = (
    "boto3",
    "numpy",
    "rich",
    "sagewright.engine",
    "sagewright.services",
    "sagewright.store",
    "sqlalchemy",
    "uvicorn",
)
_LOADED = "import sys; import {modules}; {then}; print(*sys.modules)"


@pytest.mark.parametrize(
    ("modules", "then", "unwanted"),
    [
        (
            "sagewright.cli.main, sagewright.cli.server.up, sagewright.server.server, sagewright.services.registry",
            "sagewright.services.registry.load()",
            _SERVER,
        ),
        ("sagewright.front.__main__", "", _FRONT),
        ("sagewright.agent.zygote", "", _FORK_SERVER),
    ],
    ids=["server", "front", "fork-server"],
)
def test_a_start_does_not_import(modules: str, then: str, unwanted: tuple[str, ...]) -> None:
    program = _LOADED.format(modules=modules, then=then or "pass")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    loaded = done.stdout.split()
    assert modules.partition(",")[0] in loaded
    found = sorted({one for name in loaded for one in unwanted if name == one or name.startswith(f"{one}.")})
    assert not found
