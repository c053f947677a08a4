// eventsource-client, which connects again by itself.
import {createEventSource} from 'eventsource-client'
import {show} from './shown.mjs'

for await (const {id, event, data} of createEventSource(process.argv[2])) {
  show(id, event, data)
}
