from runlog.flavors.catboost import *
