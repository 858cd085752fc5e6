"""The typical beginning of a Spark job, run when an environment is built, so that its classes are cached."""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def rehearse(place: str) -> None:
    spark = SparkSession.builder.appName("rehearsal").config("spark.ui.enabled", "false").getOrCreate()
    rows = spark.range(1000).select(
        (f.col("id") % 7).alias("key"), (f.col("id") * 0.5).alias("value"), f.lit("x").alias("text")
    )
    rows.write.mode("overwrite").option("header", True).csv(f"{place}/csv")
    rows.write.mode("overwrite").parquet(f"{place}/parquet")
    read = spark.read.csv(f"{place}/csv", header=True, inferSchema=True)
    read.join(spark.read.parquet(f"{place}/parquet"), "key").groupBy("key").agg(
        f.sum(read.value), f.count("*")
    ).orderBy("key").collect()
    rows.createOrReplaceTempView("rows")
    spark.sql("SELECT key, avg(value) AS mean FROM rows WHERE value > 3 GROUP BY key").collect()
    spark.sparkContext.parallelize(range(100), 2).map(lambda number: number + 1).sum()
    rows.limit(10).toPandas()
    spark.stop()


rehearse(sys.argv[1])
