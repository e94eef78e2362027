# Logs a run from R over plain HTTP, where the mlflow package is not wanted. Like that package it
# sends every value as text, and moves files with the program that MLFLOW_BIN names.
#
#     install.packages(c("httr", "jsonlite"))
#     MLFLOW_TRACKING_URI=http://127.0.0.1:5000 MLFLOW_BIN=$(command -v runlog) Rscript plain.R
library(httr)
library(jsonlite)

address <- Sys.getenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")

ask <- function(answer) {
  said <- content(answer, "parsed", "application/json")
  if (status_code(answer) != 200) stop(said$error_code, ": ", said$message)
  said
}
post <- function(endpoint, ...) {
  body <- toJSON(list(...), auto_unbox = TRUE)
  invisible(ask(POST(paste0(address, "/api/2.0/mlflow/", endpoint), content_type_json(), body = body)))
}
fetch <- function(endpoint, ...) {
  ask(GET(paste0(address, "/api/2.0/mlflow/", endpoint), query = list(...)))
}
now <- function() format(round(as.numeric(Sys.time()) * 1000), scientific = FALSE)
runlog <- function(...) {
  # R's own LD_LIBRARY_PATH may name another Python than the one that runlog is for.
  system2(Sys.getenv("MLFLOW_BIN", "runlog"), c("artifacts", shQuote(c(...))),
          stdout = TRUE, env = "LD_LIBRARY_PATH=")
}

run <- post("runs/create", experiment_id = "0", run_name = "plain R", start_time = now())
run_id <- run$run$info$run_uuid
post("runs/log-parameter", run_id = run_id, run_uuid = run_id, key = "rate", value = "0.1")
for (step in 0:9) {
  post("runs/log-metric", run_id = run_id, run_uuid = run_id, key = "loss",
       value = as.character(1 / (step + 1)), timestamp = now(), step = as.character(step))
}
post("runs/log-metric", run_id = run_id, key = "odd", value = "NaN", timestamp = "1.7e+12")

path <- file.path(tempdir(), "coefficients.csv")
write.csv(coef(lm(mpg ~ wt, data = mtcars)), path)
invisible(runlog("log-artifact", "--local-file", path, "--artifact-path", "model", "--run-id", run_id))
post("runs/update", run_id = run_id, status = "FINISHED", end_time = now())

found <- post("runs/search", experiment_ids = list("0"), filter = "metrics.loss < 0.2")
history <- fetch("metrics/get-history", run_id = run_id, metric_key = "loss")
files <- fetch("artifacts/list", run_id = run_id, path = "model")
back <- runlog("download", "--run-id", run_id, "--artifact-path", "model/coefficients.csv")
cat(toJSON(list(
  runs = length(found$runs),
  status = found$runs[[1]]$info$status,
  points = length(history$metrics),
  file = files$files[[1]]$path,
  rows = nrow(read.csv(back)),
  failed = tryCatch(fetch("runs/get", run_id = "none"), error = conditionMessage)
), auto_unbox = TRUE), "\n")
