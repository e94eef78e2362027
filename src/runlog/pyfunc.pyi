from runlog.flavors.pyfunc import *
