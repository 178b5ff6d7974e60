package initproto

// Encode returns the message.
func (c *Cradle) Encode() []byte {
	w := writer{byte(KindCradle)}
	w.number(c.ID)
	w.number(uint64(c.Landlock))
	w.texts(c.Writable)
	return w
}

// Decode fills c and reports whether the message is a whole Cradle.
func (c *Cradle) Decode(message []byte) bool {
	r := read(message, KindCradle)
	c.ID, c.Landlock, c.Writable = r.number(), uint32(r.number()), r.texts()
	return r.whole()
}

// Encode returns the message.
func (a *Adopt) Encode() []byte {
	w := writer{byte(KindAdopt)}
	w.number(a.ID)
	w.number(uint64(a.PID))
	return w
}

// Decode fills a and reports whether the message is a whole Adopt.
func (a *Adopt) Decode(message []byte) bool {
	r := read(message, KindAdopt)
	a.ID, a.PID = r.number(), uint32(r.number())
	return r.whole()
}
