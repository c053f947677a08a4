package kafka

// Full says whether so much is waiting for a batch that Append might refuse, so
// that a server need not read what it could not write.
func (p *Producer) Full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes+MaxBatchBytes > p.cfg.MaxPending
}
