package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/suggest"
)

// unknownVariables lists the variables that are no setting but look like one, each with
// the setting that was probably meant.
func unknownVariables(environ []string) (problems []string) {
	known := []string{passwordVariable}
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

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "EMOSTREAM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
