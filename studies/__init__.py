"""Studies beside the main pipeline: each a folder with its own dvc.yaml, parameters and README, over the same code."""
