// EventSource, which connects again by itself.
export function listen(url, show) {
  const source = new EventSource(url)
  for (const type of ['swarm', 'message']) {
    source.addEventListener(type, e => show(e.lastEventId, e.type, e.data))
  }
}
