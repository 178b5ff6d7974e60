package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Kinds of telemetry.
const (
	TelemetryPlatform  = "platform"
	TelemetryFunction  = "function"
	TelemetryExtension = "extension"
)

const (
	telemetryHost     = "sandbox.localdomain"
	telemetryPending  = 4                      // times maxBytes: what is kept for a subscriber who does not take it
	telemetryPatience = 5 * time.Second        // for it to take a batch
	telemetryFarewell = 500 * time.Millisecond // for it to take what is left at the end
	telemetryPause    = 100 * time.Millisecond // after it refused one
)

// telemetry sends what happens in an instance to those who subscribed to it.
type telemetry struct {
	dial func(ctx context.Context, port int) (net.Conn, error)
	life context.Context // ends when nothing is sent any more
	end  context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	subs   []*subscription
	closed bool // nobody may subscribe any more
}

// subscription is what one extension wants to know.
type subscription struct {
	t      *telemetry
	id     string // of the extension
	types  []string
	url    string
	most   buffering
	client *http.Client
	life   context.Context // ends when nothing is sent any more, or another took its place
	end    context.CancelFunc

	mu      sync.Mutex
	batch   [][]byte
	bytes   int
	since   time.Time // when the oldest of batch came
	dropped int       // records
	lost    int       // bytes of them
	last    bool      // what is there is all there will be
	wake    chan struct{}
}

// buffering is when a batch is sent: at the first of these.
type buffering struct {
	Items   int `json:"maxItems"`
	Bytes   int `json:"maxBytes"`
	Timeout int `json:"timeoutMs"`
}

func (t *telemetry) init(dial func(ctx context.Context, port int) (net.Conn, error)) {
	t.dial = dial
	t.life, t.end = context.WithCancel(context.Background())
}

// subscribe takes a subscription of an extension.
func (e *Extensions) subscribe(c *httpConn, r *request) {
	body, tooLarge, err := c.readBody(r, maxRegisterBody)
	e.mu.Lock()
	x, no := e.who(r)
	e.mu.Unlock()
	if no != nil {
		refuse(c, no)
		return
	}
	var sub *subscription
	if tooLarge {
		err = fmt.Errorf("it is larger than %d bytes", maxRegisterBody)
	} else if err == nil {
		sub, err = e.telemetry.parse(body)
	}
	if err != nil {
		refuse(c, &refusal{http.StatusBadRequest, "ValidationError", fmt.Sprintf("The subscription is not valid: %v", err)})
		return
	}
	sub.id = x.id
	if !e.telemetry.add(sub) {
		refuse(c, forbidden("Telemetry.SubscriptionClosed", "The initialisation is over: nothing more can be subscribed to"))
		return
	}
	// Before the answer: what the extension does next comes after it.
	e.Platform("platform.telemetrySubscription", map[string]any{"name": x.name, "state": "Subscribed", "types": sub.types})
	c.text(http.StatusOK, "OK")
}

