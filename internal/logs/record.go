package logs

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// A record is one entry as bytes, little-endian:
//
//	u32 length of what follows | i64 time, ns | u8 kind
//	| 4 × (u8 length, bytes): level, request, version, instance | text
const (
	recordFixed = 4 + 8 + 1 + 4
	maxField    = 255
)

// record is a parsed record; its slices point into the bytes it was parsed from.
type record struct {
	time                              int64
	kind                              Kind
	level, request, version, instance []byte
	text                              []byte
}

// appendRecord encodes e, which happened at t, and cuts what is too long.
func appendRecord(b []byte, e *Entry, t int64, maxLine int) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(t))
	b = append(b, byte(e.Kind))
	b = appendField(b, e.Level)
	b = appendField(b, string(e.Request))
	b = appendField(b, e.Version)
	b = appendField(b, string(e.Instance))
	if len(e.Text) <= maxLine {
		b = append(b, e.Text...)
	} else {
		b = append(b, wholeRunes(e.Text[:maxLine])...)
		b = append(b, "… [line cut: "...)
		b = strconv.AppendInt(b, int64(len(e.Text)), 10)
		b = append(b, " bytes]"...)
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendField(b []byte, s string) []byte {
	if len(s) > maxField {
		s = s[:maxField]
	}
	b = append(b, byte(len(s)))
	return append(b, s...)
}

// wholeRunes drops a character that a cut left incomplete.
func wholeRunes(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// recordSize is how many bytes e will take at most.
func recordSize(e *Entry, maxLine int) int {
	const cutMark = 48
	return recordFixed + len(e.Level) + len(e.Request) + len(e.Version) + len(e.Instance) +
		min(len(e.Text), maxLine+cutMark)
}

// parseRecord reads the first record of b and its length in bytes; ok is false
// if b does not begin with a whole record.
func parseRecord(b []byte) (r record, size int, ok bool) {
	if len(b) < recordFixed {
		return r, 0, false
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n)+4 > uint64(len(b)) || n < recordFixed-4 {
		return r, 0, false
	}
	size = int(n) + 4
	r.time = recordTime(b)
	r.kind = Kind(b[12])
	rest := b[13:size]
	for _, f := range []*[]byte{&r.level, &r.request, &r.version, &r.instance} {
		if len(rest) == 0 || int(rest[0]) > len(rest)-1 {
			return r, 0, false
		}
		end := 1 + int(rest[0])
		*f, rest = rest[1:end], rest[end:]
	}
	r.text = rest
	return r, size, true
}

func recordTime(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b[4:])) }

// reader turns records into entries. Neighbouring lines mostly share their
// strings, so the last ones are kept instead of made again.
type reader struct {
	level, request, version, instance string
}

func (rd *reader) entry(r *record) Entry {
	return Entry{
		Time:     unixTime(r.time),
		Kind:     r.kind,
		Level:    again(&rd.level, r.level),
		Request:  ebb.InvocationID(again(&rd.request, r.request)),
		Version:  again(&rd.version, r.version),
		Instance: ebb.InstanceID(again(&rd.instance, r.instance)),
		Text:     r.text,
	}
}

func again(last *string, b []byte) string {
	if *last != string(b) {
		*last = string(b)
	}
	return *last
}
