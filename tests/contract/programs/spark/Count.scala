package test

import org.apache.spark.sql.SparkSession

object Count {
  def word: String = "from a jar"

  def main(arguments: Array[String]): Unit = {
    val spark = SparkSession.builder().getOrCreate()
    println("counted: " + spark.read.option("header", "true").csv(arguments(0)).count())
    spark.stop()
  }
}
