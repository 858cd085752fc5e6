"""`s3://` and `s3a://` in Spark: Hadoop's settings that map both to the job's S3."""

from __future__ import annotations

FILE_SYSTEM = "org.sagewright.spark.S3FileSystem"
SCHEMES = ("s3", "s3a", "s3n")


_COMMITTER = "org.apache.hadoop.mapreduce.lib.output.FileOutputCommitterFactory"


def core_site() -> dict[str, str]:
    """Returns core-site without keys and endpoint, which the AWS libraries read from variables."""
    return {f"fs.{scheme}.impl": FILE_SYSTEM for scheme in SCHEMES}


def spark_defaults() -> dict[str, str]:
    """Returns Spark defaults: Hadoop's, applied after core-site, name a committer that only hadoop-aws has."""
    return {f"spark.hadoop.mapreduce.outputcommitter.factory.scheme.{scheme}": _COMMITTER for scheme in SCHEMES}
