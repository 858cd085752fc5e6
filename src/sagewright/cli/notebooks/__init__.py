"""`sagewright notebook`: spaces with JupyterLab, and notebook jobs."""
