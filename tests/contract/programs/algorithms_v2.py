"""A user's program on SDK v2: a built-in algorithm trained on a few rows, deployed, and asked in every type it takes for every type
it gives. Every answer says the same as the first.
"""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import numpy as np
import sagemaker
from sagemaker import Session, get_execution_role, image_uris
from sagemaker.amazon.amazon_estimator import RecordSet
from sagemaker.deserializers import BytesDeserializer, RecordDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer, RecordSerializer
from scipy.sparse import csr_matrix
from sagemaker.amazon.common import write_spmatrix_to_sparse_tensor

name = sys.argv[1]
session = Session()
bucket, role = session.default_bucket(), get_execution_role()
random = np.random.default_rng(0)
ASKED = 8
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
PROTOBUF, SPARSE, LIBSVM = "application/x-recordio-protobuf", "application/x-recordio-protobuf; sparse", "text/libsvm"
ALL, GIVEN = (CSV, JSON, LINES, PROTOBUF, SPARSE), (JSON, LINES, PROTOBUF)
Said = dict[str, np.ndarray]


@dataclass
class Trained:
    """`holds`: whether what is said of `rows` is true."""

    estimator: Any
    rows: Any
    holds: Callable[[Said], bool]
    takes: tuple[str, ...] = ALL
    gives: tuple[str, ...] = GIVEN
    key: str = "predictions"
    deploy: dict[str, Any] = field(default_factory=dict)


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """200 points in 3 groups; as text they are what they are as float32."""
    labels = np.arange(200) % 3
    points = np.eye(3)[labels] * 8 + random.normal(0, 0.5, (200, 3))
    return (np.round(points * 64) / 64).astype(np.float32), labels.astype(np.float32)


def documents() -> np.ndarray:
    topics = np.kron(np.eye(3), np.full(5, 0.2))
    return np.stack([random.multinomial(40, each @ topics) for each in random.dirichlet(np.full(3, 0.2), 200)]).astype(
        np.float32
    )


def made(kind: Any, rows: np.ndarray, labels: np.ndarray | None = None, batch: int | None = 50, **settings: Any) -> Any:
    hosts = {} if kind is sagemaker.LDA else {"instance_count": 1}
    estimator = kind(role=role, instance_type="ml.m5.large", **hosts, **settings)
    estimator.fit(estimator.record_set(rows, *([] if labels is None else [labels])), mini_batch_size=batch, logs=False)
    return estimator


def kmeans() -> Trained:
    rows, labels = blobs()

    def holds(said: Said) -> bool:
        pairs = set(zip(said["closest_cluster"].ravel().tolist(), labels[:ASKED].tolist(), strict=True))
        return len(pairs) == 3 and bool((said["distance_to_cluster"] < 3).all())

    return Trained(made(sagemaker.KMeans, rows, k=3), rows, holds, gives=(*GIVEN, CSV))


def knn() -> Trained:
    rows, labels = blobs()
    estimator = made(sagemaker.KNN, rows, labels, k=3, sample_size=200, predictor_type="classifier")
    return Trained(estimator, rows, lambda said: (said["predicted_label"].ravel() == labels[:ASKED]).all())


def pca() -> Trained:
    rows, _ = blobs()
    _, _, vectors = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    true = np.sort(np.abs((rows[:ASKED] - rows.mean(axis=0)) @ vectors[:2].T), axis=1)
    estimator = made(sagemaker.PCA, rows, num_components=2)
    return Trained(
        estimator,
        rows,
        lambda said: np.abs(np.sort(np.abs(said["projection"]), axis=1) - true).max() < 0.01,
        key="projections",
    )


def linear_learner() -> Trained:
    rows, _ = blobs()
    true = rows @ np.float32([1, -2, 0.5]) + 3
    estimator = made(sagemaker.LinearLearner, rows, true, predictor_type="regressor", epochs=20)
    return Trained(estimator, rows, lambda said: np.abs(said["score"].ravel() - true[:ASKED]).max() < 0.5)


def factorization_machines() -> Trained:
    user, item = random.integers(0, 10, 200), random.integers(0, 5, 200)
    rows = np.concatenate([np.eye(10)[user], np.eye(5)[item]], axis=1).astype(np.float32)
    true = (user * 0.5 - item).astype(np.float32)
    estimator = made(sagemaker.FactorizationMachines, rows, true, num_factors=2, predictor_type="regressor", epochs=20)
    return Trained(
        estimator,
        rows,
        lambda said: np.corrcoef(said["score"].ravel(), true[:ASKED])[0, 1] > 0.9,
        takes=(JSON, LINES, PROTOBUF, SPARSE),
    )


def _topics(kind: Any, key: str, **settings: Any) -> Trained:
    rows = documents()

    def holds(said: Said) -> bool:
        return said[key].shape == (ASKED, 3) and bool(np.abs(said[key].sum(axis=1) - 1).max() < 1e-3)

    return Trained(made(kind, rows, num_topics=3, **settings), rows, holds)


def lda() -> Trained:
    return _topics(sagemaker.LDA, "topic_mixture", batch=200)


def ntm() -> Trained:
    return _topics(sagemaker.NTM, "topic_weights", epochs=3)


def randomcutforest() -> Trained:
    rows, _ = blobs()
    asked = np.concatenate([rows[: ASKED - 1], np.full((1, 3), 50, np.float32)])
    estimator = made(sagemaker.RandomCutForest, rows, num_samples_per_tree=64, num_trees=50, batch=None)
    return Trained(estimator, asked, lambda said: said["score"].argmax() == ASKED - 1, key="scores")


