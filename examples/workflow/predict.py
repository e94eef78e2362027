"""The second step: load the model that the first one has made the champion, and predict."""

import argparse

from sklearn.datasets import load_digits

import runlog

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="models:/digits@champion")
uri = parser.parse_args().model

images, digits = load_digits(return_X_y=True)
with runlog.start_run():
    model = runlog.pyfunc.load_model(uri)
    predicted = model.predict(images)
    runlog.log_metric("accuracy", (predicted == digits).mean())
    runlog.log_table({"digit": digits, "predicted": predicted}, "predictions.json")
    runlog.set_tag("trained_by", model.metadata.run_id)
print(f"{uri} recognises {(predicted == digits).mean():.1%} of {len(digits)} digits")
