"""An executor's host goes while the application runs."""

import os
import signal
import socket
import time
from pathlib import Path

from pyspark.sql import SparkSession


def die(_):
    if socket.gethostname() == "algo-2":
        for process in Path("/proc").glob("[0-9]*"):
            if b"deploy.worker.Worker" in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
    time.sleep(60)


SparkSession.builder.getOrCreate().sparkContext.parallelize(range(16), 16).foreach(die)
