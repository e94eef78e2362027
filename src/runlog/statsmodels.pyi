from runlog.flavors.statsmodels import *
