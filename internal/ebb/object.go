package ebb

import (
	"encoding/json"
	"time"
)

// ObjectEvent is something that happened to an object of a bucket.
type ObjectEvent struct {
	Name      string    `json:"name"` // "ObjectCreated:Put", as records have it
	Bucket    string    `json:"bucket"`
	Owner     string    `json:"owner,omitempty"` // of the bucket: a service, or who an external store says
	Key       string    `json:"key"`             // as it is, not escaped
	Size      int64     `json:"size,omitempty"`
	ETag      string    `json:"etag,omitempty"` // without quotes
	Version   string    `json:"version,omitempty"`
	Sequencer string    `json:"sequencer,omitempty"`
	Time      time.Time `json:"time"`
	Principal string    `json:"principal,omitempty"`
	SourceIP  string    `json:"sourceIP,omitempty"`
	RequestID string    `json:"requestID,omitempty"`
	HostID    string    `json:"hostID,omitempty"`
	Region    string    `json:"region,omitempty"` // "" = the platform's
	// Glacier is what the record of an object that was restored from an archive has
	// besides, as it came.
	Glacier json.RawMessage `json:"glacier,omitempty"`
}

// Removed reports whether the object, or its newest version, is gone.
func (e *ObjectEvent) Removed() bool {
	return len(e.Name) > 14 && e.Name[:14] == "ObjectRemoved:"
}
