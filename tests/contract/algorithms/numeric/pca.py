"""sagemaker.PCA on `record_set`, two hosts."""

import numpy as np
import outcome
import sagemaker
from sklearn.datasets import load_iris

rows = load_iris().data.astype(np.float32)
pca = sagemaker.PCA(sagemaker.get_execution_role(), 2, "ml.m5.large", num_components=2)
pca.fit(pca.record_set(rows))
model = outcome.arrays(outcome.archive(pca)["model_algo-1"])
_, singular, vectors = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
outcome.tell(
    pca,
    singular=float(np.abs(model["s"] / singular[:2][::-1] - 1).max()),
    direction=float(np.abs(model["v"][:, -1] @ vectors[0])),
)
