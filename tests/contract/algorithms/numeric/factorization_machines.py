"""sagemaker.FactorizationMachines on `record_set`: ratings of users and items, one-hot."""

import io
import zipfile

import numpy as np
import outcome
import sagemaker

random = np.random.default_rng(0)
users, items, count = 30, 20, 3000
user, item = random.integers(0, users, count), random.integers(0, items, count)
taste, kind = random.normal(size=(users, 2)), random.normal(size=(items, 2))
ratings = 3 + np.einsum("ij,ij->i", taste[user], kind[item]) + random.normal(0, 0.3, count)
rows = np.zeros((count, users + items), np.float32)
rows[np.arange(count), user] = 1
rows[np.arange(count), users + item] = 1
ratings = ratings.astype(np.float32)
machines = sagemaker.FactorizationMachines(
    sagemaker.get_execution_role(), 1, "ml.m5.large", num_factors=4, predictor_type="regressor"
)
train = machines.record_set(rows[:2500], ratings[:2500])
machines.fit([train, machines.record_set(rows[2500:], ratings[2500:], channel="test")])
with zipfile.ZipFile(io.BytesIO(outcome.archive(machines)["model_algo-1"])) as archive:
    arrays = outcome.arrays(archive.read("params"))
outcome.tell(machines, shapes={name: list(array.shape) for name, array in arrays.items()})
