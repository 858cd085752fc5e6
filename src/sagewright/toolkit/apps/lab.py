"""`python -m sagewright.toolkit.apps.lab`: JupyterLab, without the imports that it needs only for builds and for rare checks.

Two imports take more than half of its start. `rfc3987_syntax`, by which jsonschema checks IRIs, makes a parser of a grammar: it is
made when an IRI is checked. `jupyterlab.labapp` asks Node.js for the registry of builds, which an app never makes: while it is
imported, no Node.js is found. Source: jsonschema 4.26 (`_format.py`), jupyterlab 4.6 (`commands.py`, `_yarn_config`).
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

GRAMMAR = "rfc3987_syntax"


def defer_grammar() -> None:
    """Puts a module in place of the grammar's that imports it when a text is checked."""
    if GRAMMAR in sys.modules or find_spec(GRAMMAR) is None:
        return
    deferred = ModuleType(GRAMMAR)

    def is_valid_syntax(rule: str, text: str) -> bool:
        if sys.modules.get(GRAMMAR) is deferred:
            del sys.modules[GRAMMAR]
        return bool(importlib.import_module(GRAMMAR).is_valid_syntax(rule, text))

    deferred.__dict__["is_valid_syntax"] = is_valid_syntax
    sys.modules[GRAMMAR] = deferred


def main() -> None:
    """Becomes JupyterLab, with the arguments of this process."""
    defer_grammar()
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = str(Path(sys.executable).parent)
    try:
        from jupyterlab.labapp import main as serve  # type: ignore[import-not-found, unused-ignore]
    finally:
        os.environ["PATH"] = path
    sys.exit(serve())


if __name__ == "__main__":
    main()
