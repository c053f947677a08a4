// sse.js, which connects again by itself if it is told so.
import {SSE} from 'sse.js'

export function listen(url, show) {
  const source = new SSE(url, {autoReconnect: true})
  for (const type of ['swarm', 'message']) {
    source.addEventListener(type, e => show(e.id, e.type, e.data))
  }
}