def ipinsights() -> Trained:
    events = [(f"user-{n % 10}", f"{20 + 7 * (n % 10)}.1.{n % 200}.{n % 7}") for n in range(2000)]
    body = "".join(f"{user},{address}\n" for user, address in events)
    boto3.client("s3").put_object(Bucket=bucket, Key="algorithms-v2/events/part.csv", Body=body)
    estimator = sagemaker.IPInsights(
        role, 1, "ml.m5.large", num_entity_vectors=100, vector_dim=8, epochs=10, learning_rate=0.02
    )
    train = RecordSet(f"s3://{bucket}/algorithms-v2/events", len(events), 2, s3_data_type="S3Prefix")
    estimator.fit(train, mini_batch_size=200, logs=False)
    strange = [(user, events[n + 5][1]) for n, (user, _) in enumerate(events[:4])]

    def holds(said: Said) -> bool:
        return bool(said["dot_product"][:4].mean() > said["dot_product"][4:].mean())

    return Trained(estimator, events[:4] + strange, holds, takes=(CSV, JSON, LINES), gives=(JSON, LINES))


def xgboost() -> Trained:
    rows, labels = blobs()
    text = "".join(
        ",".join(map(repr, [label, *row])) + "\n" for label, row in zip(labels.tolist(), rows.tolist(), strict=True)
    )
    boto3.client("s3").put_object(Bucket=bucket, Key="algorithms-v2/xgboost.csv", Body=text)
    estimator = Estimator(
        image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1"),
        role,
        1,
        "ml.m5.large",
        hyperparameters={"num_round": "10", "objective": "multi:softprob", "num_class": "3"},
    )
    estimator.fit({"train": TrainingInput(f"s3://{bucket}/algorithms-v2/xgboost.csv", content_type=CSV)}, logs=False)
    return Trained(
        estimator,
        rows,
        lambda said: (said["score"].argmax(axis=1) == labels[:ASKED]).all(),
        takes=(CSV, LIBSVM, PROTOBUF, SPARSE),
        gives=(CSV, JSON, LINES, PROTOBUF),
    )


def body_of(rows: Any, media: str) -> bytes:
    plain = rows.tolist() if isinstance(rows, np.ndarray) else [list(row) for row in rows]
    if media == CSV:
        return "".join(",".join(map(str, row)) + "\n" for row in plain).encode()
    if media == LIBSVM:
        return "".join("0 " + " ".join(f"{n}:{value}" for n, value in enumerate(row)) + "\n" for row in plain).encode()
    if media in (JSON, LINES):
        instances = [{"features": row} for row in plain]
        return (
            json.dumps({"instances": instances}) if media == JSON else "\n".join(map(json.dumps, instances))
        ).encode()
    if media == PROTOBUF:
        return RecordSerializer().serialize(rows)
    stream = io.BytesIO()
    write_spmatrix_to_sparse_tensor(stream, csr_matrix(rows))
    return stream.getvalue()


def said_in(body: bytes, media: str, key: str) -> list[dict[str, list[float]]]:
    """One document a row: its fields, each a list of numbers. CSV has no names."""
    if media == PROTOBUF:
        records = RecordDeserializer().deserialize(io.BytesIO(body), media)
        return [{key: list(value.float32_tensor.values) for key, value in each.label.items()} for each in records]
    text = body.decode()
    if media == CSV:
        return [{"": [float(value) for value in line.split(",")]} for line in text.splitlines()]
    rows = json.loads(text)[key] if media == JSON else [json.loads(line) for line in text.splitlines()]
    return [{key: np.ravel(value).tolist() for key, value in row.items()} for row in rows]


def apart(one: list[dict[str, list[float]]], other: list[dict[str, list[float]]]) -> float:
    """The largest difference between answers about the same rows."""
    assert len(one) == len(other) == ASKED, (len(one), len(other))
    worst = 0.0
    for left, right in zip(one, other, strict=True):
        names = sorted(left) if "" not in right else [""]
        flat = {"": [value for values in left.values() for value in values]} if names == [""] else left
        assert sorted(right) == names, (sorted(left), sorted(right))
        worst = max(worst, *(float(np.abs(np.subtract(flat[each], right[each])).max()) for each in names))
    return worst


trained: Trained = globals()[name]()
rows = trained.rows[:ASKED]
predictor = trained.estimator.deploy(
    initial_instance_count=1, instance_type="ml.m5.large", endpoint_name=f"algorithm-{name.replace('_', '-')}"
)
try:
    if isinstance(predictor.serializer, RecordSerializer):
        assert len(predictor.predict(rows)) == ASKED
    reference: list[dict[str, list[float]]] = []
    found = []
    for takes in trained.takes:
        for gives in (JSON, *(each for each in trained.gives if each != JSON)):
            predictor.serializer = IdentitySerializer(takes.partition(";")[0])
            predictor.deserializer = BytesDeserializer(accept=gives)
            said = said_in(predictor.predict(body_of(rows, takes)), gives, trained.key)
            reference = reference or said
            found.append(apart(reference, said))
    fields = {key: np.array([each[key] for each in reference]) for key in reference[0]}
    print(
        "\nSAID",
        json.dumps(
            {"answers": len(found), "apart": max(found), "holds": bool(trained.holds(fields)), "fields": sorted(fields)}
        ),
    )
finally:
    predictor.delete_model()
    predictor.delete_endpoint()
