package madepart_test

import (
	"testing"

	"github.com/emostream/emostream/internal/proof/madepart"
)

// The parts of a page are the page, and a page without a place for results is refused.
func TestCut(t *testing.T) {
	const begins, before, made, after = "<!-- made -->", "# A page\n<!-- made -->\n", "\n| old |\n\n", "<!-- end -->\n\nIts end.\n<!-- end -->\n"
	b, m, a, err := madepart.Cut(before+made+after, begins)
	if b != before || m != made || a != after || err != nil {
		t.Errorf("got %q, %q, %q, %v", b, m, a, err)
	}
	for _, page := range []string{"", before, made + after, "<!-- end -->\n" + before} {
		if _, _, _, err := madepart.Cut(page, begins); err == nil {
			t.Errorf("%q is cut", page)
		}
	}
}
