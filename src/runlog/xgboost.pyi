from runlog.flavors.xgboost import *
