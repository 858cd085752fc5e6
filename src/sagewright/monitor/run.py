"""Start and end of a job: the log, the exit message and the exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from sagewright.monitor.errors import MonitorError
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.merging import TRUTH, merge


def main() -> int:
    """Runs the job. Returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
    try:
        job = MonitorJob.read()
    except MonitorError as error:
        logging.error("%s", error)
        return 1
    try:
        message = _program(job)(job)
    except MonitorError as error:
        return _fail(job, f"Customer Error: {error}")
    except MemoryError:
        return _fail(job, "Internal Error: The analysis needs more memory than its instance has.")
    except Exception as error:
        logging.exception("The analysis failed.")
        return _fail(job, f"Internal Error: {type(error).__name__}: {error}")
    logging.info("exit_message: %s", message)
    job.say(message)
    return 0


def _program(job: MonitorJob) -> Callable[[MonitorJob], str]:
    """Returns the analysis that the job's variables ask for. Raises MonitorError for one that is unknown."""
    if job.variables.get(TRUTH):
        return merge
    raise MonitorError(
        f"Sagewright does not serve the analysis_type {job.variables.get('analysis_type', 'DATA_QUALITY')} yet."
    )


def _fail(job: MonitorJob, message: str) -> int:
    logging.error("exit_message: %s", message)
    job.say(message)
    return 1
