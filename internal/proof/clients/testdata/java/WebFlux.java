import java.time.Duration;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Flux;
import reactor.util.retry.Retry;

/** A client with Spring's WebClient, which leaves connecting again to the program. */
class WebFlux {
  private static String last;

  public static void main(String[] args) {
    WebClient client = WebClient.create();
    Flux.defer(() -> client.get().uri(args[0]).headers(h -> h.set("Last-Event-ID", last)).retrieve()
            .bodyToFlux(new ParameterizedTypeReference<ServerSentEvent<String>>() {}))
        .doOnNext(event -> last = event.id() != null ? event.id() : last)
        .doOnError(System.err::println)
        .retryWhen(Retry.fixedDelay(Long.MAX_VALUE, Duration.ofSeconds(1)))
        .repeat()
        .toStream()
        .forEach(event -> Shown.event(event.id(), event.event(), event.data()));
  }
}
