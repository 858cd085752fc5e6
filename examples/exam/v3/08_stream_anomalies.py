"""Anomalies in streaming data: Random Cut Forest.

Run it: sagewright examples run stream_anomalies --sdk v3
"""

import json

import datasets
import numpy as np
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import S3DataSource
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from sklearn.metrics import roc_auc_score

session = Session()
bucket = session.default_bucket()
readings, anomalous = datasets.shuttle()
stream = slice(20_000, 26_000)
datasets.put(bucket, {"exam/shuttle/train/data.csv": datasets.csv_of(readings[:20_000])})

image = image_uris.retrieve("randomcutforest", session.boto_region_name)
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"feature_dim": 9, "num_samples_per_tree": 256, "num_trees": 100},
    base_job_name="exam-randomcutforest",
)
source = S3DataSource(
    s3_data_type="S3Prefix", s3_uri=f"s3://{bucket}/exam/shuttle/train", s3_data_distribution_type="ShardedByS3Key"
)  # as the algorithm demands
trainer.train([InputData(channel_name="train", data_source=source, content_type="text/csv;label_size=0")])
job = trainer._latest_training_job

builder = ModelBuilder(
    image_uri=image, s3_model_data_url=job.model_artifacts.s3_model_artifacts, instance_type="ml.m5.large"
)
builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name)
scores = []
for batch in np.split(readings[stream], 12):  # as they would come, later than all that was learnt
    answer = endpoint.invoke(body=datasets.csv_of(batch), content_type="text/csv", accept="application/json")
    scores += [each["score"] for each in json.loads(answer.body.read())["scores"]]
endpoint.delete()
result.check(
    "AUC of the shuttle's anomalies",
    roc_auc_score(anomalous[stream], scores),
    at_least=0.9,
    page=f"jobs/{job.training_job_name}",
)
