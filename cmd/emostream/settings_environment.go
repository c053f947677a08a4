package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/suggest"
)

// strangers lists what looks like a setting in an environment and is none, each as
// a sentence.
func unknownVariables(environ []string) (said []string) {
	known := []string{passwordVariable}
	for name := range newSchema().owners {
		known = append(known, variable(name))
	}
	slices.Sort(known)
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		near := suggest.Nearest(name, slices.Values(known))
		if strings.HasPrefix(name, "EMOSTREAM_") && name != variable("config") && near != name && near != "" {
			said = append(said, fmt.Sprintf("%s sets nothing: did you mean %s?", name, near))
		}
	}
	return said
}

// variable is the name of a flag in the environment.
func variable(flag string) string {
	return "EMOSTREAM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
