// An Express with compression in front of a server: node express.mjs HOST:PORT SERVER
import compression from 'compression'
import express from 'express'
import {createProxyMiddleware} from 'http-proxy-middleware'

const [listen, target] = process.argv.slice(2)
const [host, port] = listen.split(':')
const app = express()
app.use(compression())
app.use(createProxyMiddleware({target}))
app.listen(port, host)
