// launchdarkly-eventsource, which connects again by itself.
import {EventSource} from 'launchdarkly-eventsource'
import {listen} from './shown.mjs'

const source = new EventSource(process.argv[2])
source.onerror = problem => console.error(problem)
listen(source)
