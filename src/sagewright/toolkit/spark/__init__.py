"""`smspark-submit`: the program of AWS's Spark images, on the PySpark of the job's environment.

It uses only files and environment variables. Source of its options, files and messages: aws/sagemaker-spark-container.
"""
