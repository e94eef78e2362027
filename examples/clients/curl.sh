#!/bin/sh
# Logs a run with curl alone. The server's address is the argument; it prints the run as JSON.
# A server that wants to know who you are: add  --user NAME:PASSWORD  to `call` and `send`.
set -eu
server=${1:-http://127.0.0.1:5000}
api=$server/api/2.0/mlflow

call() { # VERB PATH [JSON]
    curl --silent --show-error --fail-with-body --request "$1" "$api/$2" \
        --header 'Content-Type: application/json' ${3:+--data "$3"}
}
send() { # FILE PATH, where PATH begins as the artifact_uri does behind mlflow-artifacts:/
    curl --silent --show-error --fail-with-body --upload-file "$1" \
        "$server/api/2.0/mlflow-artifacts/artifacts/$2"
}
value() { # NAME, of a text in the JSON on standard input
    sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1
}

now=$(date +%s)000 # times are in milliseconds
run=$(call POST runs/create '{"experiment_id": "0", "run_name": "curl", "start_time": '"$now"'}')
id=$(printf '%s' "$run" | tr ',' '\n' | value run_id)
files=$(printf '%s' "$run" | tr ',' '\n' | value artifact_uri)

call POST runs/log-parameter '{"run_id": "'"$id"'", "key": "rate", "value": "0.1"}' > /dev/null
for step in 0 1 2 3; do
    call POST runs/log-metric '{"run_id": "'"$id"'", "key": "loss", "value": 0.'$((9 - step))',
        "timestamp": '"$now"', "step": '$step'}' > /dev/null
done
send "$0" "${files#mlflow-artifacts:/}/scripts/curl.sh"
call POST runs/update '{"run_id": "'"$id"'", "status": "FINISHED", "end_time": '"$now"'}' > /dev/null
call GET "runs/get?run_id=$id"
