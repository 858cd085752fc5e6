"""Drawn pairs of sequences for Object2Vec: whole jobs with defaults but for the kind of encoder, beside scikit-learn on counts.

Its networks are large even so, a draw takes up to 15 CPU seconds: `make draws` draws few.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import wholejob
from cases import Case, Fit, between, one_of, whole
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

from sagewright.algorithms.object2vec import serving
from sagewright.algorithms.object2vec.declaration import DECLARATION

LATER, RANK = 300, 16
Sides = tuple[list[list[int]], list[list[int]]]


def pairs(random: np.random.Generator) -> Case:
    """Pairs that are of one topic or not, whose one side decides, single tokens with factors of their own, or nothing to learn."""
    kind = one_of(random, "one topic", "one side", "ratings", "nothing to learn")
    network = "pooled_embedding"  # the default hcnn, of 4,096 numbers, takes minutes
    rows, vocabulary = whole(random, 60, 800), whole(random, 20, 200)
    numbers = kind == "ratings" or bool(random.random() < 0.3)
    total, longest = rows + LATER, 1 if kind == "ratings" else 8
    topics = whole(random, 2, 8)
    own = random.dirichlet(np.full(vocabulary, between(random, 0.05, 0.3)), topics)
    which = random.integers(0, topics, (2, total))
    which[1] = np.where(random.random(total) < 0.5, which[0], which[1])
    sides: Sides = tuple(
        [random.choice(vocabulary, random.integers(min(3, longest), longest + 1), p=own[each]).tolist() for each in row]
        for row in which
    )  # type: ignore[assignment]
    score = _score(random, kind, sides, which)
    y = score + random.normal(0, between(random, 0.1, 1), total)
    y = y if numbers else (y > np.median(score)).astype(float)
    words = f"pairs, {network}, {kind}{', numbers' if numbers else ''}: {rows}, {vocabulary} tokens"
    given = {
        "enc0_max_seq_len": longest, "enc0_vocab_size": vocabulary, "enc0_network": network,
        "output_layer": "mean_squared_error" if numbers else "softmax",
    }  # fmt: skip
    return entry(words, (sides, y), rows, given)


def _score(random: np.random.Generator, kind: str, sides: Sides, which: np.ndarray) -> np.ndarray:
    if kind == "one topic":
        return np.asarray(2.0 * (which[0] == which[1]) - 1)
    if kind == "one side":
        effect = random.normal(size=int(which.max()) + 1)
        return np.asarray(2 * effect[which[0]])
    if kind == "ratings":
        one, other = random.normal(size=(2, 200, 2))
        users, things = (np.array([each[0] for each in side]) for side in sides)
        return np.asarray((one[users] * other[things]).sum(axis=1) + one[users, 0])
    return np.zeros(which.shape[1])


def entry(words: str, data: tuple[Sides, np.ndarray], rows: int, given: dict[str, Any]) -> Case:
    """The case of sides and labels, of which the first `rows` are learnt from; `given`: the job's hyperparameters."""
    (first, second), y = data
    numbers = given["output_layer"] != "softmax"

    def ours(seed: int) -> Any:
        lines = "\n".join(
            json.dumps({"label": float(label) if numbers else int(label), "in0": one, "in1": other})
            for one, other, label in zip(first[:rows], second[:rows], y[:rows], strict=True)
        )
        return wholejob.trained(
            DECLARATION, {**given, "_seed": seed}, {"train": ({"data": lines.encode()}, "application/jsonlines")}
        )

    def judge(model: Any) -> float:
        said = model(None) if callable(model) else _answers(model, first[rows:], second[rows:])
        if numbers:
            return float(np.mean((said.reshape(len(y) - rows, -1)[:, 0] - y[rows:]) ** 2))
        return float(
            log_loss(y[rows:], np.clip(said, 1e-12, 1 - 1e-12), labels=list(range(given.get("num_classes", 2))))
        )

    return Case("object2vec", words, ours, _rivals(data, rows, given), judge)


