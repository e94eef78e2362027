from runlog.flavors.pytorch import *
