"""Serves XGBoost models: parses the request, predicts, encodes the response.

Source: the contract's xgboost.md, "Inference"; the status codes are those of AWS's open container.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import delimited, libsvm, protobuf
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.formats.table import Sparse
from sagewright.algorithms.joining import join_rows, row_count, split_rows
from sagewright.algorithms.xgboost import models, responses
from sagewright.algorithms.xgboost.library import xgb
from sagewright.algorithms.xgboost.matrices import to_xgboost
from sagewright.serving.messages import Answering, Request, Response

VOTED = ("multi:softmax", "binary:hinge")


class Ensemble:
    """One or more boosters that predict together: the mean of their predictions, or the most common class."""

    def __init__(self, paths: list[Path]) -> None:
        self.boosters = [models.load(path) for path in paths]
        learner = json.loads(self.boosters[0].save_config())["learner"]
        self.objective: str = learner["objective"]["name"]
        self.num_class = int(learner["learner_model_param"]["num_class"])
        self.columns: int = self.boosters[0].num_features()
        self.one_based = self.boosters[0].attr(models.FIRST_INDEX) == "1"
        # Avoids building a matrix around the rows, which takes longer than predicting a few of them; thread-safe.
        self._in_place = all(_booster_name(each) == "gbtree" for each in self.boosters)
        self._lock = threading.Lock()  # a booster of kind dart or gblinear predicts for one thread at a time

    def fitted(self, features: np.ndarray | Sparse) -> np.ndarray | Sparse:
        """Returns sparse rows with fewer columns than the model widened to its width; all others unchanged."""
        if not isinstance(features, Sparse) or features.columns >= self.columns:
            return features
        return Sparse(features.indptr, features.indices, features.values, self.columns)

    def predict(self, features: np.ndarray | Sparse) -> np.ndarray:
        """Returns (n,) or (n, k) float32. Raises ValueError when the rows don't fit the model."""
        columns = int(features.shape[1])
        if columns > self.columns or (columns < self.columns and not isinstance(features, Sparse)):
            raise ValueError(
                f"Feature size of inference data {columns} is not consistent with feature size of trained model "
                f"{self.columns}."
            )
        if self._in_place and isinstance(features, np.ndarray):
            each = [booster.inplace_predict(features, validate_features=False) for booster in self.boosters]
        else:
            matrix = xgb.DMatrix(to_xgboost(features))
            with self._lock:
                each = [booster.predict(matrix, validate_features=False) for booster in self.boosters]
        if len(each) == 1:
            return each[0]
        if self.objective in VOTED:
            return np.array([np.bincount(votes).argmax() for votes in np.stack(each, 1).astype(int)], np.float32)
        return np.mean(each, axis=0)


def _booster_name(booster: Any) -> str:
    name: str = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"]
    return name


def load_models(directory: Path, environment: Mapping[str, str]) -> Ensemble:
    """Loads the models of a folder, sorted; only the first unless ensembles are on. Raises UserError when there is none."""
    paths = sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise UserError(f"There is no model in {directory}.")
    if environment.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") != "true":
        paths = paths[:1]
    try:
        return Ensemble(paths)
    except xgb.core.XGBoostError as error:
        raise UserError(f"Unable to load model: {str(error).splitlines()[0]}") from error


def parse(body: bytes, content_type: str, one_based: bool) -> np.ndarray | Sparse:
    """Parses the rows of a request, without labels. Raises UserError for an unreadable body.

    LibSVM indices that start at 1 are shifted to 0, unless the model learned from such indices (`one_based`).
    """
    kind = ContentType.parse(content_type or "text/libsvm").format
    if kind == "csv":
        return delimited.parse(body, delimited.find_delimiter(body.strip()), "the request")
    if kind == "libsvm":
        return _parse_libsvm(body, one_based)
    if kind == "recordio-protobuf":
        table = protobuf.parse(body, "the request")
        assert table is not None
        return table.features
    raise UserError(f"Content-type {content_type} is not supported.")


