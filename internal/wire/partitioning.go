package wire

import "hash/fnv"

// PartitionOf returns the partition, of n, for a key: FNV-1a of the key, modulo n. All
// copies of a stage, of every version, must agree on it.
func PartitionOf(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never returns an error
	return int(h.Sum32() % uint32(n))
}
