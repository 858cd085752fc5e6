"""`s3://` and `s3a://` in Spark: Hadoop's settings that lead both to the S3 which the job uses."""

from __future__ import annotations

FILE_SYSTEM = "org.sagewright.spark.S3FileSystem"
SCHEMES = ("s3", "s3a", "s3n")


_COMMITTER = "org.apache.hadoop.mapreduce.lib.output.FileOutputCommitterFactory"


def core_site() -> dict[str, str]:
    """Keys and endpoint stay in variables, where the AWS libraries look too."""
    return {f"fs.{scheme}.impl": FILE_SYSTEM for scheme in SCHEMES}


def spark_defaults() -> dict[str, str]:
    """Hadoop's own defaults, which come after core-site, name a committer that only hadoop-aws has."""
    return {f"spark.hadoop.mapreduce.outputcommitter.factory.scheme.{scheme}": _COMMITTER for scheme in SCHEMES}
