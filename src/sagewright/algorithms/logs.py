"""Logging of the built-in algorithms: to standard output, one line at a time, in the form of the algorithm's family."""

from __future__ import annotations

import logging
import sys

from sagewright.algorithms.schema.declaration import LogStyle

_FORMATS: dict[LogStyle, tuple[str, str]] = {
    "xgboost": ("[%(asctime)s:%(levelname)s] %(message)s", "%Y-%m-%d:%H:%M:%S"),
    "first-party": ("[%(asctime)s %(levelname)s %(thread)d] %(message)s", "%m/%d/%Y %H:%M:%S"),
}


def configure(style: LogStyle) -> None:
    """Sends the root logger's lines of level INFO and above to standard output. Called once a process."""
    handler = logging.StreamHandler(sys.stdout)
    line, date = _FORMATS[style]
    handler.setFormatter(logging.Formatter(line, date))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it lists the processors whose code it doesn't have
