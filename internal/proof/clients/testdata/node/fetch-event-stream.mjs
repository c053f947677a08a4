// fetch-event-stream behind fetch.
import {events} from 'fetch-event-stream'
import {again, show} from './shown.mjs'

await again(async (headers, seen) => {
  const response = await fetch(process.argv[2], {headers})
  for await (const {id, event, data} of events(response)) {
    seen(id)
    show(id, event, data)
  }
})
