"""XGBoost as SageMaker's built-in algorithm. `declaration` needs the standard library only; the rest needs `xgboost`.

Source: the contract's algorithms/xgboost.md, which describes AWS's guide and the behaviour of AWS's open container.
"""
