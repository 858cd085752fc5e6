"""Explains the records of a request, and builds the endpoint's answer."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sagewright.clarify.artefacts import open_artefact
from sagewright.clarify.artefacts.artefact import ExactExplainer, Unfit, same_scores, single_precision
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.online.records import check_media, predicted_records, read_records, selected
from sagewright.clarify.online.sessions import Ask
from sagewright.clarify.online.settings import ExplainerSettings
from sagewright.clarify.prediction.answers import AnswerForm, Answers, one_each
from sagewright.clarify.prediction.requests import RequestForm
from sagewright.clarify.shap.kernel import KernelExplainer
from sagewright.clarify.shap.synthetic import Counter
from sagewright.clarify.tables import Array

MODEL = Path("/opt/ml/model")
MOST_BASELINE_BYTES = 16 << 20
LIMIT_S = 60.0
"""Time limit of one explanation: by then, the client's request has ended."""
ROWS = 64
"""Number of records that are explained between two checks of the time."""
MOST_MODELS = 64
"""Models of a multi-model container whose scores of the baseline are kept."""
BATCH = 20_000
"""Records of one question, if MaxRecordCount doesn't say fewer."""


class OnlineExplainer:
    """Explains requests of one endpoint. Thread-safe: `explain` runs in a thread of each session."""

    def __init__(self, settings: ExplainerSettings, folder: Path = MODEL) -> None:
        """Raises CustomerError for a baseline that can't be read."""
        self.settings = settings
        self._current = threading.local()
        self.baseline = _baseline(settings)
        read = bool(settings.image) and settings.shap.text is None and folder.is_dir()
        self._artefact = open_artefact(settings.image, folder) if read else None
        self._exact: ExactExplainer | None = None
        self._local: KernelExplainer | None = None
        if self._artefact is not None:
            try:
                self._exact = self._artefact.prepare(self.baseline, settings.shap.use_logit)
                self._local = KernelExplainer(
                    self._own_scores, in_one_block(self.baseline), settings.shap, Counter(), refined=False
                )
            except Unfit as unfit:
                self._artefact = None
                logging.info("The model is asked for the scores of coalitions: %s", unfit)
        self._asked: OrderedDict[tuple[str, str, str], KernelExplainer] = OrderedDict()
        self._asking = threading.Lock()

    @property
    def reads_model(self) -> bool:
        """True if explanations of the model's own scores don't ask for more of them."""
        return self._artefact is not None

    def explain(
        self, body: bytes, media: tuple[str, str, str], answer: bytes, enable: str | None, ask: Ask, model: str = ""
    ) -> bytes:
        """Returns the endpoint's answer as JSON. `media`: the types of the request, of what the client accepts, and of the model's
        answer; `enable`: the request's own expression; `model`: the one that answered, of several. Raises CustomerError."""
        self._current.model = model
        self._current.until = time.monotonic() + LIMIT_S
        content_type = check_media(media[0], "ContentType")
        accept = check_media(media[1] or media[2] or content_type, "Accept")
        document: dict[str, Any] = {
            "version": "1.0",
            "predictions": {"content_type": media[2] or accept, "data": answer.decode(errors="replace")},
        }
        expression = self.settings.enable if enable is None else enable
        predicted = predicted_records(answer, accept)
        if model and len(predicted) == 1:
            predicted = one_each(predicted, len(read_records(body, content_type, self.settings)))
        chosen = selected(predicted, expression)
        if self.settings.predictor.label_headers:
            document["label_headers"] = list(self.settings.predictor.label_headers)
        document["explanations"] = {}
        if any(chosen):
            rows = read_records(body, content_type, self.settings)
            if len(rows) != len(chosen):
                raise CustomerError(f"The model answered {len(chosen)} records to a request of {len(rows)}.")
            document["explanations"] = {"kernel_shap": self._records(rows, chosen, answer, (content_type, accept), ask)}
        return json.dumps(document).encode()

    def _records(
        self, rows: pd.DataFrame, chosen: Sequence[bool], answer: bytes, media: tuple[str, str], ask: Ask
    ) -> list[Any]:
        if len(rows.columns) != len(self.baseline.columns):
            raise CustomerError(
                f"The request has records of {len(rows.columns)} features, and the SHAP baseline {len(self.baseline.columns)}."
            )
        rows.columns = self.baseline.columns
        places = np.flatnonzero(chosen)
        if self.settings.shap.text is not None:
            explained = self._texts(rows.iloc[places], media, ask)
            return [next(explained) if one else None for one in chosen]
        scores = numeric(AnswerForm(self.settings.predictor, media[1]).parse(answer, len(rows)))[places]
        some = rows if len(places) == len(rows) else rows.iloc[places].reset_index(drop=True)
        values = self._values(some, scores, media, ask)
        found = iter(values)
        return [self._attributions(next(found)) if one else None for one in chosen]

    def _attributions(self, values: Array) -> list[dict[str, Any]]:
        """Returns the features of one record; `values` (features, outputs)."""
        named = self.settings.headers
        return [
            ({"feature_header": named[place]} if named else {}) | {"attributions": [{"attribution": one}]}
            for place, one in enumerate(values.tolist())
        ]

    def _texts(self, rows: pd.DataFrame, media: tuple[str, str], ask: Ask) -> Iterator[list[dict[str, Any]]]:
        """Yields the features of each record, texts with a value for each of their pieces."""
        from sagewright.clarify.texts.explanation import explain  # here, since most endpoints explain no texts
        from sagewright.clarify.texts.output import record

        types = self.settings.types
        texts = tuple(
            str(name)
            for place, name in enumerate(rows.columns)
            if (types[place] == "text" if types else rows[name].dtype == object)
        )
        self._current.ask = ask
        for found in explain(lambda some: self._scores(some, media), rows, texts, self.baseline, self.settings.shap):
            yield [
                ({"feature_header": one["feature_name"]} if self.settings.headers else {})
                | {"feature_type": "text" if one["feature_name"] in texts else one["data_type"]}
                | {"attributions": one["attributions"]}
                for one in record(found)["explanations"]
            ]

    def _values(self, rows: pd.DataFrame, scores: Array, media: tuple[str, str], ask: Ask) -> Array:
        if self._artefact is not None and self._local is not None:
            try:
                own = self._artefact.score(rows)
                if same_scores(own, scores):
                    parts = [slice(start, start + ROWS) for start in range(0, len(rows), ROWS)]
                    return np.concatenate([self._own_values(rows[part], own[part]) for part in parts])
            except Unfit:
                pass  # the model may accept such rows, so it is called
        self._current.ask = ask
        return self._asking_explainer(media).explain(rows).values

    def _asking_explainer(self, media: tuple[str, str]) -> KernelExplainer:
        """Returns the explainer of this thread's model: it keeps that model's scores of the baseline."""
        key = (*media, self._current.model)
        with self._asking:
            found = self._asked.get(key)
        if found is None:  # outside of the lock, since it calls the model
            found = KernelExplainer(
                lambda some: self._scores(some, media), self.baseline, self.settings.shap, Counter()
            )
        with self._asking:
            self._asked[key] = found
            self._asked.move_to_end(key)
            while len(self._asked) > MOST_MODELS:
                self._asked.popitem(last=False)
        return found

    def _own_values(self, rows: pd.DataFrame, scores: Array) -> Array:
        """Returns values from the artefact, whose scores of the rows are known."""
        self._check_time()
        assert self._local is not None
        return (
            self._exact.explain(rows, self._check_time).values
            if self._exact is not None
            else self._local.explain(in_one_block(rows), scores).values
        )

    def _own_scores(self, rows: pd.DataFrame) -> Array:
        self._check_time()
        assert self._artefact is not None
        return self._artefact.score(rows)

    def _check_time(self) -> None:
        """Raises CustomerError if the time of this thread's explanation is over."""
        if time.monotonic() > getattr(self._current, "until", math.inf):
            raise CustomerError(
                f"The records could not be explained within {LIMIT_S:g} s. Fewer records, NumberOfSamples or rows of the baseline "
                "take less time."
            )

    def _scores(self, rows: pd.DataFrame, media: tuple[str, str]) -> Array:
        """Asks the model of the session that runs in this thread, in requests within the configured limits."""
        form, answers = RequestForm(self.settings.predictor, media[0]), AnswerForm(self.settings.predictor, media[1])
        most = self.settings.most_records or BATCH
        records, parts, start = form.encode(rows), [], 0
        while start < len(records):
            self._check_time()
            end, size = start, form.overhead
            while end < len(records) and end - start < most:
                size += len(records[end].encode()) + 1
                if size > self.settings.most_bytes and end > start:
                    break
                end += 1
            body = self._current.ask(form.body(records[start:end]), media[0])
            parts.append(numeric(answers.parse(body, end - start)))
            start = end
        return np.concatenate(parts)


