// event-source-polyfill, which connects again by itself, with ?lastEventId=.
import 'event-source-polyfill'

export function listen(url, show) {
  const source = new EventSourcePolyfill(url)
  for (const type of ['swarm', 'message']) {
    source.addEventListener(type, e => show(e.lastEventId, e.type, e.data))
  }
}
