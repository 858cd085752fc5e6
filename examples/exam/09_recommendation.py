"""Recommendation on sparse data: Factorization Machines.

Run it: sagewright examples run recommendation
"""

import io

import datasets
import numpy as np
import result
import sagemaker
from sagemaker.amazon.common import write_spmatrix_to_sparse_tensor
from sagemaker.estimator import Estimator
from scipy.sparse import csr_matrix

session = sagemaker.Session()
bucket = session.default_bucket()
students, lecturers, stars = datasets.ratings()
columns = np.column_stack([students, students.max() + 1 + lecturers])  # two ones in a row of 4,100 columns
place = (columns.ravel(), np.arange(0, columns.size + 1, 2))
rows, split = csr_matrix((np.ones(columns.size, np.float32), *place)), 66_000
for channel, part in {"train": slice(split), "test": slice(split, None)}.items():
    out = io.BytesIO()
    write_spmatrix_to_sparse_tensor(out, rows[part], stars[part])
    datasets.put(bucket, {f"exam/ratings/{channel}/data.rec": out.getvalue()})

estimator = Estimator(
    sagemaker.image_uris.retrieve("factorization-machines", session.boto_region_name),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={"feature_dim": rows.shape[1], "num_factors": 8, "predictor_type": "regressor"},
)
estimator.fit({name: f"s3://{bucket}/exam/ratings/{name}" for name in ("train", "test")})

job = estimator.latest_training_job.describe()
metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
biases = datasets.rmse_of_biases(rows, stars, split)  # each student's and each lecturer's mean alone, shrunk
page = f"jobs/{estimator.latest_training_job.name}"
result.check("RMSE of ratings, below that of biases alone", metrics["test:rmse"], below=biases, page=page)
