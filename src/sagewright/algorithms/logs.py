"""How a built-in algorithm writes its log: to standard output, one line at a time, in its family's form."""

from __future__ import annotations

import logging
import sys

from sagewright.algorithms.declaration import LogStyle

_FORMATS: dict[LogStyle, tuple[str, str]] = {
    "xgboost": ("[%(asctime)s:%(levelname)s] %(message)s", "%Y-%m-%d:%H:%M:%S"),
    "first-party": ("[%(asctime)s %(levelname)s %(thread)d] %(message)s", "%m/%d/%Y %H:%M:%S"),
}


def configure(style: LogStyle) -> None:
    """Send the root logger's lines of level INFO and above to standard output. Once a process."""
    handler = logging.StreamHandler(sys.stdout)
    line, date = _FORMATS[style]
    handler.setFormatter(logging.Formatter(line, date))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it tells which processors' code it doesn't have
