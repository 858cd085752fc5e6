from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
raise ValueError("no column age")
