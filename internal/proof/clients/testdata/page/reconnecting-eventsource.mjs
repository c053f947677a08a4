// reconnecting-eventsource, which connects again by itself, with ?lastEventId=.
import ReconnectingEventSource from 'reconnecting-eventsource'

export function listen(url, show) {
  const source = new ReconnectingEventSource(url)
  for (const type of ['swarm', 'message']) {
    source.addEventListener(type, e => show(e.lastEventId, e.type, e.data))
  }
}
