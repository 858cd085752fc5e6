"""Script mode's server: the user's model_fn, input_fn, predict_fn, output_fn or transform_fn behind HTTP.

Source: the behaviour of AWS's open inference toolkits (sagemaker-inference, sagemaker-pytorch-inference, sagemaker-scikit-learn,
sagemaker-xgboost, sagemaker-huggingface-inference, the Python service of sagemaker-tensorflow-serving).
"""
