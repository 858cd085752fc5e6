"""Topics of documents: LDA or NTM.

Run it: sagewright examples run topics --sdk v3
"""

import json

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

GROUPS = ("rec.sport.hockey", "sci.space", "talk.politics.mideast", "comp.graphics", "rec.autos")
session = Session()
bucket = session.default_bucket()
counts, words = datasets.word_counts([text for _, text in datasets.newsgroups("train", GROUPS)], 1000)
datasets.put(bucket, {"exam/topics/train/data.csv": datasets.csv_of(counts)})
source = f"s3://{bucket}/exam/topics/train"
channel = InputData(channel_name="train", data_source=source, content_type="text/csv;label_size=0")

shape = {"num_topics": 5, "feature_dim": len(words)}
algorithms = {
    "lda": {**shape, "alpha0": 0.5, "mini_batch_size": len(counts)},
    "ntm": {**shape, "epochs": 40, "optimizer": "adam", "learning_rate": 0.01, "mini_batch_size": 100},
}
coherence = {}
for name, hyperparameters in algorithms.items():
    image = image_uris.retrieve(name, session.boto_region_name)
    compute = Compute(instance_type="ml.m5.large", instance_count=1)
    trainer = ModelTrainer(
        training_image=image, compute=compute, hyperparameters=hyperparameters, base_job_name=f"exam-{name}"
    )
    trainer.train([channel], logs=False)
    job = trainer._latest_training_job
    artefact = job.model_artifacts.s3_model_artifacts
    builder = ModelBuilder(image_uri=image, s3_model_data_url=artefact, instance_type="ml.m5.large")
    builder.build(model_name=job.training_job_name)
    endpoint = builder.deploy(endpoint_name=job.training_job_name)
    asked = datasets.csv_of(counts[:1500])
    answer = endpoint.invoke(body=asked, content_type="text/csv", accept="application/json")
    endpoint.delete()
    weights = [
        each.get("topic_mixture") or each["topic_weights"] for each in json.loads(answer.body.read())["predictions"]
    ]
    found = datasets.words_of_topics(weights, counts[:1500], words)
    coherence[name] = datasets.coherence(found, counts, words)
    print(f"{name}, coherence (NPMI) {coherence[name]:.3f}:", *(" ".join(topic) for topic in found), sep="\n  ")
result.check(
    "coherence of topics, the lower of LDA's and NTM's",
    min(coherence.values()),
    at_least=0.1,
    page=f"jobs/{job.training_job_name}",
)
