"""Script mode: runs the user's script inside a job as AWS's framework containers do.

Own code and not AWS's `sagemaker-training` package: that one needs numpy, scipy, gevent and paramiko in old versions, and half
a second to import. This one is the standard library alone, for any Python from 3.8, and reads only files and environment.
"""