// parse reads a subscription, with Lambda's defaults and limits.
func (t *telemetry) parse(body []byte) (*subscription, error) {
	var asked struct {
		Schema      string                         `json:"schemaVersion"`
		Destination struct{ Protocol, URI string } `json:"destination"`
		Types       []string                       `json:"types"`
		Buffering   *buffering                     `json:"buffering"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"2022-07-01", "2022-12-13", "2025-01-29"}, asked.Schema) {
		return nil, fmt.Errorf("schemaVersion: %.40q is unknown", asked.Schema)
	}
	if asked.Destination.Protocol != "HTTP" {
		return nil, fmt.Errorf("destination.protocol: %.40q; only HTTP is offered", asked.Destination.Protocol)
	}
	u, err := url.Parse(asked.Destination.URI)
	if err != nil || u.Scheme != "http" || u.Hostname() != telemetryHost {
		return nil, fmt.Errorf("destination.URI: must be http://%s:PORT/…", telemetryHost)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("destination.URI: the port is missing")
	}
	for _, typ := range asked.Types {
		if typ != TelemetryPlatform && typ != TelemetryFunction && typ != TelemetryExtension {
			return nil, fmt.Errorf("types: %.40q is unknown", typ)
		}
	}
	if len(asked.Types) == 0 {
		return nil, fmt.Errorf("types: none is named")
	}
	sub := &subscription{t: t, types: asked.Types, url: u.String(), most: buffering{10000, 262144, 1000}, wake: make(chan struct{}, 1)}
	if asked.Buffering != nil {
		if err := sub.most.take(*asked.Buffering); err != nil {
			return nil, err
		}
	}
	sub.life, sub.end = context.WithCancel(t.life)
	sub.client = &http.Client{
		Transport: &http.Transport{
			DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dial(ctx, int(port)) },
			MaxResponseHeaderBytes: largeHead,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return sub, nil
}

// take takes what was asked for; 0 leaves the default.
func (b *buffering) take(asked buffering) error {
	for _, one := range []struct {
		name        string
		asked       int
		least, most int
		set         *int
	}{
		{"maxItems", asked.Items, 1000, 10000, &b.Items}, {"maxBytes", asked.Bytes, 262144, 1048576, &b.Bytes},
		{"timeoutMs", asked.Timeout, 25, 30000, &b.Timeout},
	} {
		if one.asked == 0 {
			continue
		}
		if one.asked < one.least || one.asked > one.most {
			return fmt.Errorf("buffering.%s: must be between %d and %d", one.name, one.least, one.most)
		}
		*one.set = one.asked
	}
	return nil
}

// add begins a subscription, in place of an earlier one of the same extension: that
// ends at once, and what it has not sent goes to the new one. Else who subscribes
// again and again, and takes nothing, would have as many senders.
func (t *telemetry) add(sub *subscription) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		sub.end()
		return false
	}
	t.subs = slices.DeleteFunc(t.subs, func(old *subscription) bool {
		if old.id == sub.id {
			old.end()
			sub.inherit(old)
		}
		return old.id == sub.id
	})
	t.subs = append(t.subs, sub)
	t.work.Go(sub.run)
	return true
}

// shut takes no further subscriptions.
func (t *telemetry) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// close sends what is left, for a short while, and returns when nothing runs.
func (t *telemetry) close() {
	t.mu.Lock()
	t.closed = true
	for _, sub := range t.subs {
		sub.finish()
	}
	t.subs = nil
	t.mu.Unlock()
	timer := time.AfterFunc(telemetryFarewell, t.end)
	t.work.Wait()
	timer.Stop()
	t.end()
}

// Platform tells subscribers of something that the platform did.
func (e *Extensions) Platform(typ string, record any) {
	e.telemetry.emit(TelemetryPlatform, typ, record)
}

// Line tells subscribers of a line that the function or an extension wrote.
func (e *Extensions) Line(kind string, line []byte) {
	e.telemetry.emit(kind, kind, string(line))
}

// emit queues an event for those who subscribed to its kind.
func (t *telemetry) emit(kind, typ string, record any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var event []byte
	for _, sub := range t.subs {
		if !slices.Contains(sub.types, kind) {
			continue
		}
		if event == nil {
			event = telemetryEvent(typ, record)
		}
		sub.put(event)
	}
}

func telemetryEvent(typ string, record any) []byte {
	event, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), typ, record})
	if err != nil { // texts, numbers and lists of them always marshal
		panic(err)
	}
	return event
}

// registered tells of an extension.
func (t *telemetry) registered(x *extension) {
	t.emit(TelemetryPlatform, "platform.extension", map[string]any{"name": x.name, "state": "Ready", "events": x.events})
}

// put adds an event, unless there is too much already that nobody took.
func (s *subscription) put(event []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+len(event) > telemetryPending*s.most.Bytes {
		s.dropped, s.lost = s.dropped+1, s.lost+len(event)
		return
	}
	if len(s.batch) == 0 {
		s.since = time.Now()
	}
	s.batch, s.bytes = append(s.batch, event), s.bytes+len(event)
	s.call()
}

// inherit takes over what old has not sent. It may be sending some of that just now,
// which then comes twice.
func (s *subscription) inherit(old *subscription) {
	old.mu.Lock()
	batch, dropped, lost := old.batch, old.dropped, old.lost
	old.batch, old.bytes, old.last = nil, 0, true
	old.mu.Unlock()
	for _, event := range batch {
		s.put(event)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped, s.lost = s.dropped+dropped, s.lost+lost
}

// finish says that nothing more will come.
func (s *subscription) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = true
	s.call()
}

func (s *subscription) call() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run sends batches until all is sent.
func (s *subscription) run() {
	defer s.end()
	defer s.client.CloseIdleConnections()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		body, n, wait, done := s.due(time.Now())
		if done || s.life.Err() != nil {
			return
		}
		if body != nil {
			if s.send(body) && s.life.Err() == nil {
				s.sent(n)
				continue
			}
			wait = telemetryPause
		}
		timer.Reset(wait)
		select {
		case <-s.wake:
		case <-timer.C:
		case <-s.life.Done():
		}
	}
}

// due returns the batch that is to be sent now and how many events it has, or how
// long to wait for one.
func (s *subscription) due(now time.Time) (body []byte, n int, wait time.Duration, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped > 0 {
		event := telemetryEvent("platform.logsDropped", map[string]any{
			"reason": "The subscriber did not take them in time", "droppedRecords": s.dropped, "droppedBytes": s.lost})
		s.batch, s.bytes = append(s.batch, event), s.bytes+len(event)
		s.dropped, s.lost = 0, 0
	}
	if len(s.batch) == 0 {
		return nil, 0, time.Hour, s.last
	}
	wait = time.Duration(s.most.Timeout)*time.Millisecond - now.Sub(s.since)
	if wait > 0 && !s.last && len(s.batch) < s.most.Items && s.bytes < s.most.Bytes {
		return nil, 0, wait, false
	}
	size := 0
	for n < len(s.batch) && n < s.most.Items && (n == 0 || size+len(s.batch[n]) <= s.most.Bytes) {
		size += len(s.batch[n])
		n++
	}
	body = append([]byte{'['}, bytes.Join(s.batch[:n], []byte{','})...)
	return append(body, ']'), n, 0, false
}

// sent forgets the events that were sent.
func (s *subscription) sent(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, len(s.batch)) // none is left if another took its place meanwhile
	for _, event := range s.batch[:n] {
		s.bytes -= len(event)
	}
	s.batch = slices.Delete(s.batch, 0, n)
	s.since = time.Now()
}

// send posts a batch.
func (s *subscription) send(body []byte) bool {
	ctx, cancel := context.WithTimeout(s.life, telemetryPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode < http.StatusInternalServerError
}
