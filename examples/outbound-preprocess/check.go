package outbound

import (
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Manifest is what the generator knows of the file it wrote.
type Manifest struct {
	Seed           int              `json:"seed"`
	Rows           int              `json:"rows"`
	Accepted       int              `json:"accepted"`
	CallsSHA256    string           `json:"calls_sha256"`
	StandardSHA256 string           `json:"standard_sha256"` // of all result rows, by line
	Repaired       []int            `json:"repaired"`
	Rejects        map[string][]int `json:"rejects"` // lines by reason
	DuplicateOf    map[string]int   `json:"duplicate_of"`
}

// ReadManifest reads the generator's manifest.json.
func ReadManifest(file string) (*Manifest, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &m, nil
}

// Check compares a run with what the generator seeded: every defect on its line
// and nothing else, every duplicate with its first line, and every standardised
// value of every good line.
func (m *Manifest) Check(r *Report) error {
	if r.Lines != m.Rows || r.Accepted != m.Accepted {
		return fmt.Errorf("%d lines with %d accepted, want %d with %d", r.Lines, r.Accepted, m.Rows, m.Accepted)
	}
	got := map[string][]int{}
	for _, reject := range r.Rejects {
		got[reject.Reason] = append(got[reject.Reason], reject.Line)
		if first, ok := m.DuplicateOf[strconv.Itoa(reject.Line)]; ok &&
			!strings.HasSuffix(reject.Detail, fmt.Sprintf(" line %d", first)) {
			return fmt.Errorf("line %d: %s, but it repeats line %d", reject.Line, reject.Detail, first)
		}
	}
	for reason := range got {
		if _, ok := m.Rejects[reason]; !ok {
			return fmt.Errorf("%d lines rejected as %s, none were seeded", len(got[reason]), reason)
		}
	}
	for reason, want := range m.Rejects {
		if err := sameLines(reason, got[reason], want); err != nil {
			return err
		}
	}
	if err := sameLines("repaired", r.Repaired, m.Repaired); err != nil {
		return err
	}
	sum, err := standardSum(r.Files)
	if err != nil {
		return err
	}
	if sum != m.StandardSHA256 {
		return fmt.Errorf("the standardised rows differ from what the generator knows: %s, want %s", sum, m.StandardSHA256)
	}
	return nil
}

func sameLines(what string, got, want []int) error {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got) || i < len(want) && want[i] < got[i]:
			return fmt.Errorf("%s: line %d was seeded, but not found", what, want[i])
		case i >= len(want) || got[i] < want[i]:
			return fmt.Errorf("%s: line %d was reported, but not seeded", what, got[i])
		}
	}
	return nil
}

// standardSum reads the result back from its files, checks that each row is in
// its right shard, and returns the SHA-256 of all rows in the order of lines.
func standardSum(files []string) (string, error) {
	type row struct {
		line int
		text string
	}
	var all []row
	for shard, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		err = eachRow(f, func(fields []string) error {
			line, err := strconv.Atoi(fields[0])
			if err != nil {
				return err
			}
			if want := int(crc32.ChecksumIEEE([]byte(fields[3])) % uint32(len(files))); want != shard {
				return fmt.Errorf("line %d belongs into shard %d", line, want)
			}
			all = append(all, row{line, strings.Join(fields, ",") + "\n"})
			return nil
		})
		_ = f.Close()
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
	}
	slices.SortFunc(all, func(a, b row) int { return cmp.Compare(a.line, b.line) })
	sum := sha256.New()
	for _, r := range all {
		_, _ = io.WriteString(sum, r.text) // a hash never fails
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func eachRow(in io.Reader, yield func([]string) error) error {
	r := csv.NewReader(in)
	r.FieldsPerRecord = len(resultColumns)
	r.ReuseRecord = true
	if header, err := r.Read(); err != nil || !slices.Equal(header, resultColumns) {
		return fmt.Errorf("header: %v %w", header, err)
	}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := yield(fields); err != nil {
			return err
		}
	}
}
