"""`python -m sagewright.toolkit.spark.history PORT`: Spark's history server over /opt/ml/processing/spark-events."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from sagewright.toolkit.spark.configuration import defaults_text
from sagewright.toolkit.spark.java import Installation

_MEMORY_MB = 1024


def serve(root: Path, port: int) -> None:
    """Becomes the history server."""
    conf = Path(tempfile.mkdtemp(prefix="spark-history-"))
    properties = {
        "spark.history.fs.logDirectory": (root / "processing" / "spark-events").as_uri(),
        "spark.history.ui.port": str(port),
        "spark.history.fs.cleaner.enabled": "false",
        "spark.port.maxRetries": "0",
    }
    (conf / "spark-defaults.conf").write_text(defaults_text(properties), encoding="utf-8")
    installation = Installation(os.environ)
    command = installation.daemon(conf, "org.apache.spark.deploy.history.HistoryServer", _MEMORY_MB, [])
    local = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
    os.execve(command[0], command, {**os.environ, **installation.environ(conf), **local})  # noqa: S606 - in this process's place, for its signals


if __name__ == "__main__":
    serve(Path(os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml")), int(sys.argv[1]))
