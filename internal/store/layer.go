package store

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// layerSettings is the part of a layer version that is never searched for.
type layerSettings struct {
	Description string `json:"description,omitempty"`
	License     string `json:"license,omitempty"`
}

const layerColumns = "service, name, number, code_digest, code_size, runtimes, architectures, created_at, settings"

// NextLayerNumber counts a layer's versions up and returns the new number, from
// 1. Like a version's it is never given out twice.
func (tx *Tx) NextLayerNumber(key ebb.LayerKey) (n int64, err error) {
	err = tx.row(`INSERT INTO layer_number (service, name, last) VALUES (?, ?, 1)
		ON CONFLICT (service, name) DO UPDATE SET last = layer_number.last + 1
		RETURNING last`, []any{string(key.Service), key.Name},
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// InsertLayerVersion adds a version of a layer. ErrExists: the number is taken.
func (tx *Tx) InsertLayerVersion(l *ebb.LayerVersion) error {
	settings, err := encode(layerSettings{Description: l.Description, License: l.License})
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO layer_version ("+layerColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		string(l.Service), l.Name, l.Number, string(l.Code.Digest), l.Code.Size,
		encodeWords(l.Runtimes), encodeWords(l.Architectures), l.CreatedAt.UnixMilli(), settings)
	return err
}

// LayerVersion returns one version of a layer, or ErrNotFound.
func (tx *Tx) LayerVersion(key ebb.LayerKey, number int64) (*ebb.LayerVersion, error) {
	var l *ebb.LayerVersion
	err := tx.row("SELECT "+layerColumns+" FROM layer_version WHERE service = ? AND name = ? AND number = ?",
		[]any{string(key.Service), key.Name, number}, func(scan func(...any) error) (err error) {
			l, err = scanLayerVersion(scan)
			return err
		})
	return l, err
}

// LayerFilter chooses layer versions by what they say they are made for. "" is
// any.
type LayerFilter struct {
	Runtime      string
	Architecture string
}

// LayerVersions returns up to limit versions of a layer that filter lets
// through and whose number is less than before, newest first; before = 0 begins
// with the newest.
func (tx *Tx) LayerVersions(key ebb.LayerKey, filter LayerFilter, before int64, limit int) ([]*ebb.LayerVersion, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return tx.layerVersions("SELECT "+layerColumns+` FROM layer_version
		WHERE service = ? AND name = ? AND number < ? AND runtimes LIKE ? ESCAPE '\' AND architectures LIKE ? ESCAPE '\'
		ORDER BY number DESC LIMIT ?`,
		string(key.Service), key.Name, before, likeWord(filter.Runtime), likeWord(filter.Architecture), limit)
}

// Layers returns the newest version that filter lets through of up to limit
// layers of a service whose name is greater than after, by name.
func (tx *Tx) Layers(service ebb.ServiceID, filter LayerFilter, after string, limit int) ([]*ebb.LayerVersion, error) {
	runtime, architecture := likeWord(filter.Runtime), likeWord(filter.Architecture)
	return tx.layerVersions("SELECT "+layerColumns+` FROM layer_version AS l
		WHERE service = ? AND name > ? AND number = (SELECT max(number) FROM layer_version AS o
			WHERE o.service = l.service AND o.name = l.name
			AND o.runtimes LIKE ? ESCAPE '\' AND o.architectures LIKE ? ESCAPE '\')
		ORDER BY name LIMIT ?`,
		string(service), after, runtime, architecture, limit)
}

// DeleteLayerVersion removes one version of a layer with its policy, or answers
// ErrNotFound. Versions of functions that have it keep it.
func (tx *Tx) DeleteLayerVersion(key ebb.LayerKey, number int64) error {
	n, err := tx.exec("DELETE FROM layer_version WHERE service = ? AND name = ? AND number = ?",
		string(key.Service), key.Name, number)
	return changed(n, err)
}

// LayerDigests calls each with the digest of the content of every layer version,
// and of every layer that a function's version has. One may come twice.
func (tx *Tx) LayerDigests(each func(ebb.Digest)) error {
	return tx.rows("SELECT code_digest FROM layer_version UNION SELECT code_digest FROM version_layer", nil,
		func(scan func(...any) error) error {
			var d string
			if err := scan(&d); err != nil {
				return err
			}
			each(ebb.Digest(d))
			return nil
		})
}

// setVersionLayers writes down which content v's layers have.
func (tx *Tx) setVersionLayers(v *ebb.Version, old bool) error {
	if old {
		if _, err := tx.exec("DELETE FROM version_layer WHERE service = ? AND name = ? AND number = ?",
			string(v.Service), v.Name, v.Number); err != nil {
			return err
		}
	}
	for _, l := range v.Layers {
		// Two layers may have the same content.
		if _, err := tx.exec(`INSERT INTO version_layer (service, name, number, code_digest) VALUES (?, ?, ?, ?)
			ON CONFLICT (service, name, number, code_digest) DO NOTHING`,
			string(v.Service), v.Name, v.Number, string(l.Code.Digest)); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) layerVersions(query string, args ...any) ([]*ebb.LayerVersion, error) {
	var ls []*ebb.LayerVersion
	err := tx.rows(query, args, func(scan func(...any) error) error {
		l, err := scanLayerVersion(scan)
		ls = append(ls, l)
		return err
	})
	return ls, err
}

func scanLayerVersion(scan func(...any) error) (*ebb.LayerVersion, error) {
	l := new(ebb.LayerVersion)
	var created int64
	var runtimes, architectures, text string
	if err := scan(&l.Service, &l.Name, &l.Number, &l.Code.Digest, &l.Code.Size,
		&runtimes, &architectures, &created, &text); err != nil {
		return nil, err
	}
	var s layerSettings
	if err := decode("layer_version.settings", text, &s); err != nil {
		return nil, err
	}
	l.Description, l.License, l.CreatedAt = s.Description, s.License, fromMillis(created)
	l.Runtimes, l.Architectures = strings.Fields(runtimes), strings.Fields(architectures)
	return l, nil
}

// encodeWords puts a space on both sides of each word, so that one can be
// searched for whole.
func encodeWords(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ") + " "
}

// likeWord is the pattern of LIKE that finds a word of encodeWords; of "" it is
// any.
func likeWord(word string) string {
	if word == "" {
		return "%"
	}
	return "% " + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word) + " %"
}
