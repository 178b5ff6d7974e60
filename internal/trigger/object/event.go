package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// document is what a target gets.
type document struct {
	Records []record `json:"Records"`
}

// record is one of S3's event records, with its members in S3's order.
type record struct {
	EventVersion      string            `json:"eventVersion"`
	EventSource       string            `json:"eventSource"`
	AWSRegion         string            `json:"awsRegion"`
	EventTime         string            `json:"eventTime"`
	EventName         string            `json:"eventName"`
	UserIdentity      principal         `json:"userIdentity"`
	RequestParameters map[string]string `json:"requestParameters"`
	ResponseElements  map[string]string `json:"responseElements"`
	S3                recordS3          `json:"s3"`
	GlacierEventData  json.RawMessage   `json:"glacierEventData,omitempty"`
}

type principal struct {
	PrincipalID string `json:"principalId"`
}

type recordS3 struct {
	SchemaVersion   string       `json:"s3SchemaVersion"`
	ConfigurationID string       `json:"configurationId"`
	Bucket          recordBucket `json:"bucket"`
	Object          recordObject `json:"object"`
}

type recordBucket struct {
	Name          string    `json:"name"`
	OwnerIdentity principal `json:"ownerIdentity"`
	ARN           string    `json:"arn"`
}

type recordObject struct {
	Key       string `json:"key"`
	Size      *int64 `json:"size,omitempty"`
	ETag      string `json:"eTag,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	Sequencer string `json:"sequencer,omitempty"`
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// escape spells a key as records have it: as a form's value is, but with slashes.
func escape(key string) string { return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/") }

// shape makes the record of an event. Which members an object has depends on what
// happened to it, as with S3.
func (k *Kind) shape(s *Settings, e *ebb.ObjectEvent) record {
	region := e.Region
	if region == "" {
		region = k.deps.Region
	}
	r := record{
		EventVersion: "2.1", EventSource: "aws:s3", AWSRegion: region, EventTime: e.Time.UTC().Format(timeFormat), EventName: e.Name,
		UserIdentity:      principal{e.Principal},
		RequestParameters: map[string]string{"sourceIPAddress": e.SourceIP},
		ResponseElements:  map[string]string{"x-amz-request-id": e.RequestID, "x-amz-id-2": e.HostID},
		S3: recordS3{SchemaVersion: "1.0", ConfigurationID: s.ID,
			Bucket: recordBucket{Name: e.Bucket, OwnerIdentity: principal{e.Owner}, ARN: "arn:aws:s3:::" + e.Bucket},
			Object: recordObject{Key: escape(e.Key), VersionID: e.Version, Sequencer: e.Sequencer}},
		GlacierEventData: e.Glacier,
	}
	o := &r.S3.Object
	switch kind, word, _ := strings.Cut(e.Name, ":"); {
	case kind == "ObjectTagging" || kind == "ObjectAcl":
		r.EventVersion, o.ETag, o.Sequencer = "2.3", e.ETag, ""
	case word == "DeleteMarkerCreated":
		o.ETag = "d41d8cd98f00b204e9800998ecf8427e" // of nothing
	case kind != "ObjectRemoved":
		o.ETag, o.Size = e.ETag, &e.Size
	}
	return r
}

func (k *Kind) document(s *Settings, e *ebb.ObjectEvent) ([]byte, error) {
	return encode(document{[]record{k.shape(s, e)}})
}

// encode leaves < and & in keys as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// taskID names the task that an event becomes: the same however often it is told.
func taskID(t *ebb.Trigger, e *ebb.ObjectEvent) ebb.MessageID {
	identity := e.Version
	if identity == "" || identity == "null" {
		identity = e.ETag
	}
	h := sha256.New()
	for _, part := range []string{string(t.ID), e.Bucket, e.Key, identity, e.Name, e.Sequencer} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	if e.Sequencer == "" { // nothing tells two of a kind apart but their time
		h.Write([]byte(e.Time.UTC().Format(time.RFC3339Nano)))
	}
	return ebb.MessageID(t.Name + "@" + hex.EncodeToString(h.Sum(nil)[:12]))
}

// parse reads what a store sends: S3's notification, also in an envelope of SNS;
// MinIO's and Ceph's. Its test events have no records.
func parse(text []byte) ([]ebb.ObjectEvent, error) {
	var doc struct {
		Records []record `json:"Records"`
		Type    string   `json:"Type"`
		Message string   `json:"Message"`
		Event   string   `json:"Event"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, invalid("the notification is not JSON: %v", err)
	}
	if doc.Type == "Notification" && doc.Message != "" && doc.Records == nil {
		return parse([]byte(doc.Message))
	}
	if doc.Records == nil && doc.Event != "s3:TestEvent" {
		return nil, invalid("the notification has no Records")
	}
	var events []ebb.ObjectEvent
	for i := range doc.Records {
		r := &doc.Records[i]
		if r.EventName == "" || r.S3.Bucket.Name == "" || r.S3.Object.Key == "" {
			return nil, invalid("Records[%d]: has no eventName, bucket or key", i)
		}
		e := ebb.ObjectEvent{
			Name: patternOf(r.EventName), Bucket: r.S3.Bucket.Name, Owner: r.S3.Bucket.OwnerIdentity.PrincipalID, Key: unescape(r),
			ETag: strings.Trim(r.S3.Object.ETag, `"`), Version: r.S3.Object.VersionID, Sequencer: r.S3.Object.Sequencer,
			Principal: r.UserIdentity.PrincipalID, SourceIP: r.RequestParameters["sourceIPAddress"], Region: r.AWSRegion,
			RequestID: r.ResponseElements["x-amz-request-id"], HostID: r.ResponseElements["x-amz-id-2"],
			Glacier: r.GlacierEventData,
		}
		if r.S3.Object.Size != nil {
			e.Size = *r.S3.Object.Size
		}
		var err error
		if e.Time, err = time.Parse(time.RFC3339Nano, r.EventTime); err != nil {
			return nil, invalid("Records[%d].eventTime: %.40q is no time", i, r.EventTime)
		}
		events = append(events, e)
	}
	return events, nil
}

// unescape is a record's key as it is. Ceph does not always escape it.
func unescape(r *record) string {
	key := r.S3.Object.Key
	raw := func(c rune) bool { return c > '~' || strings.ContainsRune(" !\"#$&'(),:;<=>?@[\\]^`{|}", c) }
	if strings.HasPrefix(r.EventSource, "ceph:") && strings.ContainsFunc(key, raw) {
		return key
	}
	if plain, err := url.QueryUnescape(key); err == nil {
		return plain
	}
	return key
}
