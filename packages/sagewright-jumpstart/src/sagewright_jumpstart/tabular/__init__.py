"""Tables: gradient boosting by XGBoost, LightGBM and CatBoost, and linear models by scikit-learn, trained from the user's data.

`data` reads AWS's layout of channels, `columns` encodes categories; each engine is a module with a class of its own.
"""
