package httpserve

import "net/http"

// maxQuery is how many bytes the query of a request may have. What is asked for here has
// less than 1,000. Parsing the thousands of parameters that fit into a header would take
// thirty times what such a request takes.
const maxQuery = 2 << 10

// BoundQuery refuses requests whose query is too long, before anybody parses it.
func BoundQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := len(r.URL.RawQuery); n > maxQuery {
			Refusalf(http.StatusRequestURITooLong, "query_too_long", "the query has %d bytes: at most %d are allowed", n, maxQuery).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
