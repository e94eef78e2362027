import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import org.mlflow.api.proto.Service.RunStatus;
import org.mlflow.tracking.MlflowClient;

/**
 * Logs a run with MLflow's client for Java (org.mlflow:mlflow-client), files included, and no
 * Python package of MLflow.
 *
 *     MLFLOW_TRACKING_URI=http://127.0.0.1:5000 \
 *         MLFLOW_PYTHON_EXECUTABLE=$(command -v runlog-mlflow-python) \
 *         java -cp "$CLASSPATH_OF_MLFLOW_CLIENT" Tracking.java
 *
 * The client moves files with the program that MLFLOW_PYTHON_EXECUTABLE names.
 */
public class Tracking {
  public static void main(String[] arguments) throws Exception {
    MlflowClient client = new MlflowClient();
    String experiment =
        client
            .getExperimentByName("from Java")
            .map(found -> found.getExperimentId())
            .orElseGet(() -> client.createExperiment("from Java"));
    String run = client.createRun(experiment).getRunId();
    client.logParam(run, "rate", "0.1");
    for (int step = 0; step < 10; step++) {
      client.logMetric(run, "loss", 1.0 / (step + 1), System.currentTimeMillis(), step);
    }

    Path note = Files.createTempDirectory("tracking").resolve("note.txt");
    Files.writeString(note, "from Java");
    client.logArtifact(run, note.toFile(), "notes");
    client.setTerminated(run, RunStatus.FINISHED);

    File back = client.downloadArtifacts(run, "notes/note.txt");
    System.out.println(run + ": " + Files.readString(back.toPath()));
  }
}
