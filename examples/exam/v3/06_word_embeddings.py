"""Word embeddings: BlazingText, unsupervised (word2vec).

Run it: sagewright examples run word_embeddings --sdk v3
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
text = "\n".join(text for _, text in datasets.newsgroups("train"))
datasets.put(bucket, {"exam/words/train/text.txt": text.encode()})

image = image_uris.retrieve("blazingtext", session.boto_region_name)
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"mode": "batch_skipgram", "vector_dim": 50, "epochs": 3, "min_count": 10},
    base_job_name="exam-blazingtext",
)
source = f"s3://{bucket}/exam/words/train"
trainer.train([InputData(channel_name="train", data_source=source, content_type="text/plain")])
job = trainer._latest_training_job

builder = ModelBuilder(
    image_uri=image, s3_model_data_url=job.model_artifacts.s3_model_artifacts, instance_type="ml.m5.large"
)
builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name)
pairs = "god jesus|car bike|disk drive|team game|space nasa|gun weapons|windows dos|key encryption|israel arab|doctor disease"
words = sorted({word for pair in pairs.split("|") for word in pair.split()})
answer = endpoint.invoke(body=json.dumps({"instances": words}), content_type="application/json")
endpoint.delete()
vectors = np.array([each["vector"] for each in json.loads(answer.body.read())])
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
nearest = [words[place] for place in np.argmax(vectors @ vectors.T - 2 * np.eye(len(words)), axis=1)]
print(", ".join(f"{word}: {near}" for word, near in zip(words, nearest, strict=True)))
right = sum(
    {word, near} in [set(pair.split()) for pair in pairs.split("|")] for word, near in zip(words, nearest, strict=True)
)
result.check(
    "share of words whose nearest is their partner",
    right / len(words),
    at_least=0.7,
    page=f"jobs/{job.training_job_name}",
)
