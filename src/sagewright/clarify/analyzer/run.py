"""Start and end of a job: the log, the exit message and the exit code.

Source of the lines: the log of AWS's image in the outputs of its public notebooks.
"""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from types import FrameType

from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.errors import ClarifyError, CustomerError

COMPLETED = "Completed: SageMaker XAI Analyzer ran successfully"
MAX_MESSAGE = 1024


class Stopped(BaseException):
    """SIGTERM: the job is stopped or out of time. No `except Exception` swallows it."""


def main() -> int:
    """Runs the job. Returns the exit code: 0, 1, or 143 after SIGTERM."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
    for name in ("botocore", "fontTools", "fpdf"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.simplefilter("ignore")  # of libraries; messages for the owner are logged here
    signal.signal(signal.SIGTERM, _stop)
    job = ClarifyJob.read()
    logging.info("Starting SageMaker Clarify Processing job")
    logging.info("Analysis config path: %s", job.config)
    logging.info("Analysis result path: %s", job.output)
    logging.info("This host is %s.", job.current_host)
    logging.info("This host is the leader." if job.is_leader else "This host is not the leader.")
    logging.info("Number of hosts in the cluster is %d.", len(job.hosts))
    try:
        from sagewright.clarify.analyzer.analysis import analyse

        analyse(job)
    except CustomerError as error:
        return _end(job, f"Customer Error: {error}")
    except ClarifyError as error:
        return _end(job, f"Internal Error: {error}")
    except Stopped:
        logging.info("Signal 15 received, cleaning up")
        return 128 + signal.SIGTERM
    except MemoryError:
        return _end(job, "Internal Error: The analysis needs more memory than its instance has.")
    except Exception as error:
        logging.exception("The analysis failed.")
        return _end(job, f"Internal Error: {type(error).__name__}: {error}")
    logging.info("exit_message: %s", COMPLETED)
    job.say(COMPLETED if job.is_leader else "")
    return 0


def _end(job: ClarifyJob, message: str) -> int:
    message = message[:MAX_MESSAGE]
    logging.error("exit_message: %s", message)
    job.say(message)
    return 1


def _stop(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the cleanup is not interrupted
    raise Stopped
