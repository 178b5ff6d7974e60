package logs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	openExt   = ".log"
	sealedExt = ".seg"
	tmpExt    = ".tmp"

	indexEntry   = 32
	indexTrailer = 16
	indexMagic   = 0x5845444e494c4245 // EBLINDEX

	// blockTarget is how much of a file one index entry stands for, at least.
	blockTarget = 64 << 10

	// longAgo is the sequence number before which everything an earlier process
	// wrote lies.
	longAgo = math.MinInt64 / 2
)

// segment is one file of a stream. The stream's mutex guards all of it; a
// segment that is not the active one no longer changes.
type segment struct {
	extent // of a .log that was not loaded yet: count 0
	number uint64
	path   string
	sealed bool
	size   int64 // bytes on disk
	// end is the sequence number after its last record. Numbers count a stream's
	// records within this process, from 0; earlier ones are negative.
	end     int64
	index   []block // of a .log; a sealed one keeps its index in its file
	started time.Time
}

// expired reports whether nothing of the segment is younger than cutoff.
func (g *segment) expired(cutoff time.Time) bool {
	return g.count > 0 && unixTime(g.max).Before(cutoff)
}

// grow adds a block at the end of the file.
func (g *segment) grow(bl block) {
	g.extent.join(bl.extent)
	g.size = bl.off + bl.size
	if n := len(g.index); n > 0 {
		last := &g.index[n-1]
		if last.off+last.size == bl.off && last.size+bl.size <= blockTarget {
			last.extent.join(bl.extent)
			last.size += bl.size
			return
		}
	}
	g.index = append(g.index, bl)
}

func openName(number uint64) string { return fmt.Sprintf("%010d%s", number, openExt) }

// sealedName carries what is needed to skip the file without opening it.
func sealedName(number uint64, x extent) string {
	return fmt.Sprintf("%010d-%016x-%016x%s", number, uint64(x.min), uint64(x.max), sealedExt)
}

// parseName reads a file's name; ok is false for names that are not ours.
func parseName(name string) (g *segment, ok bool) {
	if num, found := strings.CutSuffix(name, openExt); found {
		n, err := strconv.ParseUint(num, 10, 64)
		return &segment{number: n}, err == nil
	}
	rest, found := strings.CutSuffix(name, sealedExt)
	p := strings.Split(rest, "-")
	if !found || len(p) != 3 {
		return nil, false
	}
	n, err1 := strconv.ParseUint(p[0], 10, 64)
	lo, err2 := strconv.ParseUint(p[1], 16, 64)
	hi, err3 := strconv.ParseUint(p[2], 16, 64)
	// One record at least; how many is written in the index.
	x := extent{count: 1, min: int64(lo), max: int64(hi)}
	return &segment{number: n, extent: x, sealed: true, end: longAgo}, errors.Join(err1, err2, err3) == nil
}

// load reads a .log that an earlier process left and cuts off a torn tail.
func (g *segment) load() (damaged bool, err error) {
	b, err := os.ReadFile(g.path)
	if err != nil {
		return false, err
	}
	g.extent, g.index = extent{}, nil
	good, damaged := scan(b, g.grow)
	if good < int64(len(b)) {
		if err := os.Truncate(g.path, good); err != nil {
			return damaged, err
		}
	}
	g.size = good
	g.started = unixTime(g.min)
	return damaged, nil
}

// footer encodes the index that a sealed segment ends with: for each block u64
// offset, u32 length, u32 records with the top bit for sorted, i64 first and
// last time; then u32 blocks, u32 CRC-32C of them, u64 magic.
func footer(index []block) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, len(index)*indexEntry+indexTrailer)
	for _, bl := range index {
		count := uint32(bl.count)
		if bl.sorted {
			count |= 1 << 31
		}
		b = le.AppendUint64(b, uint64(bl.off))
		b = le.AppendUint32(b, uint32(bl.size))
		b = le.AppendUint32(b, count)
		b = le.AppendUint64(b, uint64(bl.min))
		b = le.AppendUint64(b, uint64(bl.max))
	}
	sum := checksum(b)
	b = le.AppendUint32(b, uint32(len(index)))
	b = le.AppendUint32(b, sum)
	return le.AppendUint64(b, indexMagic)
}

// readIndex reads a sealed segment's index. If that is damaged the frames are
// looked for one by one, and damaged is true.
func readIndex(f *os.File) (index []block, damaged bool, err error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if index, ok := readFooter(f, fi.Size()); ok {
		return index, false, nil
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, fi.Size()))
	if err != nil {
		return nil, true, err
	}
	scan(b, func(bl block) { index = append(index, bl) })
	return index, true, nil
}

func readFooter(f *os.File, size int64) ([]block, bool) {
	le := binary.LittleEndian
	var tr [indexTrailer]byte
	if size < indexTrailer {
		return nil, false
	}
	if _, err := f.ReadAt(tr[:], size-indexTrailer); err != nil || le.Uint64(tr[8:]) != indexMagic {
		return nil, false
	}
	n := int64(le.Uint32(tr[0:]))
	if n*indexEntry > size-indexTrailer {
		return nil, false
	}
	b := make([]byte, n*indexEntry)
	if _, err := f.ReadAt(b, size-indexTrailer-int64(len(b))); err != nil || checksum(b) != le.Uint32(tr[4:]) {
		return nil, false
	}
	index := make([]block, n)
	for i := range index {
		e := b[i*indexEntry:]
		count := le.Uint32(e[12:])
		index[i] = block{
			off: int64(le.Uint64(e)), size: int64(le.Uint32(e[8:])),
			extent: extent{
				count: int(count &^ (1 << 31)), sorted: count>>31 == 1,
				min: int64(le.Uint64(e[16:])), max: int64(le.Uint64(e[24:])),
			},
		}
	}
	return index, true
}

// syncFolder makes a rename in dir survive a crash of the machine.
func syncFolder(dir string) error {
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func unixTime(ns int64) time.Time { return time.Unix(0, ns).UTC() }
