"""The second step: fit a polynomial to the data of the first one, which runlog has downloaded."""

import argparse
import csv

import runlog

parser = argparse.ArgumentParser()
parser.add_argument("--data")
parser.add_argument("--degree", type=float)
given = parser.parse_args()

with open(given.data) as file:
    points = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]

weights = [0.0] * (int(given.degree) + 1)


def predicted(x: float) -> float:
    """Return the value of the polynomial."""
    return sum(weight * x**power for power, weight in enumerate(weights))


def mean_error() -> float:
    """Return the mean squared error."""
    return sum((predicted(x) - y) ** 2 for x, y in points) / len(points)


with runlog.start_run():
    for epoch in range(200):
        for x, y in points:
            error = predicted(x) - y
            for power in range(len(weights)):
                weights[power] -= 0.05 * error * x**power
        if epoch % 10 == 0:
            runlog.log_metric("error", mean_error(), step=epoch)
    runlog.log_metric("error", mean_error(), step=200)
    runlog.log_dict({"weights": weights}, "weights.json")
