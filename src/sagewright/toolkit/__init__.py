"""Script mode: runs the user's script inside a job as AWS's framework containers do.

It replaces AWS's `sagemaker-training` package, which needs numpy, scipy, gevent and paramiko in old versions, and half a second to
import. It uses only the standard library, for any Python from 3.8, and reads only files and environment.
"""
