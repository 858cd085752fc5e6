"""The files of a fine-tuned model: its weights, its manifest, and the code that serves it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagewright_jumpstart.manifest import Manifest

_CODE = "code"
LABELS = "class_label_to_prediction_index.json"


def save(
    model_folder: Path, pretrained: Path, manifest: Manifest, labels: tuple[str, ...] = (), **settings: Any
) -> None:
    """Writes the manifest and the serving code beside weights that are in `model_folder` already.

    `pretrained`: the channel `model`, whose `code` folder is copied. `labels`: the names of the classes by their index. `settings`
    replace those of the manifest.
    """
    made = replace(manifest, labels=labels, settings={**manifest.settings, **settings}, weights=None)
    made.write(model_folder)
    if labels:
        (model_folder / LABELS).write_text(json.dumps({name: index for index, name in enumerate(labels)}))
    shutil.copytree(pretrained / _CODE, model_folder / _CODE, dirs_exist_ok=True)
