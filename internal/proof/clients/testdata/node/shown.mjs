// What the clients here have in common: they print each event as a line of JSON.

export const show = (id, event, data) => console.log(JSON.stringify({id: String(id ?? ''), event, data}))

// listen shows all events of an EventSource.
export function listen(source) {
  for (const type of ['swarm', 'message']) {
    source.addEventListener(type, e => show(e.lastEventId, e.type, e.data))
  }
}

// again calls connect again and again, with the headers of a request that goes on after
// the event whose id connect said last.
export async function again(connect) {
  const headers = {}
  for (;;) {
    try {
      await connect(headers, id => { if (id) headers['Last-Event-ID'] = id })
    } catch (problem) {
      console.error(problem)
    }
    await new Promise(wait => setTimeout(wait, 1000))
  }
}
