"""Sums by key, over all hosts."""

import socket
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

source, target = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
rows = spark.read.csv(source, header=True, inferSchema=True)
rows.groupBy("key").agg(f.sum("value").alias("total"), f.count("*").alias("rows")).write.mode("overwrite").csv(
    target, header=True
)
where = spark.sparkContext.parallelize(range(16), 16).map(lambda _: socket.gethostname()).distinct().collect()
print("hosts:", sorted(where), flush=True)
spark.stop()
