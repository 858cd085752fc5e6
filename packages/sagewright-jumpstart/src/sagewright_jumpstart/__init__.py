"""Scripts that fine-tune and serve pretrained models, one subpackage a family.

A family has `training.main()`, the job's program, and `serving` with `model_fn`, `input_fn`, `predict_fn` and `output_fn`. Modules
beside the families are shared, and import none of them.
"""
