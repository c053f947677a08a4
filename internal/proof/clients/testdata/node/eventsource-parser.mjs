// eventsource-parser behind fetch.
import {EventSourceParserStream} from 'eventsource-parser/stream'
import {again, show} from './shown.mjs'

await again(async (headers, seen) => {
  const response = await fetch(process.argv[2], {headers})
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  for await (const {id, event, data} of events) {
    seen(id)
    show(id, event, data)
  }
})
