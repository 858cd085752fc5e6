"""Forecast several time series: DeepAR.

Run it: sagewright examples run forecast_deepar --sdk v3
"""

import json

import datasets
import numpy as np
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket = session.default_bucket()
rows = datasets.employment()
known, later = rows[:, :-12], rows[:, -12:]
series = [{"start": "2009-10-01 00:00:00", "target": row} for row in known.tolist()]
datasets.put(bucket, {"exam/employment/train/train.json": datasets.json_lines(series)})

image = image_uris.retrieve("forecasting-deepar", session.boto_region_name)
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={
        "time_freq": "M",
        "context_length": 12,
        "prediction_length": 12,
        "epochs": 15,
        "mini_batch_size": 64,
    },
    base_job_name="exam-forecasting-deepar",
)
trainer.train(
    [InputData(channel_name=name, data_source=f"s3://{bucket}/exam/employment/{name}") for name in ("train",)]
)
job = trainer._latest_training_job

builder = ModelBuilder(
    image_uri=image, s3_model_data_url=job.model_artifacts.s3_model_artifacts, instance_type="ml.m5.large"
)
builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name)
configuration = {"num_samples": 100, "output_types": ["quantiles"], "quantiles": ["0.5"]}
asked = json.dumps({"instances": series, "configuration": configuration})
answer = json.loads(endpoint.invoke(body=asked, content_type="application/json").body.read())["predictions"]
endpoint.delete()
forecast = np.array([each["quantiles"]["0.5"] for each in answer])
scale = np.abs(known[:, 12:] - known[:, :-12]).mean(axis=1, keepdims=True)  # of last year's values, in the past
naive = (np.abs(known[:, -12:] - later) / scale).mean()
error = (np.abs(forecast - later) / scale).mean()
result.check("MASE, below the seasonal naive forecast's", error, below=naive, page=f"jobs/{job.training_job_name}")
