from runlog.flavors.optuna import *
