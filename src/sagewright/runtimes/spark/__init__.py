"""Additions to an environment with PySpark: Java's program, smspark-submit, s3:// paths, a cache of classes."""

from sagewright.runtimes.spark.finishing import SparkFailed, finish_spark

__all__ = ["SparkFailed", "finish_spark"]
