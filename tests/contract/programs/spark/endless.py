import time

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("endless", flush=True)
while True:
    spark.range(10).count()
    time.sleep(0.5)
