import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Logs a run from Java over plain HTTP, with nothing but the JDK (11 or later), files included.
 *
 *     java Plain.java http://127.0.0.1:5000
 */
public class Plain {
  static final HttpClient client = HttpClient.newHttpClient();
  static String address;

  public static void main(String[] arguments) throws Exception {
    address = arguments.length > 0 ? arguments[0] : "http://127.0.0.1:5000";
    String made = post("runs/create", "{\"experiment_id\": \"0\", \"start_time\": \"" + now() + "\"}");
    String run = field(made, "run_id");
    post("runs/log-parameter", "{\"run_id\": \"" + run + "\", \"key\": \"rate\", \"value\": \"0.1\"}");
    for (int step = 0; step < 10; step++) {
      String point = "{\"run_id\": \"%s\", \"key\": \"loss\", \"value\": %s, \"timestamp\": \"%d\", \"step\": \"%d\"}";
      post("runs/log-metric", String.format(point, run, 1.0 / (step + 1), now(), step));
    }

    Path note = Files.createTempDirectory("plain").resolve("note.txt");
    Files.writeString(note, "from Java");
    String file = field(made, "artifact_uri").replaceFirst("mlflow-artifacts:/", "") + "/note.txt";
    URI place = URI.create(address + "/api/2.0/mlflow-artifacts/artifacts/" + file);
    send(HttpRequest.newBuilder(place).PUT(BodyPublishers.ofFile(note)).build());
    String back = send(HttpRequest.newBuilder(place).build());

    post("runs/update", "{\"run_id\": \"" + run + "\", \"status\": \"FINISHED\", \"end_time\": \"" + now() + "\"}");
    String found = send(HttpRequest.newBuilder(api("runs/get?run_id=" + run)).build());
    System.out.println(field(found, "status") + " " + back);
    try {
      send(HttpRequest.newBuilder(api("runs/get?run_id=none")).build());
    } catch (IllegalStateException error) {
      System.out.println(error.getMessage());
    }
  }

  static long now() {
    return System.currentTimeMillis();
  }

  static URI api(String path) {
    return URI.create(address + "/api/2.0/mlflow/" + path);
  }

  static String post(String path, String body) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(api(path));
    return send(
        request.header("Content-Type", "application/json").POST(BodyPublishers.ofString(body)).build());
  }

  static String send(HttpRequest request) throws Exception {
    HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IllegalStateException(
          field(answer.body(), "error_code") + ": " + field(answer.body(), "message"));
    }
    return answer.body();
  }

  /** A field of a JSON text that is itself a text; a program would take a JSON library. */
  static String field(String json, String name) {
    Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
    return found.find() ? found.group(1) : "";
  }
}
