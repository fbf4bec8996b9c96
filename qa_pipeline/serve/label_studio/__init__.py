"""A machine-learning backend of Label Studio: `backend` (its endpoints), `label_config` (what its tags mean)."""
