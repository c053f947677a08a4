import jakarta.ws.rs.client.Client;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.client.WebTarget;
import jakarta.ws.rs.sse.SseEventSource;
import java.util.concurrent.CountDownLatch;

/** A client with Jersey, which connects again by itself, but ends when it is refused once. */
class Jersey {
  private static volatile String last;

  public static void main(String[] args) throws InterruptedException {
    Client client = ClientBuilder.newClient();
    for (;;) {
      WebTarget target = client.target(args[0]);
      if (last != null) {
        target = target.queryParam("last_event_id", last);
      }
      CountDownLatch ended = new CountDownLatch(1);
      try (SseEventSource source = SseEventSource.target(target).build()) {
        source.register(
            event -> {
              last = event.getId() != null ? event.getId() : last;
              Shown.event(event.getId(), event.getName(), event.readData());
            },
            problem -> {
              System.err.println(problem);
              ended.countDown();
            });
        source.open();
        ended.await();
      }
      Thread.sleep(1000);
    }
  }
}
