"""Failures of a Spark job, in the wording of AWS's container."""

from __future__ import annotations

LONGEST_MESSAGE = 1024


class SparkError(Exception):
    """`cause`: the name of the kind of failure in AWS's container."""

    cause = "Exception"
    summary = "error running Spark job"
    exit_code = 1

    def message(self) -> str:
        """Returns the text for /opt/ml/output/message."""
        return f"Algorithm Error: (caused by {self.cause}): {self.summary}: {self}"[:LONGEST_MESSAGE].strip()


class OptionError(SparkError):
    cause, summary = "UsageError", "Couldn't parse input."


class InputError(SparkError):
    """The submitted application or its configuration can't be used."""

    cause, summary = "ValueError", "error preparing for spark submit"


class SubmitFailed(SparkError):
    """spark-submit ended with a status other than 0."""

    cause, summary = "CalledProcessError", "spark failed with a non-zero exit code"

    def __init__(self, command: str, status: int) -> None:
        super().__init__(f"Command '{command}' returned non-zero exit status {status}.")
        self.exit_code = status if 0 < status < 256 else 1


class ClusterFailed(SparkError):
    """A host of the cluster was lost, or did not start."""

    cause, summary = "ConnectionError", "the Spark cluster failed"
