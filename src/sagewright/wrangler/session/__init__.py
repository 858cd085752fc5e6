"""The session of Studio's pages: keeps samples, and computes previews, insights, charts and code. Runs in the sandbox, as an app.

`service` is its HTTP server, `previews` computes the result of each step on the sample, `samples` reads sources from S3.
"""
