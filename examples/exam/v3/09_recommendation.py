"""Recommendation on sparse data: Factorization Machines.

Run it: sagewright examples run recommendation --sdk v3
"""

import datasets
import numpy as np
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from scipy.sparse import csr_matrix

session = Session()
bucket = session.default_bucket()
students, lecturers, stars = datasets.ratings()
columns = np.column_stack([students, students.max() + 1 + lecturers])  # two ones in a row of 4,100 columns
place = (columns.ravel(), np.arange(0, columns.size + 1, 2))
rows, split = csr_matrix((np.ones(columns.size, np.float32), *place)), 66_000
parts = {"train": slice(split), "test": slice(split, None)}
files = {name: datasets.sparse_records(rows[part], stars[part]) for name, part in parts.items()}  # SDK v3 has no writer
datasets.put(bucket, {f"exam/ratings/{name}/data.rec": body for name, body in files.items()})

image = image_uris.retrieve("factorization-machines", session.boto_region_name)
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"feature_dim": rows.shape[1], "num_factors": 8, "predictor_type": "regressor"},
    base_job_name="exam-factorization-machines",
)
trainer.train([InputData(channel_name=name, data_source=f"s3://{bucket}/exam/ratings/{name}") for name in parts])
job = trainer._latest_training_job

metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
biases = datasets.rmse_of_biases(rows, stars, split)  # each student's and each lecturer's mean alone, shrunk
result.check(
    "RMSE of ratings, below that of biases alone",
    metrics["test:rmse"],
    below=biases,
    page=f"jobs/{job.training_job_name}",
)
