"""Locations of a model and its code."""

import os
from pathlib import Path

base_dir = os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml")
model_dir = str(Path(base_dir) / "model")
code_dir = str(Path(model_dir) / "code")
