from runlog.flavors.lightgbm import *
