"""Programs of apps and notebook instances: the preparation in the sandbox before JupyterLab, or another program, takes over.

`python -m sagewright.toolkit.apps PROGRAM` reads /opt/ml/input/config/app.json, which `kinds.app` describes. It uses only the
standard library, except for boto3 where a life-cycle script's log is stored.
"""
