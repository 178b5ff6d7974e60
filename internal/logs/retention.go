package logs

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// SetRetention is how long lines of a service's functions are kept; 0 is
// Config.Retention. Queries go by it at once; what is on the disk goes with
// whole segments.
func (s *Store) SetRetention(service ebb.ServiceID, d time.Duration) {
	if d <= 0 {
		s.retentions.Delete(service)
		return
	}
	s.retentions.Store(service, d)
}

func (s *Store) retention(service ebb.ServiceID) time.Duration {
	if d, ok := s.retentions.Load(service); ok {
		return d.(time.Duration)
	}
	return s.cfg.Retention
}
