"""The start of JupyterLab: what is left out at its import is there when it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GRAMMAR = """
print("made")
def is_valid_syntax(rule, text):
    return (rule, text) == ("iri", "ok:x")
"""
LAB = """
import shutil, sys
at_import = shutil.which("node")
from rfc3987_syntax import is_valid_syntax
print("imported", at_import)
def main():
    print("node", shutil.which("node").rpartition("/")[2], sys.argv[1:])
    print(is_valid_syntax("iri", "ok:x"), is_valid_syntax("iri", "no"), is_valid_syntax("uri", "ok:x"))
    return 3
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a JupyterLab, a grammar and Node.js that say when they are used."""
    for name, text in {"jupyterlab/__init__.py": "", "jupyterlab/labapp.py": LAB, "rfc3987_syntax.py": GRAMMAR}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    return tmp_path


def _ran(place: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(place), "PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "sagewright.toolkit.apps.lab", "--ServerApp.sock=x"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_nothing_is_asked_or_made_until_it_is_used(installed: Path) -> None:
    done = _ran(installed)
    assert done.stdout.splitlines() == [
        "imported None",
        "node node ['--ServerApp.sock=x']",
        "made",
        "True False False",
    ], done.stderr
    assert done.returncode == 3


def test_an_environment_without_the_grammar_is_left_alone(installed: Path) -> None:
    (installed / "rfc3987_syntax.py").unlink()
    (installed / "jupyterlab" / "labapp.py").write_text("def main():\n    import rfc3987_syntax\n")
    done = _ran(installed)
    assert "No module named 'rfc3987_syntax'" in done.stderr
