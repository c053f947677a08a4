// The EventSource of undici, which connects again by itself.
import {EventSource} from 'undici'
import {listen} from './shown.mjs'

listen(new EventSource(process.argv[2]))
