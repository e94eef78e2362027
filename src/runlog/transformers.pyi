from runlog.flavors.transformers import *
