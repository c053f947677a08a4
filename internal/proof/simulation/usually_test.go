//go:build !race

package simulation_test

// usually is how many histories are run where nobody says how many. make simulate runs more.
const usually = 500
