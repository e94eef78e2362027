from runlog.flavors.sentence_transformers import *
