"""The model under analysis: its endpoint, started when it is first needed, and its artefact if that can be evaluated here."""

from __future__ import annotations

import contextlib
import logging
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from sagewright.clarify.configuration.analysis import AnalysisConfig, Predictor
from sagewright.clarify.data.files import parse_uri
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.prediction.endpoint_model import EndpointModel
from sagewright.clarify.prediction.endpoints import endpoint_for
from sagewright.clarify.tables import Array

MAX_ARTEFACT_BYTES = 4 << 30
_OWN_PROGRAM = "SAGEMAKER_PROGRAM"
_OTHER_ANSWERS = ("SAGEMAKER_INFERENCE_OUTPUT", "SAGEMAKER_INFERENCE_SUPPORTED", "SAGEMAKER_INFERENCE_ENSEMBLE")


class AnalysedModel:
    """Scores and labels of rows. A context manager: an endpoint that it created is deleted at its end."""

    def __init__(self, config: AnalysisConfig, job_arn: str) -> None:
        if config.predictor is None:
            raise CustomerError("The configured methods need predictions: 'predictor' must be configured.")
        self.predictor: Predictor = config.predictor
        self._config, self._job_arn = config, job_arn
        self._stack = contextlib.ExitStack()
        self._endpoint: EndpointModel | None = None
        self.endpoint_name, self._serving = self.predictor.endpoint_name, False

    def __enter__(self) -> AnalysedModel:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
        if self._endpoint is not None and self._endpoint.requests:
            calls, seconds = self._endpoint.requests, max(self._endpoint.seconds, 1e-3)
            logging.info(
                "Model endpoint delivered %.5f requests per second and a total of %d requests over %d seconds",
                calls / seconds,
                calls,
                round(seconds),
            )

    def serve(self) -> str:
        """Returns the name of the endpoint, in service. Raises CustomerError."""
        if not self._serving:
            self.endpoint_name = self._stack.enter_context(endpoint_for(self.predictor, self._job_arn))
            self._serving = True
        return self.endpoint_name

    def start(self) -> EndpointModel:
        """Returns the endpoint as a model of tables. Raises CustomerError."""
        if self._endpoint is None:
            self.serve()
            self._endpoint = EndpointModel(self.endpoint_name, self.predictor, _content_type(self._config))
        return self._endpoint

    def use(self, endpoint_name: str) -> None:
        """Uses an endpoint that another host of the job has started."""
        self.endpoint_name, self._serving = endpoint_name, True
        self._endpoint = EndpointModel(endpoint_name, self.predictor, _content_type(self._config))

    def scores(self, rows: pd.DataFrame) -> Array:
        return self.start().scores(rows)

    def labels(self, rows: pd.DataFrame, threshold: float | None) -> list[Any]:
        return self.start().labels(rows, threshold)

    def artefact(self) -> Any | None:
        """Returns the model's artefact if it is one of a built-in algorithm whose answers it gives; else None.

        The endpoint comes first: its container has read the artefact, which may be damaged so that a library ends its process.
        """
        self.start()
        container = _container(self.predictor)
        if container is None:
            return None
        environment = container.get("Environment") or {}
        if _OWN_PROGRAM in environment or any(name in environment for name in _OTHER_ANSWERS):
            return None
        from sagewright.clarify.artefacts.artefact import open_artefact

        with tempfile.TemporaryDirectory(prefix="clarify-model-") as folder:
            contents = Path(folder) / "model"
            contents.mkdir()
            if not _fetch(container["ModelDataUrl"], Path(folder) / "model.tar.gz", contents):
                return None
            artefact = open_artefact(container["Image"], contents)
        return artefact if artefact is not None and _answers_scores(container["Image"], self.predictor) else None


def _answers_scores(image: str, predictor: Predictor) -> bool:
    """True if the configured part of the endpoint's answer is the artefact's score and not a label."""
    named = predictor.probability if predictor.probability is not None else predictor.label
    if "linear-learner" in image:
        return isinstance(named, str) and named.rpartition(".")[2] == "score"
    return named is None or (predictor.probability is not None and named in {0, "0"} and not predictor.label)


def _content_type(config: AnalysisConfig) -> str:
    known = {
        "application/x-parquet": "",
        "application/x-image": "image/jpeg",
        "application/sagemakercapturejson": "text/csv",
    }
    content_type = known.get(config.dataset_type, config.dataset_type)
    if not content_type and config.predictor is not None and not config.predictor.content_type:
        raise CustomerError("'content_type' of the predictor is required for data of type application/x-parquet.")
    return content_type


def _container(predictor: Predictor) -> dict[str, Any] | None:
    """Returns the only container of the model, None if there are several, or if it may not be described."""
    import boto3
    from botocore.exceptions import ClientError

    client = boto3.client("sagemaker")
    try:
        name = predictor.model_name
        if not name:
            endpoint = client.describe_endpoint(EndpointName=predictor.endpoint_name)
            config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
            variants = config["ProductionVariants"]
            name = variants[0].get("ModelName", "") if len(variants) == 1 else ""
        if not name or predictor.target_model:
            return None
        model = client.describe_model(ModelName=name)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "AccessDeniedException":
            return None
        raise CustomerError(f"Unable to describe the model. {error}") from None
    container = model.get("PrimaryContainer") or {}
    several = len(model.get("Containers") or ()) > 1 or container.get("Mode") == "MultiModel"
    container = container or next(iter(model.get("Containers") or ()), {})
    return container if not several and container.get("ModelDataUrl") else None


def _fetch(uri: str, archive: Path, folder: Path) -> bool:
    """Downloads an archive and unpacks it into `folder`; False if the role may not read it, or it is not an archive."""
    import boto3
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    try:
        boto3.client("s3").download_file(bucket, key, str(archive))
        return unpack(archive, folder)
    except (ClientError, tarfile.TarError, OSError, EOFError) as error:
        logging.info("The model's artefact is not evaluated here: %s", error)
        return False


def unpack(archive: Path, folder: Path) -> bool:
    """Unpacks the regular files of a tar archive into `folder`; False if they have more than MAX_ARTEFACT_BYTES in all.

    Raises TarError, also for a member that leads out of the folder, OSError and EOFError.
    """
    with tarfile.open(archive) as tar:
        total = 0
        for member in tar:
            total += member.size
            if total > MAX_ARTEFACT_BYTES:
                return False
            if member.isfile():
                tar.extract(member, folder, filter="data")
    return True
