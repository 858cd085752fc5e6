"""`python -m sagewright.toolkit.tracking ARTIFACT_STORE WORKERS`: the MLflow server of the job's environment, on the job's socket.

Its data is in /opt/ml/tracking, which every start of the same tracking server shares. A newer MLflow than the one that wrote it
upgrades the tables first. Source: MLflow's documentation of `mlflow server` and `mlflow db upgrade`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

SOCKET_VARIABLE = "SAGEWRIGHT_SERVE_SOCKET"
_USAGE = "usage: python -m sagewright.toolkit.tracking ARTIFACT_STORE WORKERS"
_OUR_OWN = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a dozen processes for evaluations of language models
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


def main(arguments: Sequence[str]) -> None:
    """Becomes the server. Raises SystemExit if it can't, OSError without MLflow."""
    if len(arguments) != 2:
        raise SystemExit(_USAGE)
    socket = Path(os.environ[SOCKET_VARIABLE])
    kept = socket.parent.parent / "tracking"
    os.environ.update(_OUR_OWN)
    uri = f"sqlite:///{kept / 'mlflow.db'}"
    _bring_up_to_date(kept, uri)
    socket.unlink(missing_ok=True)
    command = [
        "mlflow", "server", "--backend-store-uri", uri, "--default-artifact-root", arguments[0], "--no-serve-artifacts",
        "--workers", arguments[1], "--uvicorn-opts", f"--uds {socket} --no-access-log",
    ]  # fmt: skip
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


def _bring_up_to_date(kept: Path, uri: str) -> None:
    """Upgrades the tables of another MLflow version. Raises SystemExit if that fails."""
    note, installed = kept / "version", version("mlflow")
    if (kept / "mlflow.db").exists() and note.exists() and note.read_text() != installed:
        print(f"The tables of MLflow {note.read_text()} are migrated to {installed}.", flush=True)
        status = subprocess.run(["mlflow", "db", "upgrade", uri], check=False).returncode
        if status:
            raise SystemExit(status)
    note.write_text(installed)


if __name__ == "__main__":
    main(sys.argv[1:])
