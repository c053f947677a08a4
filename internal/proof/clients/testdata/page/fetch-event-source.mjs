// fetch-event-source, which connects again by itself.
import {fetchEventSource} from '@microsoft/fetch-event-source'

export function listen(url, show) {
  return fetchEventSource(url, {
    onmessage: e => show(e.id, e.event, e.data),
    onclose: () => { throw new Error('the stream has ended') }, // else that would be the end
    onerror: problem => console.error(problem),
  })
}
