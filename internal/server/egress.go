package server

import (
	"fmt"
	"net"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
)

// guard tells which ports are ebb's own, as soon as they are known.
func (n *node) guard(api, gateway, s3 net.Addr) {
	n.cfg.Egress.Guard.Own(append(portOf(api), portOf(s3)...), portOf(gateway))
}

func portOf(a net.Addr) []uint16 {
	if t, ok := a.(*net.TCPAddr); ok {
		return []uint16{t.AddrPort().Port()}
	}
	return nil
}

// validateMounts checks the folders that are offered.
func validateMounts(offers []ebb.MountOffer) error {
	names, points := make(map[string]bool), make(map[string]bool)
	for i := range offers {
		o := &offers[i]
		if err := o.Validate(); err != nil {
			return fmt.Errorf("mounts[%d].%w", i, err)
		}
		if names[o.Name] {
			return fmt.Errorf("mounts[%d].name: %s is there twice", i, o.Name)
		}
		if o.AccessPoint != "" && points[o.AccessPoint] {
			return fmt.Errorf("mounts[%d].accessPoint: %s is there twice", i, o.AccessPoint)
		}
		names[o.Name], points[o.AccessPoint] = true, true
	}
	return nil
}

// measureEgress adds to the metrics what left instances and what was not let.
func (n *node) measureEgress() {
	meter, ok := n.driver.(interface{ Egress() egress.Usage })
	if !ok {
		return
	}
	n.metrics.Gauge("ebb_egress_open", "Connections and UDP flows out of instances.", nil,
		func() float64 { return float64(meter.Egress().Open) })
	n.metrics.Count("ebb_egress_connections_total", "Connections and UDP flows made for instances.",
		func() float64 { return float64(meter.Egress().Connections) })
	n.metrics.Count("ebb_egress_denied_total", "Connections and names refused to instances.",
		func() float64 { return float64(meter.Egress().Denied) })
	n.metrics.Count("ebb_egress_sent_bytes_total", "Bytes out of instances.",
		func() float64 { return float64(meter.Egress().Sent) })
	n.metrics.Count("ebb_egress_received_bytes_total", "Bytes into instances.",
		func() float64 { return float64(meter.Egress().Received) })
}
