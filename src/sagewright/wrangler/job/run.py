"""Start and end of a job: the log, the exit message and the exit code."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import polars as pl

from sagewright.wrangler.errors import FlowError, StepError
from sagewright.wrangler.job import settings
from sagewright.wrangler.job.running import run

COMPLETED = "Completed: the flow ran"
MAX_MESSAGE = 1024
_log = logging.getLogger("wrangler")


class WranglerStopped(BaseException):
    """SIGTERM: the job is stopped or out of time."""


def main(arguments: Sequence[str]) -> int:
    """Runs the job. Returns the exit code: 0, 1, or 143 after SIGTERM."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
    for name in ("botocore", "boto3", "s3transfer", "py4j", "sqlglot"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.simplefilter("ignore")  # of libraries; messages for the owner are logged here
    signal.signal(signal.SIGTERM, _stop)
    pl.Config.set_engine_affinity("streaming")
    root = Path("/opt/ml")
    try:
        job = settings.read(arguments)
        root = job.root
        run(job)
    except (StepError, FlowError) as error:
        return _end(root, f"Customer Error: {error}")
    except WranglerStopped:
        _log.info("stopped; nothing was written")
        return 128 + signal.SIGTERM
    except MemoryError:
        return _end(root, "Internal Error: The flow needs more memory than its instance has.")
    except OSError as error:
        return _end(root, f"Internal Error: {error}")
    except (Exception, pl.exceptions.PanicException) as error:  # a panic of polars derives from BaseException
        _log.exception("The flow failed.")
        return _end(root, f"Internal Error: {type(error).__name__}: {error}")
    _log.info("exit_message: %s", COMPLETED)
    _say(root, COMPLETED)
    return 0


def _end(root: Path, message: str) -> int:
    message = message[:MAX_MESSAGE]
    _log.error("exit_message: %s", message)
    _log.info("nothing was written: outputs appear together or not at all")
    _say(root, message)
    return 1


def _say(root: Path, message: str) -> None:
    path = root / "output" / "message"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(message, encoding="utf-8")


def _stop(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise WranglerStopped
