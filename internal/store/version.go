package store

import (
	"github.com/ebb-faas/ebb/internal/ebb"
)

// versionSettings is the part of a version that is never searched for.
// Fields may be added; a missing one reads as its zero value.
type versionSettings struct {
	Description  string            `json:"description,omitempty"`
	Handler      string            `json:"handler,omitempty"`
	Role         string            `json:"role,omitempty"`
	MemoryMB     int               `json:"memory_mb"`
	TimeoutS     int               `json:"timeout_s"`
	TmpMB        int               `json:"tmp_mb"`
	Architecture string            `json:"architecture"`
	PackageType  string            `json:"package_type"`
	Env          map[string]string `json:"env,omitempty"`
	LogFormat    string            `json:"log_format"`
	DeadLetter   string            `json:"dead_letter,omitempty"`
	StateReason  string            `json:"state_reason,omitempty"`
	Image        *ebb.Image        `json:"image,omitempty"`
	Layers       []ebb.Layer       `json:"layers,omitempty"`
	FileSystems  []ebb.FileSystem  `json:"file_systems,omitempty"`
	PerTenant    bool              `json:"per_tenant,omitempty"`
}

const versionColumns = `service, name, number, revision_id, runtime, code_digest, code_size,
	state, update_status, last_modified, settings`

