"""Start and end of a job: the log, the exit message and the exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from sagewright.monitor.errors import MonitorError
from sagewright.monitor.features import analysis as features
from sagewright.monitor.job import MonitorJob
from sagewright.monitor.merging import TRUTH, merge
from sagewright.monitor.quality import analysis as quality

DATA_QUALITY = "DATA_QUALITY"
ANALYSES: dict[str, Callable[[MonitorJob], str]] = {DATA_QUALITY: features.analyze, "MODEL_QUALITY": quality.analyze}


def main() -> int:
    """Runs the job. Returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
    try:
        job = MonitorJob.read()
    except MonitorError as error:
        logging.error("%s", error)
        return 1
    try:
        if not job.is_leader:
            logging.info("The first host runs the analysis.")
            return 0
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
    analysis = job.variables.get("analysis_type") or DATA_QUALITY
    if analysis not in ANALYSES:
        raise MonitorError(f"The analysis_type {analysis[:40]!r} is unknown: {', '.join(ANALYSES)}.")
    return ANALYSES[analysis]


def _fail(job: MonitorJob, message: str) -> int:
    logging.error("exit_message: %s", message)
    job.say(message)
    return 1
