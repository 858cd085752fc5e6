"""Object2Vec learns which recipes are of one kitchen: train, tune, deploy, transform.

Run it: sagewright exec -- python object2vec.py
"""

import json
import random

import boto3
import sagemaker
from sagemaker.amazon.amazon_estimator import RecordSet
from sagemaker.deserializers import JSONDeserializer
from sagemaker.serializers import JSONSerializer
from sagemaker.tuner import CategoricalParameter, HyperparameterTuner

session = sagemaker.Session()
bucket, s3 = session.default_bucket(), boto3.client("s3")
KITCHENS = [
    "tomato basil olive oregano pasta garlic parmesan",
    "soy ginger sesame rice scallion tofu chilli",
    "cumin lime corn avocado bean coriander pepper",
]
words = sorted({word for kitchen in KITCHENS for word in kitchen.split()})
number = {word: place for place, word in enumerate(words)}


def recipe(kitchen: str) -> list[int]:
    """Numbers of three to six of its ingredients."""
    return [number[word] for word in random.sample(kitchen.split(), random.randint(3, 6))]


def pairs(count: int) -> list[dict]:
    """Two recipes, and whether they are of one kitchen."""
    found = []
    for _ in range(count):
        first = random.choice(KITCHENS)
        second = first if random.random() < 0.5 else random.choice(KITCHENS)
        found.append({"label": int(first == second), "in0": recipe(first), "in1": recipe(second)})
    return found


def upload(channel: str, rows: list[dict]) -> RecordSet:
    """Put the pairs into the bucket, as a channel."""
    body = "".join(json.dumps(row) + "\n" for row in rows)
    s3.put_object(Bucket=bucket, Key=f"recipes/{channel}/{channel}.jsonl", Body=body.encode())
    return RecordSet(f"s3://{bucket}/recipes/{channel}/", len(rows), 2, s3_data_type="S3Prefix", channel=channel)


random.seed(0)
later = pairs(100)
channels = [upload("train", pairs(800)), upload("validation", pairs(150)), upload("test", later)]

object2vec = sagemaker.Object2Vec(
    sagemaker.get_execution_role(),
    1,
    "ml.m5.large",
    enc0_max_seq_len=8,
    enc0_vocab_size=len(words),
    enc0_network="pooled_embedding",
    enc0_token_embedding_dim=16,
    enc_dim=16,
    mlp_dim=16,
    mlp_activation="relu",
    epochs=10,
    learning_rate=0.01,
    output_path=f"s3://{bucket}/recipes/output",
)
object2vec.fit(channels)

predictor = object2vec.deploy(1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
answer = predictor.predict({"instances": later})["predictions"]
right = sum((said["scores"][1] > 0.5) == bool(pair["label"]) for said, pair in zip(answer, later, strict=True))
print(f"{right} of {len(later)} right; of the first: {answer[0]}")
vectors = predictor.predict({"instances": [{"in0": recipe(KITCHENS[0])}, {"in1": recipe(KITCHENS[0])}]})["predictions"]
lengths = [len(each["embeddings"]) for each in vectors]
print("embeddings of", lengths, "numbers")
predictor.delete_endpoint()

transformer = object2vec.transformer(
    1, "ml.m5.large", strategy="MultiRecord", assemble_with="Line", accept="application/jsonlines",
    env={"INFERENCE_PREFERRED_MODE": "classification"},
)  # fmt: skip
transformer.transform(
    f"s3://{bucket}/recipes/test", content_type="application/jsonlines", split_type="Line", logs=False
)
key = transformer.output_path.removeprefix(f"s3://{bucket}/") + "/test.jsonl.out"
transformed = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
print(f"{len(transformed)} transformed")

tuner = HyperparameterTuner(
    object2vec,
    objective_metric_name="validation:accuracy",
    hyperparameter_ranges={"mlp_activation": CategoricalParameter(["tanh", "relu"])},
    max_jobs=2,
    max_parallel_jobs=2,
    base_tuning_job_name="recipes",
)
tuner.fit(channels)
print("best:", tuner.best_training_job())
