"""The library's logger."""

from __future__ import annotations

import logging


def get_logger(name: str = "torch.sagemaker") -> logging.Logger:
    return logging.getLogger(name)
