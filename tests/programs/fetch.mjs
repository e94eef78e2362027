// What a web page or a Node program does with plain HTTP: the server's address is the argument.
const api = process.argv[2] + "/api/2.0/mlflow/";
async function call(verb, path, body) {
  const answer = await fetch(api + path, {
    method: verb,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error_code + ": " + said.message);
  return said;
}
const { experiment_id } = await call("POST", "experiments/create", { name: "fetch" });
const { run } = await call("POST", "runs/create", {
  experiment_id, run_name: "node", start_time: Date.now(),
});
const run_id = run.info.run_id;
for (let step = 0; step < 5; step++) {
  await call("POST", "runs/log-metric", {
    run_id, key: "loss", value: 1 / (step + 1), timestamp: Date.now(), step,
  });
}
await call("POST", "runs/update", { run_id, status: "FINISHED", end_time: Date.now() });
const path = run.info.artifact_uri.replace("mlflow-artifacts:/", "") + "/note.txt";
await fetch(process.argv[2] + "/api/2.0/mlflow-artifacts/artifacts/" + path, {
  method: "PUT", body: "from node",
});
const note = await fetch(process.argv[2] + `/get-artifact?run_id=${run_id}&path=note.txt`);
const found = await call("POST", "runs/search", {
  experiment_ids: [experiment_id], filter: "metrics.loss < 0.5", max_results: 10,
});
const failed = await call("GET", "runs/get?run_id=none").catch((error) => error.message);
console.log(JSON.stringify({
  metrics: found.runs[0].data.metrics.map((metric) => [metric.key, metric.value, metric.step]),
  status: found.runs[0].info.status, note: await note.text(), failed,
}));
