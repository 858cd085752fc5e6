"""sagemaker.KMeans on `record_set`, trained and tested."""

import numpy as np
import outcome
import sagemaker
from sklearn.datasets import make_blobs

rows, _, centres = make_blobs(3000, 5, centers=4, cluster_std=0.3, random_state=0, return_centers=True)
kmeans = sagemaker.KMeans(
    sagemaker.get_execution_role(), 1, "ml.m5.large", k=4, mini_batch_size=500, eval_metrics=["msd", "ssd"]
)
train = kmeans.record_set(rows.astype(np.float32))
test = kmeans.record_set(rows[:300].astype(np.float32), channel="test")
kmeans.fit([train, test])
found = outcome.arrays(outcome.archive(kmeans)["model_algo-1"])[0]
distances = np.linalg.norm(found[:, None] - centres, axis=2)
outcome.tell(kmeans, farthest=float(distances.min(axis=0).max()))
