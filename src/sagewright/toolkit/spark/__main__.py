"""`python -m sagewright.toolkit.spark OPTIONS APPLICATION ARGUMENTS`, installed in the environment as smspark-submit."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sagewright.toolkit.spark.application import SparkApplication
from sagewright.toolkit.spark.configuration import read_configuration
from sagewright.toolkit.spark.errors import SparkError
from sagewright.toolkit.spark.options import parse
from sagewright.toolkit.spark.sizing import share_of

_STOPPED = 143


def submit(words: list[str], root: Path) -> int:
    """Returns the exit status of the job's host. `root` is /opt/ml or its substitute."""
    try:
        options = parse(words)
        options.spark_options()  # reports missing files before anything starts
        resources = _resources(root)
        hosts = sorted(resources["hosts"], key=lambda host: (len(host), host))
        host = str(resources["current_host"])
        SparkApplication(options, read_configuration(root), share_of(os.environ), host, hosts, os.environ).run()
    except SparkError as error:
        return _failed(root / "output", error)
    return 0


def _resources(root: Path) -> dict[str, Any]:
    file = root / "config" / "resourceconfig.json"
    found: dict[str, Any] = json.loads(file.read_bytes()) if file.is_file() else {}
    return found or {"current_host": "algo-1", "hosts": ["algo-1"]}


def _failed(output: Path, error: SparkError) -> int:
    output.mkdir(parents=True, exist_ok=True)
    (output / "message").write_text(error.message(), encoding="utf-8")
    print(f"smspark-submit: exiting with code {error.exit_code}: {error.message()}", file=sys.stderr, flush=True)
    return error.exit_code


def _stop(_number: int, _frame: object) -> None:
    sys.exit(_STOPPED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(submit(sys.argv[1:], Path(os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml"))))
