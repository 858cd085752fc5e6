"""BlazingText classifies texts: train, tune, deploy, transform. Run it: sagewright exec -- python blazingtext.py"""

import json
import random

import boto3
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import JSONSerializer
from sagemaker.tuner import HyperparameterTuner, IntegerParameter

session = sagemaker.Session()
bucket, s3 = session.default_bucket(), boto3.client("s3")
TOPICS = {
    "sea": "wave ship harbour sail tide captain whale anchor",
    "kitchen": "salt oven bread knife soup butter taste pan",
    "night": "star moon dark lamp sleep dream owl quiet",
}

COMMON = ["the", "a", "of", "was", "in", "to", "old", "and", "it", "new"]


def sentences(count: int) -> list[tuple[str, str]]:
    """Topics, and sentences with two words of the topic among others."""
    found = []
    for _ in range(count):
        topic = random.choice(list(TOPICS))
        words = random.sample(TOPICS[topic].split(), 2) + random.choices(
            ["the", "a", "of", "was", "in", "to", "old", "and", "it", "new"], k=6
        )
        random.shuffle(words)
        found.append((topic, " ".join(words)))
    return found


random.seed(0)
later = sentences(100)
for channel, rows in {"train": sentences(600), "validation": later}.items():
    lines = "".join(f"__label__{topic} {text}\n" for topic, text in rows)
    s3.put_object(Bucket=bucket, Key=f"topics/{channel}/{channel}.txt", Body=lines.encode())
asked = "".join(json.dumps({"source": text, "k": 2}) + "\n" for _, text in later)
s3.put_object(Bucket=bucket, Key="topics/asked/asked.jsonl", Body=asked.encode())

estimator = Estimator(
    sagemaker.image_uris.retrieve("blazingtext", session.boto_region_name),
    sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/topics/output",
    hyperparameters={"mode": "supervised", "min_count": 2},
)
channels = {
    name: TrainingInput(f"s3://{bucket}/topics/{name}", content_type="text/plain") for name in ("train", "validation")
}
estimator.fit(channels)

predictor = estimator.deploy(1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
answer = predictor.predict({"instances": [text for _, text in later], "configuration": {"k": 2}})
right = sum(said["label"][0] == f"__label__{topic}" for said, (topic, _) in zip(answer, later, strict=True))
print(f"{right} of {len(later)} right; of the first: {answer[0]}")
predictor.delete_endpoint()

transformer = estimator.transformer(1, "ml.m5.large", assemble_with="Line", accept="application/jsonlines")
transformer.transform(
    f"s3://{bucket}/topics/asked", content_type="application/jsonlines", split_type="Line", logs=False
)
key = transformer.output_path.removeprefix(f"s3://{bucket}/") + "/asked.jsonl.out"
transformed = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
print(f"{len(transformed)} transformed")

estimator.set_hyperparameters(vector_dim=10)
tuner = HyperparameterTuner(
    estimator,
    objective_metric_name="validation:accuracy",
    hyperparameter_ranges={"epochs": IntegerParameter(6, 40)},
    max_jobs=2,
    max_parallel_jobs=2,
    base_tuning_job_name="topics-epochs",
)
tuner.fit(channels)
print("best:", tuner.best_training_job())
