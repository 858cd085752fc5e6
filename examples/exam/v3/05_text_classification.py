"""Classify texts: BlazingText, supervised.

Run it: sagewright examples run text_classification --sdk v3
"""

import json

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket = session.default_bucket()
lines = "".join(f"__label__{group} {text}\n" for group, text in datasets.newsgroups("train"))
datasets.put(bucket, {"exam/newsgroups/train/train.txt": lines.encode()})

image = image_uris.retrieve("blazingtext", session.boto_region_name)
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"mode": "supervised", "min_count": 2},
    base_job_name="exam-blazingtext",
)
source = f"s3://{bucket}/exam/newsgroups/train"
trainer.train([InputData(channel_name="train", data_source=source, content_type="text/plain")])
job = trainer._latest_training_job

builder = ModelBuilder(
    image_uri=image, s3_model_data_url=job.model_artifacts.s3_model_artifacts, instance_type="ml.m5.large"
)
builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name)
later, answers = datasets.newsgroups("test")[::8], []
for start in range(0, len(later), 100):
    asked = json.dumps({"instances": [text for _, text in later[start : start + 100]]})
    answers += json.loads(endpoint.invoke(body=asked, content_type="application/json").body.read())
endpoint.delete()
right = sum(answer["label"][0] == f"__label__{group}" for answer, (group, _) in zip(answers, later, strict=True))
result.check(
    "share of 20 newsgroups' messages put right",
    right / len(later),
    at_least=0.75,
    page=f"jobs/{job.training_job_name}",
)