def _answers(model: Any, first: list[list[int]], second: list[list[int]]) -> np.ndarray:
    instances = [{"in0": one, "in1": other} for one, other in zip(first, second, strict=True)]
    body = json.dumps({"instances": instances}).encode()
    answer = serving.serve(model).invoke(body, "application/json", "application/json").body
    return np.array([each["scores"] for each in json.loads(answer)["predictions"]])


def _rivals(data: tuple[Sides, np.ndarray], rows: int, given: dict[str, Any]) -> dict[str, Fit]:
    sides, y = data
    numbers, vocabulary = given["output_layer"] != "softmax", given["enc0_vocab_size"]
    counts = [np.array([np.bincount(each, minlength=vocabulary) for each in side], float) for side in sides]

    def fitted(model: Any, x: np.ndarray) -> Any:
        model.fit(x[:rows], y[:rows])
        return lambda _: model.predict(x[rows:]) if numbers else model.predict_proba(x[rows:])

    def products(seed: int) -> Any:
        rank = min(RANK, vocabulary - 1)
        found = TruncatedSVD(rank, random_state=seed).fit(np.concatenate([each[:rows] for each in counts]))
        one, other = (found.transform(each) for each in counts)
        return fitted(linear(), np.column_stack([one, other, one * other, (one * other).sum(axis=1)]))

    def linear() -> Any:
        return Ridge() if numbers else LogisticRegression(max_iter=1000)

    return {
        "constant": lambda _: fitted(DummyRegressor() if numbers else DummyClassifier(strategy="prior"), counts[0]),
        "linear on counts": lambda _: fitted(linear(), np.column_stack(counts)),
        "linear on products of SVD": products,
        "linear on places and neighbours": lambda _: fitted(linear(), _places(sides, vocabulary)),
        **(
            {"factors": lambda seed: _factors(sides, y, rows, seed)}
            if numbers and given["enc0_max_seq_len"] == 1
            else {}
        ),
    }


def _places(sides: Sides, vocabulary: int) -> Any:
    """Counts of tokens and of neighbours, and the first and the last token, of each side."""
    columns, width = [], vocabulary * (vocabulary + 3)
    for number, side in enumerate(sides):
        for row, each in enumerate(side):
            near = [vocabulary + one * vocabulary + other for one, other in pairwise(each)]
            ends = [width - 2 * vocabulary + each[0], width - vocabulary + each[-1]]
            columns.append([(row, number * width + place) for place in (*each, *near, *ends)])
    rows, places = np.array([each for cells in columns for each in cells]).T
    return csr_array((np.ones(len(rows)), (rows, places)), shape=(len(sides[0]), 2 * width)).tocsr()


def _factors(sides: Sides, y: np.ndarray, rows: int, seed: int, rank: int = 2, penalty: float = 1.0) -> Any:
    """Ratings by the mean, biases and factors of both sides: alternating ridge regressions."""
    users, things = (np.array([each[0] for each in side]) for side in sides)
    mean, random = y[:rows].mean(), np.random.default_rng(seed)
    tables = [random.normal(0, 0.3, (int(each.max()) + 1, rank + 2)) for each in (users, things)]
    tables[0][:, 0] = tables[1][:, 1] = 1  # beside the other side's bias
    spread = max(float(y[:rows].std()), 1e-9)
    for turn in range(40):
        own, other = turn % 2, 1 - turn % 2
        free = [column for column in range(rank + 2) if column != own]
        for number in range(len(tables[own])):
            there = np.flatnonzero((users, things)[own][:rows] == number)
            theirs = tables[other][(users, things)[other][there]]
            target = (y[there] - mean) / spread - theirs[:, own]
            x = theirs[:, free]
            tables[own][number, free] = np.linalg.solve(x.T @ x + penalty * np.eye(len(free)), x.T @ target)
    return lambda _: mean + spread * (tables[0][users[rows:]] * tables[1][things[rows:]]).sum(1)
