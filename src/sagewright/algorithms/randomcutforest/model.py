"""A trained random cut forest: its file and its predictions.

`model_algo-1` is a zip archive of NumPy arrays (`numpy.load` reads it), those of `forest.Forest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact, requests
from sagewright.algorithms.firstparty.requests import Features
from sagewright.algorithms.firstparty.responses import Fields
from sagewright.algorithms.firstparty.serving import Answers, Service
from sagewright.algorithms.randomcutforest.forest import Forest
from sagewright.algorithms.randomcutforest.scoring import Scoring
from sagewright.serving.messages import Answering


@dataclass(frozen=True)
class ForestModel:
    forest: Forest

    @cached_property
    def _scoring(self) -> Scoring:
        return Scoring(self.forest)

    def predict(self, features: Features, verbose: bool = False) -> Fields:  # noqa: ARG002 - there is no more to say
        """Returns the `score` of each row."""
        return {"score": self._scoring(requests.dense(features, self.forest.columns))}

    def encode(self) -> bytes:
        members = {}
        for name, array in self.forest.arrays().items():
            stream = BytesIO()
            np.save(stream, array, allow_pickle=False)
            members[f"{name}.npy"] = stream.getvalue()
        return artefact.zipped(members)

    @classmethod
    def decode(cls, content: bytes) -> ForestModel:
        """Raises UserError if the content is not such an archive."""
        members = artefact.unzipped(content)
        try:
            arrays = {name.removesuffix(".npy"): np.load(BytesIO(each)) for name, each in members.items()}
        except (ValueError, EOFError, OSError) as error:
            raise UserError(f"the model file contains no NumPy arrays: {error}") from error
        return cls(Forest.of_arrays(arrays))


def serve(model_directory: Path) -> Answering:
    model = ForestModel.decode(artefact.read(model_directory))
    return Service(model, Answers(key="scores"))
