"""`python -m sagewright.toolkit serve [FRAMEWORK]`: serves the model of a script until the process is ended."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sagewright.serving.settings import DEFAULT_TIMEOUT_S, ServingSettings, WrongSetting, cpus
from sagewright.serving.several import Several, is_asked_for
from sagewright.serving.workers import serve_forever
from sagewright.toolkit.code import unpack_archive
from sagewright.toolkit.errors import ToolkitError
from sagewright.toolkit.requirements import ASK, RequirementsRequested, ask_for_requirements, install_requirements
from sagewright.toolkit.serving.application import ScriptApplication
from sagewright.toolkit.serving.isolated import IsolatedModel

_GIB = 1 << 30
_MOST_OF_MEMORY = 0.8
_IN_MEMORY = 2.0
"""Memory of a model per byte of its files, including that for predictions: a conservative estimate."""
_BESIDE = 400 << 20
"""Memory in bytes of a worker with a framework and no model."""


def serve(root: Path, framework: str) -> int:
    """Returns the exit status: 0 after SIGTERM, ASK if the agent has to install requirements, 1 if the model can't be served."""
    environment = os.environ
    try:
        timeout_s = 0.0 if environment.get("SAGEMAKER_BATCH") == "true" else DEFAULT_TIMEOUT_S
        settings = ServingSettings.read(
            environment, 1 if is_asked_for() else fitting_workers(root / "model"), timeout_s
        )
        code = _bring_code(root)
        ask_for_requirements(root, code)
        install_requirements(code)
        if is_asked_for():
            return serve_forever(Several(lambda directory: IsolatedModel(directory, code, framework)), settings)
    except RequirementsRequested:
        return ASK
    except (ToolkitError, WrongSetting, OSError) as error:
        print(error.failure() if isinstance(error, ToolkitError) else error, file=sys.stderr, flush=True)
        return 1
    _share_threads(settings.workers)
    if code.is_dir():
        os.chdir(code)
    return serve_forever(ScriptApplication(root / "model", code, framework), settings)


def fitting_workers(model: Path) -> int:
    """Returns the number of CPUs, limited by memory: each worker loads the model, whose size is estimated from its files."""
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) if model.is_dir() else 0
    memory = float(os.environ.get("SAGEWRIGHT_MEMORY_GB") or 0) * _GIB
    if not memory:
        return cpus()
    fitting = int(memory * _MOST_OF_MEMORY / (_BESIDE + _IN_MEMORY * size))
    return max(min(cpus(), fitting), 1)


def _share_threads(workers: int) -> None:
    """Divides the cores between the workers, since all cores for each would be too many; an explicitly configured number is
    kept."""
    if os.environ.get("OMP_NUM_THREADS", str(cpus())) == str(cpus()):
        os.environ["OMP_NUM_THREADS"] = str(max(cpus() // workers, 1))


def _bring_code(root: Path) -> Path:
    """Returns the directory of the script: the packed code from the agent, else the content of the model's archive."""
    given = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    source = Path(given[len("file://") :] if given.startswith("file://") else given)
    brought = root / ".sagewright" / "code.tar.gz"
    archive = brought if brought.is_file() else source if given and source.is_file() else None
    if archive is not None:
        unpack_archive(archive, root / "code", given)
        return root / "code"
    if given and source.is_dir():
        return source
    return root / "model" / "code"
