from runlog.flavors.prophet import *
