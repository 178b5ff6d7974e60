package logs

// Stats is what a store has done since Open and holds now.
type Stats struct {
	Lines     int64 // appended and kept
	Bytes     int64 // of their records
	Dropped   int64 // lines that found the buffers full
	Cut       int64 // lines longer than MaxLine
	Buffered  int64 // bytes in memory, not yet written
	Disk      int64 // bytes of all segments
	Segments  int   // files
	Functions int   // streams
	Damaged   int64 // segments with something unreadable in them
	Failures  int64 // writes the disk refused
}

// Stats counts over all streams.
func (s *Store) Stats() Stats {
	st := Stats{
		Dropped: s.dropped.Load(), Buffered: s.buffered.Load(), Disk: s.disk.Load(),
		Damaged: s.damaged.Load(), Failures: s.failures.Load(),
	}
	for _, t := range s.all() {
		t.mu.Lock()
		st.Lines += t.lines
		st.Bytes += t.bytes
		st.Cut += t.cut
		st.Segments += len(t.segments)
		t.mu.Unlock()
		st.Functions++
	}
	return st
}
