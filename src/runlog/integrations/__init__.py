"""Loggers and callbacks for frameworks, on the hooks that those offer.

    from runlog.integrations.lightning import RunlogLogger

    trainer = lightning.Trainer(logger=RunlogLogger(run_name="baseline"))

Each module imports its framework, so import the one that you use. docs/integrations.md describes
all of them.

- `accelerate`: a tracker
- `catboost`: a callback
- `hydra`: a callback that is named in the configuration
- `ignite`: a logger
- `keras`: a callback
- `lightgbm`: a callback
- `lightning`: a logger, for PyTorch Lightning and Fabric
- `optuna`: a callback of studies
- `pytorch`: a helper for loops written by hand
- `ray`: a callback of Ray Tune
- `target`: the run that all of them log to
- `transformers`: a callback of the Trainer
- `xgboost`: a callback
"""
