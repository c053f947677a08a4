package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A password in a URL that is wrong is shown nowhere.
func TestPasswordsOfWrongURLsAreNotShown(t *testing.T) {
	for _, password := range []string{"p4 QSECRETQ", `p4"QSECRETQ`, "p4<QSECRETQ>", "p4/QSECRETQ", "p4 @QSECRETQ", "p4'QSECRETQ%zz", "p4\\QSECRETQ ?#"} {
		for _, scheme := range []string{"http://", "", "http:/"} {
			url := scheme + "ann:" + password + "@127.0.0.1:1/x y"
			scenario := filepath.Join(t.TempDir(), "s.yaml")
			if err := os.WriteFile(scenario, []byte("server: '"+strings.ReplaceAll(url, "'", "''")+"'\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"bench", "--post-url", url},
				{"bench", "--server", url},
				{"bench", "--post-url", "http://127.0.0.1:1", "--stream-url", url},
				{"bench", "--scenario", scenario},
				{"watch", "--server", url + "?"},
				{"send", "--server", url + "?", "🔥"},
				{"serve", "--public-url", url},
				{"subscribe", "--public-url", url},
				{"up", "--public-url", url},
				{"config", "view", "bench", "--server", url},
			} {
				var out strings.Builder
				execute(t.Context(), streams{in: strings.NewReader(""), out: &out, err: &out}, args)
				if strings.Contains(out.String(), "QSECRETQ") {
					t.Errorf("%q: %s", args, out.String())
				}
			}
		}
	}
}
