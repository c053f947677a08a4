import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.HashMap;
import java.util.Map;

/** A client with java.net.http and its lines. It connects again itself. */
class JavaNetHttp {
  private static String last;

  public static void main(String[] args) throws InterruptedException {
    HttpClient client = HttpClient.newHttpClient();
    for (;;) {
      HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(args[0]));
      if (last != null) {
        request.header("Last-Event-ID", last);
      }
      try {
        Map<String, String> fields = new HashMap<>();
        client.send(request.build(), BodyHandlers.ofLines()).body().forEach(line -> read(line, fields));
      } catch (IOException | UncheckedIOException problem) {
        System.err.println(problem);
      }
      Thread.sleep(1000);
    }
  }

  private static void read(String line, Map<String, String> fields) {
    if (!line.isEmpty()) {
      String[] field = line.split(": ", 2);
      fields.put(field[0], field.length > 1 ? field[1] : "");
      return;
    }
    last = fields.getOrDefault("id", last);
    Shown.event(fields.get("id"), fields.get("event"), fields.get("data"));
    fields.clear();
  }
}
