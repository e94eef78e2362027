from runlog.flavors.keras import *
