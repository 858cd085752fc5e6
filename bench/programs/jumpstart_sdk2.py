"""Runs in SDK v2's environment under `sagewright exec`: python jumpstart_sdk2.py MODEL COUNT; prints JSON.

`models` and `list_s`: the catalogue's length, and seconds of the first list_jumpstart_models() of this process. `deploy_s`: seconds
from deploy() to the first answer, each with a new model, configuration and endpoint; the first, which installs packages, is left
out. COUNT 0 deploys nothing.
"""

import json
import sys
import time

from sagemaker.jumpstart.model import JumpStartModel
from sagemaker.jumpstart.notebook_utils import list_jumpstart_models


def main(model: str, count: int) -> None:
    begin = time.perf_counter()
    models = len(list_jumpstart_models())
    found = {"models": models, "list_s": time.perf_counter() - begin}
    seconds = [deployed(model) for _ in range(count + 1)] if count else []
    print("\n" + json.dumps(found | {"deploy_s": seconds[1:]}))


def deployed(model: str) -> float:
    begin = time.perf_counter()
    predictor = JumpStartModel(model).deploy()
    (vector,) = predictor.predict(["How far is the Moon?"])["embedding"]
    seconds = time.perf_counter() - begin
    assert len(vector) == 384
    predictor.delete_predictor()
    return seconds


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
