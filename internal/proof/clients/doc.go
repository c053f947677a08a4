// Package clients holds only tests: a crowd of client libraries of four languages and of
// Chromium, and of proxies, listens to one subscriber server at once. Its programs stand
// under testdata. Each is what the documentation of its library says, and prints every
// event that it is given as a line of JSON. What they print is compared with what
// another subscriber server has shown.
//
// All of them must show every window from their first one on, no empty event, every
// emoji whole, each window when it comes, and none missed when the server is killed. The
// table of docs/http.md is made from this. It names who cannot, and why.
//
// Package managers install the libraries: make test-clients.
package clients
