"""sagemaker.RandomCutForest on `record_set`: points around the origin, and some far from it."""

import io
import zipfile

import numpy as np
import outcome
import sagemaker

random = np.random.default_rng(0)
usual = random.normal(size=(4000, 3)).astype(np.float32)
far = (random.choice([-1, 1], (20, 3)) * random.uniform(8, 10, (20, 3))).astype(np.float32)
forest = sagemaker.RandomCutForest(
    sagemaker.get_execution_role(), 1, "ml.m5.large", num_samples_per_tree=64, num_trees=50
)
rows, labels = np.concatenate([usual[:1000], far]), np.repeat(np.float32([0, 1]), [1000, 20])
test = forest.record_set(rows, labels, channel="test")
test.distribution = "FullyReplicated"
forest.fit([forest.record_set(usual), test])
with zipfile.ZipFile(io.BytesIO(outcome.archive(forest)["model_algo-1"])) as archive:
    roots = np.load(io.BytesIO(archive.read("roots.npy")))
outcome.tell(forest, trees=len(roots))
