"""A Spark application that uses what it was submitted with."""

import os
import sys
from pathlib import Path

import boto3
import pandas
from helper import tripled
from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import LongType

_, _in, source, _out, target, last = sys.argv
spark = SparkSession.builder.appName("everything").getOrCreate()
context = spark.sparkContext
rows = spark.read.csv(source, header=True, inferSchema=True)
assert rows.count() == spark.read.csv("file:///opt/ml/processing/input/rows", header=True).count()
triple = f.udf(tripled, LongType())
summed = rows.groupBy("key").agg(f.sum(triple("value")).alias("total")).orderBy("key")
summed.write.mode("overwrite").parquet(target)
again = spark.read.parquet(target).toPandas().sort_values("key")
again.to_csv("/opt/ml/processing/output/totals.csv", index=False)
rows.repartition(2, "key").write.mode("overwrite").partitionBy("key").option("header", True).csv(target + "-by-key")
assert spark.read.csv(target + "-by-key", header=True).count() == rows.count()
keys = [one["Key"] for one in boto3.client("s3").list_objects_v2(Bucket="spark-data", Prefix="out/")["Contents"]]
assert not [key for key in keys if key.endswith("/") or "_temporary" in key], keys
read = pandas.concat(pandas.read_csv(file) for file in Path("/opt/ml/processing/input/rows").iterdir())
assert read.groupby("key")["value"].sum().mul(3).tolist() == again["total"].tolist()
print("argument:", last)
print("files:", Path(SparkFiles.get("words.txt")).read_text())
print("partitions:", spark.conf.get("spark.sql.shuffle.partitions"), context.getConf().get("spark.app.colour"))
print("hadoop:", context._jsc.hadoopConfiguration().get("some.hadoop.key"))
print("variable:", os.environ["COLOUR"])
print("jar:", spark._jvm.test.Count.word())
print("master:", context.master)
spark.stop()
