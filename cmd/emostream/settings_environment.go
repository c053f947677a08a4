package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/suggest"
)

// unknownVariables lists environment variables that look like a setting and are none,
// each with the setting that was probably meant.
func unknownVariables(environ []string) (problems []string) {
	known := []string{passwordVariable, tokenVariable}
	for name := range newSchema().owners {
		known = append(known, variable(name))
	}
	slices.Sort(known)
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		near := suggest.Nearest(name, slices.Values(known))
		if strings.HasPrefix(name, "EMOSTREAM_") && name != variable("config") && near != name && near != "" {
			problems = append(problems, fmt.Sprintf("%s sets nothing: did you mean %s?", name, near))
		}
	}
	return problems
}

// variable returns the environment variable that sets a flag.
func variable(flag string) string {
	return "EMOSTREAM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
