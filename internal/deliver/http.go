package deliver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// HTTP posts deliveries to endpoints. A status of 2xx is a delivery; redirects
// are not followed.
type HTTP struct {
	client *http.Client
}

// NewHTTP makes the target.
func NewHTTP(cfg HTTPConfig) *HTTP {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultHTTPTimeout
	}
	dialer := &net.Dialer{Timeout: cfg.Timeout, Control: func(_, address string, _ syscall.RawConn) error {
		if err := Reachable(address, cfg.Private); err != nil {
			return fmt.Errorf("%w; deliver.http.private does not allow it", err)
		}
		return nil
	}}
	return &HTTP{client: &http.Client{
		Timeout:       cfg.Timeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 16, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Reachable keeps those who may name an endpoint from reaching what only this
// machine should reach: itself, and the link-local addresses where clouds have
// their credentials. The address is the one dialled, whatever name led to it.
func Reachable(address string, private []netip.Prefix) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified() && !ip.IsMulticast() {
		return nil
	}
	for _, p := range private {
		if p.Contains(ip) {
			return nil
		}
	}
	return fmt.Errorf("%s is an address of this machine or link-local", ip)
}

// Check implements Target.
func (h *HTTP) Check(ebb.Target) error { return nil }

// Deliver implements Target.
func (h *HTTP) Deliver(ctx context.Context, t ebb.Target, d *Delivery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(d.Content))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Ebb-Request-Id", string(d.Request))
	if d.Trace != "" {
		req.Header.Set("X-Amzn-Trace-Id", d.Trace)
	}
	for name, value := range d.Attributes {
		req.Header.Set("X-Ebb-Attribute-"+name, oneLine(value))
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection is used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", t.URL, resp.Status)
	}
	return nil
}

// Close implements Target.
func (h *HTTP) Close() error {
	h.client.CloseIdleConnections()
	return nil
}

// oneLine is text as a header can have it.
func oneLine(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}
