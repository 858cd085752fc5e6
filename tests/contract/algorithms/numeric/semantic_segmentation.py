"""The example: semantic segmentation trained, deployed and transformed."""

import runpy
from pathlib import Path

import numpy as np
import outcome

example = runpy.run_path(
    str(Path(outcome.__file__).parents[4] / "examples" / "algorithms" / "semantic_segmentation.py")
)
outcome.tell(
    example["estimator"],
    right=example["right"],
    same=bool((np.array(example["transformed"]) == np.array(example["answers"])).all()),
)
