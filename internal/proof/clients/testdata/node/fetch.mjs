// fetch alone, as pages have it that use no library: blocks end with an empty line.
import {again, show} from './shown.mjs'

await again(async (headers, seen) => {
  const response = await fetch(process.argv[2], {headers})
  let text = ''
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split('\n\n')
    text = blocks.pop()
    for (const block of blocks) {
      const field = Object.fromEntries(block.split('\n').map(line => line.split(/: (.*)/)))
      seen(field.id)
      show(field.id, field.event, field.data)
    }
  }
})
