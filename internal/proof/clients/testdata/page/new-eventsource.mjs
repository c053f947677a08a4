// A new EventSource whenever one breaks, as when a page registers again. It cannot send
// Last-Event-ID.
export function listen(url, show) {
  let last = ''
  connect()

  function connect() {
    const source = new EventSource(last ? `${url}?last_event_id=${last}` : url)
    for (const type of ['swarm', 'message']) {
      source.addEventListener(type, e => {
        last = e.lastEventId
        show(last, e.type, e.data)
      })
    }
    source.onerror = () => {
      source.close()
      setTimeout(connect, 1000)
    }
  }
}
