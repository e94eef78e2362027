from runlog.flavors.sklearn import *
