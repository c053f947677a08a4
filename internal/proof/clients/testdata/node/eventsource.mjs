// eventsource, which connects again by itself.
import {EventSource} from 'eventsource'
import {listen} from './shown.mjs'

listen(new EventSource(process.argv[2]))
