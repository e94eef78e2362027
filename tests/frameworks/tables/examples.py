"""A small model of each framework, the same in every process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from frameworks.both_ways import Example


def table() -> tuple[pd.DataFrame, Any, Any]:
    """Return two columns, numbers that follow from them, and classes."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame({"height": random.random(80), "width": random.random(80)})
    numbers = (2 * frame["height"] - frame["width"] + random.normal(0, 0.1, 80)).to_numpy()
    return frame, numbers, (numbers > 0.5).astype(int)


def xgboost_booster() -> Example:
    import xgboost

    frame, numbers, _ = table()
    settings = {"max_depth": 2, "nthread": 1, "seed": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(frame, numbers), num_boost_round=5)
    return Example(
        "xgboost", booster, frame[:5], lambda model, data: model.predict(xgboost.DMatrix(data))
    )


def xgboost_classifier() -> Example:
    import xgboost

    frame, _, classes = table()
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1).fit(frame, classes)
    return Example("xgboost", model, frame[:5], _predict, {"model_format": "json"})


def xgboost_regressor() -> Example:
    import xgboost

    frame, numbers, _ = table()
    model = xgboost.XGBRegressor(n_estimators=5, max_depth=2, n_jobs=1).fit(frame, numbers)
    return Example("xgboost", model, frame[:5], _predict)


def lightgbm_booster() -> Example:
    import lightgbm

    frame, numbers, _ = table()
    settings = {"num_leaves": 4, "verbose": -1, "num_threads": 1, "deterministic": True}
    booster = lightgbm.train(settings, lightgbm.Dataset(frame, numbers), num_boost_round=5)
    return Example("lightgbm", booster, frame[:5], _predict)


def lightgbm_classifier() -> Example:
    import lightgbm

    frame, _, classes = table()
    model = lightgbm.LGBMClassifier(n_estimators=5, num_leaves=4, verbose=-1, n_jobs=1)
    return Example("lightgbm", model.fit(frame, classes), frame[:5], _predict)


def lightgbm_with_skops() -> Example:
    import lightgbm

    frame, numbers, _ = table()
    model = lightgbm.LGBMRegressor(n_estimators=5, num_leaves=4, verbose=-1, n_jobs=1)
    options = {"serialization_format": "skops"}
    return Example("lightgbm", model.fit(frame, numbers), frame[:5], _predict, options)


def catboost_classifier() -> Example:
    import catboost

    frame, _, classes = table()
    return Example("catboost", _fitted(catboost.CatBoostClassifier, classes), frame[:5], _predict)


def catboost_regressor() -> Example:
    import catboost

    frame, numbers, _ = table()
    model = _fitted(catboost.CatBoostRegressor, numbers)
    return Example("catboost", model, frame[:5], _predict, {"format": "json"})


def _fitted(kind: Callable[..., Any], target: Any) -> Any:
    model = kind(
        iterations=5, depth=2, thread_count=1, random_seed=1, verbose=0, allow_writing_files=False
    )
    return model.fit(table()[0], target)


def statsmodels_regression() -> Example:
    import statsmodels.api

    frame, numbers, _ = table()
    return Example("statsmodels", statsmodels.api.OLS(numbers, frame).fit(), frame[:5], _predict)


def statsmodels_time_series() -> Example:
    from statsmodels.tsa.arima.model import ARIMA

    _, numbers, _ = table()
    data = pd.DataFrame({"start": [81], "end": [84]})
    return Example(
        "statsmodels",
        ARIMA(numbers, order=(1, 0, 0)).fit(),
        data,
        lambda model, data: model.predict(start=81, end=84),
    )


def onnx_regression() -> Example:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    frame, numbers, _ = table()
    model = LinearRegression().fit(frame.to_numpy(), numbers)
    graph = to_onnx(model, frame.to_numpy()[:1].astype(np.float32))

    def predict(model: Any, data: Any) -> Any:
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString())
        feed = {session.get_inputs()[0].name: data.to_numpy().astype(np.float32)}
        return {session.get_outputs()[0].name: session.run(None, feed)[0].reshape(-1)}

    return Example("onnx", graph, frame[:5], predict)


def prophet_forecast() -> Example:
    import prophet

    days = pd.date_range("2026-01-01", periods=60)
    history = pd.DataFrame({"ds": days, "y": np.sin(np.arange(60) / 9) + np.arange(60) / 30})
    model = prophet.Prophet(
        weekly_seasonality=False,
        yearly_seasonality=False,
        daily_seasonality=False,
        uncertainty_samples=0,
    )
    model.fit(history, seed=1)
    future = pd.DataFrame({"ds": pd.date_range("2026-03-02", periods=3)})
    return Example("prophet", model, future, _predict)


def spacy_categories() -> Example:
    import spacy
    from spacy.training import Example as Text

    spacy.util.fix_random_seed(1)
    pipeline = spacy.blank("en")
    texts = [("a good day", 1.0), ("a bad day", 0.0)]
    pipeline.add_pipe("textcat").add_label("GOOD")
    pipeline.get_pipe("textcat").add_label("BAD")
    examples = [
        Text.from_dict(pipeline.make_doc(text), {"cats": {"GOOD": good, "BAD": 1 - good}})
        for text, good in texts
    ]
    pipeline.initialize(lambda: examples)
    for _ in range(3):
        pipeline.update(examples)
    data = pd.DataFrame({"text": ["a good day", "what a night"]})
    return Example(
        "spacy",
        pipeline,
        data,
        lambda model, data: {"predictions": [model(text).cats for text in data["text"]]},
        with_example=False,
    )


def _predict(model: Any, data: Any) -> Any:
    return model.predict(data)


EXAMPLES: dict[str, Callable[[], Example]] = {
    make.__name__: make
    for make in (
        xgboost_booster,
        xgboost_classifier,
        xgboost_regressor,
        lightgbm_booster,
        lightgbm_classifier,
        lightgbm_with_skops,
        catboost_classifier,
        catboost_regressor,
        statsmodels_regression,
        statsmodels_time_series,
        onnx_regression,
        prophet_forecast,
        spacy_categories,
    )
}
