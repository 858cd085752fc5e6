"""sagemaker.LinearLearner on `record_set`: a binary classifier of tumours, and its weights from the archive."""

import io
import json
import zipfile

import numpy as np
import outcome
import sagemaker
from sklearn.datasets import load_breast_cancer

rows, labels = load_breast_cancer(return_X_y=True)
order = np.random.default_rng(0).permutation(len(rows))
rows, labels = rows[order].astype(np.float32), labels[order].astype(np.float32)
learner = sagemaker.LinearLearner(
    sagemaker.get_execution_role(), 1, "ml.m5.large", predictor_type="binary_classifier", epochs=20
)
parts = [learner.record_set(rows[:400], labels[:400])]
parts.append(learner.record_set(rows[400:480], labels[400:480], channel="validation"))
parts.append(learner.record_set(rows[480:], labels[480:], channel="test"))
learner.fit(parts, mini_batch_size=40)
with zipfile.ZipFile(io.BytesIO(outcome.archive(learner)["model_algo-1"])) as archive:
    arrays = outcome.arrays(archive.read("mx-mod-0000.params"))
    more = json.loads(archive.read("additional-params.json"))
raw = rows[480:] @ arrays["arg:fc0_weight"][0] + arrays["arg:fc0_bias"][0]
right = np.mean((raw >= more["raw_threshold"]) == (labels[480:] == 1))
outcome.tell(learner, right=float(right))
