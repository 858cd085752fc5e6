"""Classify images into categories: Image Classification.

Run it: sagewright examples run image_classification --sdk v3
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
files, later = datasets.digit_images(train=1200)
datasets.put(bucket, {f"exam/digits/{name}/{name}.rec": body for name, body in files.items()})

image = image_uris.retrieve("image-classification", session.boto_region_name)
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={
        "num_classes": 10, "num_training_samples": 1200, "num_layers": 20, "image_shape": "1,8,8",
        "epochs": 6, "mini_batch_size": 20, "learning_rate": 0.05,
    },
    base_job_name="exam-image-classification",
)  # fmt: skip
trainer.train(
    [
        InputData(
            channel_name=name, data_source=f"s3://{bucket}/exam/digits/{name}", content_type="application/x-recordio"
        )
        for name in files
    ]
)
job = trainer._latest_training_job

builder = ModelBuilder(
    image_uri=image, s3_model_data_url=job.model_artifacts.s3_model_artifacts, instance_type="ml.m5.large"
)
builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name)
answers = [json.loads(endpoint.invoke(body=image, content_type="image/png").body.read()) for image, _ in later]
endpoint.delete()
right = [int(np.argmax(answer)) == label for answer, (_, label) in zip(answers, later, strict=True)]
result.check(
    "share of written digits that are read right", np.mean(right), at_least=0.9, page=f"jobs/{job.training_job_name}"
)
