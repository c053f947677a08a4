package main

import (
	"strings"
	"testing"
)

func TestTableLines(t *testing.T) {
	for _, tt := range []struct {
		what    string
		columns []column
		rows    [][]string
		want    string
	}{
		{"no rows", []column{{title: "A"}, {title: "B"}}, nil, "A  B"},
		{
			"columns as wide as what is in them",
			[]column{{title: "TOPIC"}, {title: "N"}, {title: "STATE"}},
			[][]string{{"emoji-topic", "4", "ok"}, {"x", "100", "missing"}},
			`
TOPIC        N    STATE
emoji-topic  4    ok
x            100  missing`,
		},
		{
			"columns of fixed width",
			[]column{{title: "EMOJI", width: 10}, {title: "COUNT", width: 7, right: true}},
			[][]string{{"🔥  fire", "1"}, {"a name that is too long", "1,000"}},
			`
EMOJI       COUNT
🔥  fire        1
a name t…   1,000`,
		},
		{
			"a left-aligned column behind a right-aligned one",
			[]column{{title: "C", width: 4}, {title: "N", width: 3, right: true}, {title: "TOP"}},
			[][]string{{"x", "1", "🔥"}},
			`
C     N  TOP
x     1  🔥`,
		},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if got := strings.Join(tableLines(tt.columns, tt.rows), "\n"); got != strings.TrimPrefix(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
