"""The first step: make data and log them as an artifact."""

import argparse
import math
import random

import runlog

parser = argparse.ArgumentParser()
parser.add_argument("--points", type=float)
given = parser.parse_args()

random.seed(1)
rows = ["x,y"]
for _ in range(int(given.points)):
    x = random.uniform(-1, 1)
    rows.append(f"{x},{math.sin(3 * x) + random.gauss(0, 0.05)}")

with runlog.start_run():
    runlog.log_text("\n".join(rows), "data.csv")
