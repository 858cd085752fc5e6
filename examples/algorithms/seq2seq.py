"""Seq2Seq learns to write numbers in words: train, deploy, ask by text and by record, transform, tune.

Run it: sagewright exec -- python seq2seq.py
"""

import io
import json
import random

import boto3
import sagemaker
from sagemaker.amazon.common import read_records
from sagemaker.amazon.record_pb2 import Record
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.tuner import HyperparameterTuner, IntegerParameter

session = sagemaker.Session()
bucket, s3 = session.default_bucket(), boto3.client("s3")
ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
MARKS = ["<pad>", "<unk>", "<s>", "</s>"]
source_words = {word: number for number, word in enumerate([*MARKS, *"0123456789"])}
target_words = {word: number for number, word in enumerate([*MARKS, *ONES, *TENS, "hundred", "and"])}


def in_words(number: int) -> list[str]:
    """Of 20 to 999, none of whose last two digits are 1 to 19 but whole tens."""
    hundreds, rest = divmod(number, 100)
    found = [ONES[hundreds - 1], "hundred"] if hundreds else []
    if rest:
        tens, ones = divmod(rest, 10)
        found += ["and"] * bool(hundreds) + [TENS[tens - 2]] + ([ONES[ones - 1]] if ones else [])
    return found


def framed(records: list[Record]) -> bytes:
    """Records in RecordIO frames."""
    out = io.BytesIO()
    for record in records:
        content = record.SerializeToString()
        out.write(b"\x0a\x23\xd7\xce" + len(content).to_bytes(4, "little") + content + b"\0" * (-len(content) % 4))
    return out.getvalue()


def record(number: int, with_target: bool) -> Record:
    found = Record()
    found.features["source"].int32_tensor.values.extend(source_words[digit] for digit in str(number))
    if with_target:
        found.features["target"].int32_tensor.values.extend(target_words[word] for word in in_words(number))
    return found


random.seed(0)
numbers = [number for number in range(20, 1000) if number % 100 == 0 or number % 100 >= 20]
random.shuffle(numbers)
later, known = numbers[:40], numbers[40:]
files = {
    "train/train.rec": framed([record(number, True) for number in known]),
    "validation/val.rec": framed([record(number, True) for number in later]),
    "vocab/vocab.src.json": json.dumps(source_words).encode(),
    "vocab/vocab.trg.json": json.dumps(target_words).encode(),
    "asked/asked.jsonl": "".join(json.dumps({"source": " ".join(str(number))}) + "\n" for number in later).encode(),
}
for key, content in files.items():
    s3.put_object(Bucket=bucket, Key=f"numbers/{key}", Body=content)

estimator = Estimator(
    sagemaker.image_uris.retrieve("seq2seq", session.boto_region_name),
    sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.p3.2xlarge",
    output_path=f"s3://{bucket}/numbers/output",
    hyperparameters={
        "rnn_num_hidden": 64,
        "num_embed_source": 32,
        "num_embed_target": 32,
        "batch_size": 32,
        "learning_rate": 0.005,
        "checkpoint_frequency_num_batches": 80,
        "max_num_epochs": 12,
        "bleu_sample_size": 40,
    },
)
channels = {
    name: TrainingInput(f"s3://{bucket}/numbers/{name}", content_type=media)
    for name, media in (
        ("train", "application/x-recordio-protobuf"),
        ("validation", "application/x-recordio-protobuf"),
        ("vocab", "application/json"),
    )
}
estimator.fit(channels)

runtime = boto3.client("sagemaker-runtime")
endpoint = estimator.deploy(1, "ml.m5.large").endpoint_name


def ask(body: bytes, media: str) -> bytes:
    return runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=media)["Body"].read()


instances = [{"data": " ".join(str(number)), "configuration": {"attention_matrix": "true"}} for number in later]
answer = json.loads(ask(json.dumps({"instances": instances}).encode(), "application/json"))["predictions"]
right = sum(said["target"].split() == in_words(number) for said, number in zip(answer, later, strict=True))
print(f"{right} of {len(later)} right; {later[0]}: {answer[0]['target']}")
said = read_records(
    io.BytesIO(ask(framed([record(number, False) for number in later]), "application/x-recordio-protobuf"))
)
names = list(target_words)
spoken = [" ".join(names[each] for each in one.features["target"].int32_tensor.values) for one in said]
session.delete_endpoint(endpoint)

transformer = estimator.transformer(1, "ml.m5.large", strategy="MultiRecord", assemble_with="Line")
transformer.transform(
    f"s3://{bucket}/numbers/asked", content_type="application/jsonlines", split_type="Line", logs=False
)
key = transformer.output_path.removeprefix(f"s3://{bucket}/") + "/asked.jsonl.out"
transformed = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
print(f"{len(transformed)} transformed")

tuner = HyperparameterTuner(
    estimator,
    objective_metric_name="validation:bleu",
    hyperparameter_ranges={"num_layers_decoder": IntegerParameter(1, 2)},
    max_jobs=2,
    max_parallel_jobs=2,
    base_tuning_job_name="numbers",
)
tuner.fit(channels)
print("best:", tuner.best_training_job())
