from runlog.flavors.onnx import *
