"""A pretrained BERT with one click: JumpStart.

Run it: sagewright examples run jumpstart_bert --sdk v3
"""

import json

import datasets
import result
from sagemaker.core import environment_variables, image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.jumpstart.configs import JumpStartConfig
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket = session.default_bucket()
groups = {"rec.sport.hockey": 0, "sci.space": 1}
train, test = (
    [(groups[g], text[:400]) for g, text in datasets.newsgroups(part, tuple(groups))] for part in ("train", "test")
)
lines = "".join(f"{label},{text}\n" for label, text in train[:300])
datasets.put(bucket, {"exam/bert/data.csv": lines.encode()})

config = JumpStartConfig(model_id="sagewright-tc-minilm-l6")
trainer = ModelTrainer.from_jumpstart_config(
    config, compute=Compute(instance_type="ml.m5.large", instance_count=1), hyperparameters={"epochs": "1"}
)
trainer.train([InputData(channel_name="training", data_source=f"s3://{bucket}/exam/bert/")])
job = trainer._latest_training_job

model = {"model_id": "sagewright-tc-minilm-l6", "model_version": "*"}
builder = ModelBuilder(  # ModelBuilder(model=trainer) deploys the model as it was before the fine-tuning
    image_uri=image_uris.retrieve(None, None, image_scope="inference", instance_type="ml.m5.large", **model),
    s3_model_data_url=job.model_artifacts.s3_model_artifacts,
    env_vars=environment_variables.retrieve_default(**model),
    instance_type="ml.m5.large",
)
builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name)
answers = [endpoint.invoke(body=text, content_type="application/x-text") for _, text in test[:100]]
scores = [json.loads(answer.body.read())["probabilities"] for answer in answers]
endpoint.delete()
right = sum(score.index(max(score)) == label for score, (label, _) in zip(scores, test[:100], strict=True))
result.check(
    "share of messages that fine-tuned MiniLM puts right",
    right / 100,
    at_least=0.85,
    page=f"jobs/{job.training_job_name}",
)