def in_one_block(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows as an artefact reads them, which takes a fraction of the time that columns of several types take. Raises
    Unfit."""
    return pd.DataFrame(single_precision(rows, len(rows.columns)).astype(np.float64), columns=rows.columns)


def numeric(answers: Answers) -> Array:
    """Returns the scores of an answer, or its labels if they are numbers. Raises CustomerError."""
    if answers.scores is not None:
        return answers.scores
    try:
        return np.array(answers.labels, dtype=np.float64).reshape(len(answers.labels or ()), -1)
    except (TypeError, ValueError):
        raise CustomerError(
            "The model's labels are not numbers; ProbabilityAttribute or ProbabilityIndex must say where its scores are."
        ) from None


def _baseline(settings: ExplainerSettings) -> pd.DataFrame:
    if not settings.baseline_uri:
        return read_records(settings.baseline.encode(), settings.baseline_type, settings)
    from sagewright.clarify.data.files import download

    paths = download(settings.baseline_uri)
    body = b"\n".join(path.read_bytes() for path in paths)
    if len(body) > MOST_BASELINE_BYTES:
        raise CustomerError(
            f"The SHAP baseline {settings.baseline_uri} has {len(body)} bytes, at most {MOST_BASELINE_BYTES} can be used."
        )
    return read_records(body, settings.baseline_type, settings)
