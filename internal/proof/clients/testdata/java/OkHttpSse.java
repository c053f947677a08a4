import java.util.concurrent.TimeUnit;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.sse.EventSource;
import okhttp3.sse.EventSourceListener;
import okhttp3.sse.EventSources;

/** A client with okhttp-sse, which leaves connecting again to the program. */
class OkHttpSse extends EventSourceListener {
  private final OkHttpClient client =
      new OkHttpClient.Builder().readTimeout(30, TimeUnit.SECONDS).build(); // OkHttp's own ten seconds are shorter than a silence
  private final String url;
  private String last;

  OkHttpSse(String url) {
    this.url = url;
  }

  public static void main(String[] args) {
    new OkHttpSse(args[0]).connect();
  }

  private void connect() {
    Request.Builder request = new Request.Builder().url(url);
    if (last != null) {
      request.header("Last-Event-ID", last);
    }
    EventSources.createFactory(client).newEventSource(request.build(), this);
  }

  private void connectAgain() {
    try {
      Thread.sleep(1000);
    } catch (InterruptedException end) {
      return;
    }
    connect();
  }

  @Override
  public void onEvent(EventSource source, String id, String type, String data) {
    last = id != null ? id : last;
    Shown.event(id, type, data);
  }

  @Override
  public void onClosed(EventSource source) {
    connectAgain();
  }

  @Override
  public void onFailure(EventSource source, Throwable problem, Response response) {
    System.err.println(problem + " " + response);
    connectAgain();
  }
}
