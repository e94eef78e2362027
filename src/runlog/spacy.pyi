from runlog.flavors.spacy import *
