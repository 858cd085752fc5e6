"""SageMaker Clarify: bias metrics, SHAP values, partial dependence and their report, inside a processing job.

    __main__       `python -m sagewright.clarify`
    analyzer       one job from its configuration to analysis.json and the report
    online         explanations of an endpoint's predictions
    configuration  analysis_config.json: its schema, and one dataclass for each method
    data           data sets of CSV, JSON Lines, JSON and Parquet as tables
    prediction     endpoints: temporary ones, batches, formats of requests and answers
    artefacts      models of the built-in XGBoost and linear learner, evaluated without an endpoint
    bias           metrics before and after training
    shap           Shapley values of a table's features
    pdp            partial dependence
    texts, images, series    Shapley values of pieces of text, of segments of pictures, of time steps
    report         report.html, .ipynb and .pdf

It reads files, its environment, and AWS's API as the job's role; it imports nothing of the server.
Source: the developer guide, "Configure the analysis", and AWS's JSON schema in the SageMaker Python SDK.
"""
