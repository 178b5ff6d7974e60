package initproto

// Relay asks for the sockets of the box's way out: from now on what is not for
// the box itself arrives there. It takes privileges that ebb-init gives up when
// the process runs.
type Relay struct{ ID uint64 }

// Flow asks for a UDP socket that speaks as Local with Remote, both somewhere in
// the box's network.
type Flow struct {
	ID            uint64
	Local, Remote Address
}

// Address is an IP address, of 4 or 16 bytes, and a port.
type Address struct {
	IP   string
	Port uint16
}

// Encode returns the message.
func (m *Relay) Encode() []byte {
	w := writer{byte(KindRelay)}
	w.number(m.ID)
	return w
}

// Decode fills m and reports whether the message is a whole Relay.
func (m *Relay) Decode(message []byte) bool {
	r := read(message, KindRelay)
	m.ID = r.number()
	return r.whole()
}

// Encode returns the message.
func (m *Flow) Encode() []byte {
	w := writer{byte(KindFlow)}
	w.number(m.ID)
	for _, a := range [...]Address{m.Local, m.Remote} {
		w.text(a.IP)
		w.number(uint64(a.Port))
	}
	return w
}

// Decode fills m and reports whether the message is a whole Flow.
func (m *Flow) Decode(message []byte) bool {
	r := read(message, KindFlow)
	m.ID = r.number()
	for _, a := range [...]*Address{&m.Local, &m.Remote} {
		a.IP, a.Port = r.text(), uint16(r.number())
		if len(a.IP) != 4 && len(a.IP) != 16 {
			r.broken = true
		}
	}
	return r.whole()
}
