"""The endpoint that answers an analysis: a temporary one for `model_name`, or an existing one.

A temporary endpoint carries the tag `OWNER_TAG` with the job's ARN: however the job ends, the server deletes the endpoint.
Names and log lines are those of AWS's job.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Iterator
from typing import Any

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.errors import CustomerError

OWNER_TAG = "sagewright:temporary-for"
MAX_NAME = 63
FIRST_POLL_S, MAX_POLL_S = 0.05, 2.0


@contextlib.contextmanager
def endpoint_for(predictor: Predictor, job_arn: str) -> Iterator[str]:
    """Yields the name of an endpoint in service; deletes a temporary one afterwards. Raises CustomerError."""
    if predictor.endpoint_name:
        logging.info("Using endpoint name: %s", predictor.endpoint_name)
        yield predictor.endpoint_name
        return
    import boto3

    client = boto3.client("sagemaker")
    suffix = f"{int(time.time())}-{secrets.token_hex(2)}"
    prefix = predictor.endpoint_name_prefix
    config_name = f"{prefix}-config-{suffix}"
    name = f"{prefix}-{predictor.model_name[: MAX_NAME - len(prefix) - len(suffix) - 2].rstrip('-')}-{suffix}"
    with contextlib.ExitStack() as made:
        logging.info("Spinning up shadow endpoint")
        _create(client, predictor, config_name, name, job_arn, made)
        logging.info("Using endpoint name: %s", name)
        _wait(client, name)
        yield name
        logging.info("Stop using endpoint: %s", name)


def _create(
    client: Any, predictor: Predictor, config_name: str, name: str, job_arn: str, made: contextlib.ExitStack
) -> None:
    from botocore.exceptions import ClientError

    tags = [{"Key": OWNER_TAG, "Value": job_arn}] if job_arn else []
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": predictor.model_name,
        "InstanceType": predictor.instance_type,
        "InitialInstanceCount": predictor.initial_instance_count,
    }
    if predictor.accelerator_type:
        variant["AcceleratorType"] = predictor.accelerator_type
    try:
        logging.info("Creating endpoint-config with name %s", config_name)
        client.create_endpoint_config(EndpointConfigName=config_name, ProductionVariants=[variant], Tags=tags)
        made.callback(
            _delete, "endpoint configuration", config_name, client.delete_endpoint_config, "EndpointConfigName"
        )
        logging.info("Creating endpoint: '%s'", name)
        client.create_endpoint(EndpointName=name, EndpointConfigName=config_name, Tags=tags)
        made.callback(_delete, "endpoint", name, client.delete_endpoint, "EndpointName")
    except ClientError as error:
        raise CustomerError(f"Unable to create an endpoint for the model '{predictor.model_name}'. {error}") from None


def _delete(what: str, name: str, call: Any, member: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    logging.info("Deleting %s with name: %s", what, name)
    try:
        call(**{member: name})
    except (ClientError, BotoCoreError) as error:
        logging.warning("Unable to delete the %s %s now; it is deleted when the job has ended. %s", what, name, error)


def _wait(client: Any, name: str) -> None:
    """Waits until the endpoint is in service. The job's own time limit bounds it. Raises CustomerError."""
    logging.info("Waiting for endpoint ...")
    logging.info("Checking endpoint status:")
    logging.info(
        "Legend: (OutOfService: x, Creating: -, Updating: -, InService: !, RollingBack: <, Deleting: o, Failed: *)"
    )
    start, poll = time.monotonic(), FIRST_POLL_S
    while True:
        described = client.describe_endpoint(EndpointName=name)
        status = described["EndpointStatus"]
        if status == "InService":
            logging.info("Endpoint is in service after %d seconds", round(time.monotonic() - start))
            return
        if status not in {"Creating", "Updating", "SystemUpdating"}:
            reason = described.get("FailureReason") or f"its status is {status}"
            raise CustomerError(f"The endpoint for the analysis did not come into service: {reason}")
        time.sleep(poll)
        poll = min(poll * 1.3, MAX_POLL_S)
