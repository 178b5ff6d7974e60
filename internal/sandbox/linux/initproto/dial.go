package initproto

// Dial asks for a connection to a port of the box's 127.0.0.1.
type Dial struct {
	ID   uint64 // the answer's; several may be under way
	Port uint16
	IPv6 bool // ::1 instead of 127.0.0.1
}

// Dialed answers whatever has an ID. The socket of a Dial need not be connected
// yet.
type Dialed struct {
	ID    uint64
	Errno uint32 // 0: it worked, and what was asked for comes with it
}

// Encode returns the message.
func (d *Dial) Encode() []byte {
	w := writer{byte(KindDial)}
	w.number(d.ID)
	w.number(uint64(d.Port))
	w.flag(d.IPv6)
	return w
}

// Decode fills d and reports whether the message is a whole Dial.
func (d *Dial) Decode(message []byte) bool {
	r := read(message, KindDial)
	d.ID, d.Port, d.IPv6 = r.number(), uint16(r.number()), r.flag()
	return r.whole()
}

// Encode returns the message.
func (d *Dialed) Encode() []byte {
	w := writer{byte(KindDialed)}
	w.number(d.ID)
	w.number(uint64(d.Errno))
	return w
}

// Decode fills d and reports whether the message is a whole Dialed.
func (d *Dialed) Decode(message []byte) bool {
	r := read(message, KindDialed)
	d.ID, d.Errno = r.number(), uint32(r.number())
	return r.whole()
}
