package wire

import "hash/fnv"

// PartitionOf spreads keys over n partitions. All copies of a stage, of every
// version, must agree on it: it is FNV-1a of the key, modulo n.
func PartitionOf(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never fails
	return int(h.Sum32() % uint32(n))
}
