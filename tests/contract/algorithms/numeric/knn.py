"""sagemaker.KNN on `record_set`, trained and tested on digits."""

import json

import numpy as np
import outcome
import sagemaker
from sklearn.datasets import load_digits

rows, labels = load_digits(return_X_y=True)
rows, labels = rows.astype(np.float32), labels.astype(np.float32)
knn = sagemaker.KNN(
    sagemaker.get_execution_role(), 1, "ml.m5.large", k=3, sample_size=1400, predictor_type="classifier"
)
train = knn.record_set(rows[:1400], labels[:1400])
knn.fit([train, knn.record_set(rows[1400:], labels[1400:], channel="test")])
model = outcome.archive(knn)
outcome.tell(knn, settings=json.loads(model["model_algo-1.json"]), labels=len(model["model_algo-1.labels"]) // 4)