// NextVersionNumber counts a function's published versions up and returns the
// new number. Numbers start at 1 and are never given out twice, not even after
// the function was deleted and made again.
func (tx *Tx) NextVersionNumber(key ebb.FunctionKey) (n int64, err error) {
	err = tx.row(`INSERT INTO version_number (service, name, last) VALUES (?, ?, 1)
		ON CONFLICT (service, name) DO UPDATE SET last = version_number.last + 1
		RETURNING last`, []any{string(key.Service), key.Name},
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// InsertVersion adds a version of an existing function. ErrExists: the number
// is taken. ErrMissing: there is no such function.
func (tx *Tx) InsertVersion(v *ebb.Version) error {
	settings, err := encodeSettings(v)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO version ("+versionColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		string(v.Service), v.Name, v.Number, v.RevisionID, v.Runtime, string(v.Code.Digest), v.Code.Size,
		v.State, v.UpdateStatus, v.LastModified.UnixMilli(), settings)
	if err != nil {
		return err
	}
	return tx.setVersionLayers(v, false)
}

// UpdateVersion replaces everything of version v.Number if its revision still
// is was, else answers ErrChanged (also when it does not exist).
func (tx *Tx) UpdateVersion(v *ebb.Version, was string) error {
	settings, err := encodeSettings(v)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE version SET revision_id = ?, runtime = ?, code_digest = ?, code_size = ?,
		state = ?, update_status = ?, last_modified = ?, settings = ?
		WHERE service = ? AND name = ? AND number = ? AND revision_id = ?`,
		v.RevisionID, v.Runtime, string(v.Code.Digest), v.Code.Size,
		v.State, v.UpdateStatus, v.LastModified.UnixMilli(), settings,
		string(v.Service), v.Name, v.Number, was)
	if err == nil && n == 0 {
		return ErrChanged
	}
	if err != nil {
		return err
	}
	return tx.setVersionLayers(v, true)
}

// Version returns one version (0 is $LATEST), or ErrNotFound.
func (tx *Tx) Version(key ebb.FunctionKey, number int64) (*ebb.Version, error) {
	return tx.version("SELECT "+versionColumns+" FROM version WHERE service = ? AND name = ? AND number = ?",
		string(key.Service), key.Name, number)
}

// LastVersion returns the published version with the highest number still
// there, or ErrNotFound.
func (tx *Tx) LastVersion(key ebb.FunctionKey) (*ebb.Version, error) {
	return tx.version("SELECT "+versionColumns+` FROM version WHERE service = ? AND name = ? AND number > 0
		ORDER BY number DESC LIMIT 1`, string(key.Service), key.Name)
}

// Versions returns up to limit versions with a number greater than after, in
// order; after = -1 begins with $LATEST.
func (tx *Tx) Versions(key ebb.FunctionKey, after int64, limit int) ([]*ebb.Version, error) {
	return tx.versions("SELECT "+versionColumns+` FROM version
		WHERE service = ? AND name = ? AND number > ? ORDER BY number LIMIT ?`,
		string(key.Service), key.Name, after, limit)
}

// LatestVersions returns up to limit $LATEST versions of a service whose
// function's name is greater than after, by name.
func (tx *Tx) LatestVersions(service ebb.ServiceID, after string, limit int) ([]*ebb.Version, error) {
	return tx.versions("SELECT "+versionColumns+` FROM version
		WHERE service = ? AND name > ? AND number = 0 ORDER BY name LIMIT ?`,
		string(service), after, limit)
}

// AllVersions returns up to limit versions of a service that come after
// (name, number), by name and number.
func (tx *Tx) AllVersions(service ebb.ServiceID, name string, number int64, limit int) ([]*ebb.Version, error) {
	return tx.versions("SELECT "+versionColumns+` FROM version
		WHERE service = ? AND (name, number) > (?, ?) ORDER BY name, number LIMIT ?`,
		string(service), name, number, limit)
}

// DeleteVersion removes one version, or answers ErrNotFound; ErrMissing if an
// alias points to it.
func (tx *Tx) DeleteVersion(key ebb.FunctionKey, number int64) error {
	n, err := tx.exec("DELETE FROM version WHERE service = ? AND name = ? AND number = ?",
		string(key.Service), key.Name, number)
	return changed(n, err)
}

// Runtimes calls each with every runtime that some version names and the memory
// it has, once each. Web functions do not count: their command runs, not the
// runtime's.
func (tx *Tx) Runtimes(each func(runtime string, memoryMB int)) error {
	type pair struct {
		runtime  string
		memoryMB int
	}
	seen := map[pair]bool{}
	return tx.rows("SELECT DISTINCT runtime, settings FROM version", nil, func(scan func(...any) error) error {
		var p pair
		var text string
		if err := scan(&p.runtime, &text); err != nil {
			return err
		}
		// The engines do not agree on how to look into JSON.
		var s struct {
			MemoryMB int               `json:"memory_mb"`
			Env      map[string]string `json:"env"`
		}
		if err := decode("version.settings", text, &s); err != nil {
			return err
		}
		web := (&ebb.Version{Env: s.Env}).WebPort() > 0
		if p.memoryMB = s.MemoryMB; !web && !seen[p] {
			seen[p] = true
			each(p.runtime, p.memoryMB)
		}
		return nil
	})
}

// CodeDigests calls each with the digest of every package and image in use, once
// each.
func (tx *Tx) CodeDigests(each func(ebb.Digest)) error {
	return tx.rows("SELECT code_digest FROM version UNION SELECT digest FROM runtime", nil, func(scan func(...any) error) error {
		var d string
		if err := scan(&d); err != nil {
			return err
		}
		each(ebb.Digest(d))
		return nil
	})
}

// CodeBytes returns what a service's packages and layers take, zipped, each
// counted once however many versions use it; and whether digest is among them.
func (tx *Tx) CodeBytes(service ebb.ServiceID, digest ebb.Digest) (bytes int64, among bool, err error) {
	var n int
	err = tx.row(`SELECT coalesce(sum(code_size), 0), count(CASE WHEN code_digest = ? THEN 1 END) FROM
		(SELECT code_digest, code_size FROM version WHERE service = ?
		UNION SELECT code_digest, code_size FROM layer_version WHERE service = ?) AS used`,
		[]any{string(digest), string(service), string(service)},
		func(scan func(...any) error) error { return scan(&bytes, &n) })
	return bytes, n > 0, err
}

func (tx *Tx) version(query string, args ...any) (*ebb.Version, error) {
	var v *ebb.Version
	err := tx.row(query, args, func(scan func(...any) error) (err error) {
		v, err = scanVersion(scan)
		return err
	})
	return v, err
}

func (tx *Tx) versions(query string, args ...any) ([]*ebb.Version, error) {
	var vs []*ebb.Version
	err := tx.rows(query, args, func(scan func(...any) error) error {
		v, err := scanVersion(scan)
		vs = append(vs, v)
		return err
	})
	return vs, err
}

func scanVersion(scan func(...any) error) (*ebb.Version, error) {
	v := new(ebb.Version)
	var modified int64
	var text string
	if err := scan(&v.Service, &v.Name, &v.Number, &v.RevisionID, &v.Runtime, &v.Code.Digest, &v.Code.Size,
		&v.State, &v.UpdateStatus, &modified, &text); err != nil {
		return nil, err
	}
	v.LastModified = fromMillis(modified)
	var s versionSettings
	if err := decode("version.settings", text, &s); err != nil {
		return nil, err
	}
	v.Description, v.Handler, v.Role = s.Description, s.Handler, s.Role
	v.MemoryMB, v.TimeoutS, v.TmpMB = s.MemoryMB, s.TimeoutS, s.TmpMB
	v.Architecture, v.PackageType, v.Env = s.Architecture, s.PackageType, s.Env
	v.LogFormat, v.StateReason, v.Image = s.LogFormat, s.StateReason, s.Image
	v.Layers, v.PerTenant = s.Layers, s.PerTenant
	v.DeadLetter, v.FileSystems = s.DeadLetter, s.FileSystems
	return v, nil
}

func encodeSettings(v *ebb.Version) (string, error) {
	return encode(versionSettings{
		Description: v.Description, Handler: v.Handler, Role: v.Role,
		MemoryMB: v.MemoryMB, TimeoutS: v.TimeoutS, TmpMB: v.TmpMB,
		Architecture: v.Architecture, PackageType: v.PackageType, Env: v.Env,
		LogFormat: v.LogFormat, DeadLetter: v.DeadLetter, StateReason: v.StateReason, Image: v.Image,
		Layers: v.Layers, FileSystems: v.FileSystems, PerTenant: v.PerTenant,
	})
}
