import com.launchdarkly.eventsource.ErrorStrategy;
import com.launchdarkly.eventsource.EventSource;
import com.launchdarkly.eventsource.MessageEvent;
import java.net.URI;

/** A client with okhttp-eventsource, which connects again by itself if it is told not to give up. */
class LaunchDarkly {
  public static void main(String[] args) {
    try (EventSource source = new EventSource.Builder(URI.create(args[0])).errorStrategy(ErrorStrategy.alwaysContinue()).build()) {
      for (MessageEvent event : source.messages()) {
        Shown.event(event.getLastEventId(), event.getEventName(), event.getData());
      }
    }
  }
}