def _parse_libsvm(body: bytes, one_based: bool) -> Sparse:
    """Parses LibSVM rows; tokens without a colon are labels, and are skipped."""
    lines = (
        b" ".join([b"0", *(token for token in line.split() if b":" in token)]) for line in body.strip().split(b"\n")
    )
    features = libsvm.parse(b"\n".join(lines), "the request").features
    assert isinstance(features, Sparse)
    if one_based or not len(features.indices) or features.indices.min() < 1:
        return features
    return Sparse(features.indptr, features.indices - 1, features.values, features.columns - 1)


@dataclass(frozen=True)
class _Asked:
    """A request with readable rows."""

    features: np.ndarray | Sparse
    accept: str


class BoosterService(Answering):
    """Serves invocations with one ensemble."""

    def __init__(self, ensemble: Ensemble, environment: Mapping[str, str]) -> None:
        self.ensemble = ensemble
        self.batch = bool(environment.get("SAGEMAKER_BATCH"))
        self.joined = environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true"
        self.default_accept = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
        selected = environment.get("SAGEMAKER_INFERENCE_OUTPUT")
        self.keys = selected.replace(" ", "").lower().split(",") if selected else None

    def invoke(self, body: bytes, content_type: str, accept: str) -> Response:
        parsed = self._read(body, content_type, accept)
        return parsed if isinstance(parsed, Response) else self._answer(parsed)

    def invoke_all(self, requests: Sequence[Request]) -> list[Response]:
        """Predicts for all rows at once."""
        read = [self._read(each.body, each.content_type, each.accept) for each in requests]
        group = [parsed for parsed in read if isinstance(parsed, _Asked)]
        answers = iter(self._answer_all(group))
        return [parsed if isinstance(parsed, Response) else next(answers) for parsed in read]

    def _read(self, body: bytes, content_type: str, accept: str) -> _Asked | Response:
        """Returns the parsed request, or the error response."""
        try:
            features = parse(body, content_type, self.ensemble.one_based)
        except UserError as error:
            return Response(str(error).encode(), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        return _Asked(self.ensemble.fitted(features), accept)

    def _answer(self, parsed: _Asked) -> Response:
        try:
            return self._encode(self.ensemble.predict(parsed.features), parsed.accept)
        except (xgb.core.XGBoostError, ValueError) as error:
            text = f"Unable to evaluate payload provided: {str(error).split('Stack trace:')[0].strip()}"
            return Response(text.encode(), status=HTTPStatus.BAD_REQUEST)

    def _answer_all(self, group: list[_Asked]) -> list[Response]:
        """Returns the responses of a group. Predicts for a single request, or for rows that can't be joined, one by one."""
        rows = join_rows([parsed.features for parsed in group]) if len(group) > 1 else None
        if rows is None:
            return [self._answer(parsed) for parsed in group]
        try:
            predictions = self.ensemble.predict(rows)
        except (xgb.core.XGBoostError, ValueError):  # one request is at fault: the others must not suffer
            return [self._answer(parsed) for parsed in group]
        parts = split_rows({"": predictions}, [row_count(parsed.features) for parsed in group])
        return [self._encode(part[""], parsed.accept) for part, parsed in zip(parts, group, strict=True)]

    def _encode(self, predictions: np.ndarray, accept: str) -> Response:
        media = ContentType.parse(accept).media
        media = self.default_accept if media in ("", "*/*") else media
        if media not in responses.ACCEPTED:
            text = (
                f"Accept type {media} is not supported. Please use supported accept types: {list(responses.ACCEPTED)}."
            )
            return Response(text.encode(), status=HTTPStatus.NOT_ACCEPTABLE)
        if self.keys is None:
            return Response(responses.encode(predictions, media, self.batch, self.joined), media)
        rows = responses.select(predictions, self.keys, self.ensemble.objective, self.ensemble.num_class)
        return Response(responses.encode_selected(rows, media, self.batch), media)


def serve(model_directory: Path) -> Answering:
    """Serves the models of a folder. Raises UserError when there is none that can be loaded."""
    ensemble = load_models(model_directory, os.environ)
    logging.info("Model objective : %s", ensemble.objective)
    return BoosterService(ensemble, os.environ)
