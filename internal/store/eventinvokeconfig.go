package store

import "github.com/ebb-faas/ebb/internal/ebb"

// eventSettings is the part of an EventInvokeConfig that is never searched for.
type eventSettings struct {
	MaxRetries *int   `json:"max_retries,omitempty"`
	MaxAgeS    *int   `json:"max_age_s,omitempty"`
	OnSuccess  string `json:"on_success,omitempty"`
	OnFailure  string `json:"on_failure,omitempty"`
}

const eventConfigColumns = "service, name, qualifier, last_modified, settings"

// PutEventInvokeConfig adds or replaces what a qualifier has. ErrMissing: there
// is no such function.
func (tx *Tx) PutEventInvokeConfig(c *ebb.EventInvokeConfig) error {
	settings, err := encode(eventSettings{c.MaxRetries, c.MaxAgeS, c.OnSuccess, c.OnFailure})
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO event_invoke_config ("+eventConfigColumns+`) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (service, name, qualifier) DO UPDATE SET last_modified = excluded.last_modified, settings = excluded.settings`,
		string(c.Service), c.Name, c.Qualifier, c.LastModified.UnixMilli(), settings)
	return err
}

// EventInvokeConfig returns what a qualifier has, or ErrNotFound.
func (tx *Tx) EventInvokeConfig(key ebb.FunctionKey, qualifier string) (*ebb.EventInvokeConfig, error) {
	var c *ebb.EventInvokeConfig
	err := tx.row("SELECT "+eventConfigColumns+" FROM event_invoke_config WHERE service = ? AND name = ? AND qualifier = ?",
		[]any{string(key.Service), key.Name, qualifier}, func(scan func(...any) error) (err error) {
			c, err = scanEventInvokeConfig(scan)
			return err
		})
	return c, err
}

// EventInvokeConfigs returns up to limit of a function's, by qualifier, whose
// qualifier is greater than after; first begins before "".
func (tx *Tx) EventInvokeConfigs(key ebb.FunctionKey, first bool, after string, limit int) ([]*ebb.EventInvokeConfig, error) {
	var cs []*ebb.EventInvokeConfig
	err := tx.rows("SELECT "+eventConfigColumns+` FROM event_invoke_config WHERE service = ? AND name = ?
		AND (qualifier > ? OR (qualifier = '' AND ? = 1)) ORDER BY qualifier LIMIT ?`,
		[]any{string(key.Service), key.Name, after, flag(first), limit}, func(scan func(...any) error) error {
			c, err := scanEventInvokeConfig(scan)
			cs = append(cs, c)
			return err
		})
	return cs, err
}

// DeleteEventInvokeConfig removes what a qualifier has, or answers ErrNotFound.
func (tx *Tx) DeleteEventInvokeConfig(key ebb.FunctionKey, qualifier string) error {
	n, err := tx.exec("DELETE FROM event_invoke_config WHERE service = ? AND name = ? AND qualifier = ?",
		string(key.Service), key.Name, qualifier)
	return changed(n, err)
}

func scanEventInvokeConfig(scan func(...any) error) (*ebb.EventInvokeConfig, error) {
	c := new(ebb.EventInvokeConfig)
	var modified int64
	var text string
	if err := scan(&c.Service, &c.Name, &c.Qualifier, &modified, &text); err != nil {
		return nil, err
	}
	var s eventSettings
	if err := decode("event_invoke_config.settings", text, &s); err != nil {
		return nil, err
	}
	c.LastModified = fromMillis(modified)
	c.MaxRetries, c.MaxAgeS, c.OnSuccess, c.OnFailure = s.MaxRetries, s.MaxAgeS, s.OnSuccess, s.OnFailure
	return c, nil
}
