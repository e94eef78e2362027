from runlog.flavors.tensorflow import *
