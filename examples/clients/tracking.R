# Logs a run with MLflow's package for R, files included, and no Python package of MLflow.
#
#     install.packages("mlflow")
#     MLFLOW_TRACKING_URI=http://127.0.0.1:5000 MLFLOW_BIN=$(command -v runlog) \
#         MLFLOW_PYTHON_BIN=$(command -v runlog-mlflow-python) Rscript tracking.R
#
# The package moves files with the program that MLFLOW_BIN names.
library(mlflow)

mlflow_set_experiment("from R")
with(mlflow_start_run(), {
  mlflow_log_param("rate", 0.1)
  for (step in 0:9) {
    mlflow_log_metric("loss", 1 / (step + 1), step = step)
  }
  model <- lm(mpg ~ wt, data = mtcars)
  path <- file.path(tempdir(), "coefficients.csv")
  write.csv(coef(model), path)
  mlflow_log_artifact(path, "model")
})

run <- mlflow_search_runs("metrics.loss < 0.2", experiment_ids = mlflow_get_experiment(name = "from R")$experiment_id)
print(run[, c("run_id", "status")])
print(mlflow_list_artifacts("model", run_id = run$run_id[[1]]))
print(read.csv(mlflow_download_artifacts("model/coefficients.csv", run_id = run$run_id[[1]])))
