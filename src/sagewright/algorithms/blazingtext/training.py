"""BlazingText's training, of word vectors or of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.algorithms.blazingtext.classification import supervised
from sagewright.algorithms.blazingtext.declaration import DECLARATION
from sagewright.algorithms.blazingtext.embeddings import word2vec
from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.session import session
from sagewright.algorithms.job import Job


def train(job: Job, values: Mapping[str, Any]) -> None:
    """Trains and writes the model's files. Raises JobError."""
    mode = values["mode"]
    if len(job.hosts) > 1 and mode != "batch_skipgram":
        raise UserError(f"mode {mode} runs on one instance, and the job has {len(job.hosts)}: use batch_skipgram")
    with session(DECLARATION, "BlazingText", job, values) as run, threads.shared():
        if mode == "supervised":
            supervised.train(run)
        else:
            word2vec.train(run)
