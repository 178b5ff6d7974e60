package s3

import "github.com/ebb-faas/ebb/internal/ebb"

// Boot is what a child is told on its standard input. What it asks for it finds
// on the Unix socket Control; it answers on Private, and on the listener that is
// its file 3.
type Boot struct {
	Dir     string `json:"dir"`
	Control string `json:"control"`
	Private string `json:"private"`
	Public  string `json:"public"`
	Region  string `json:"region"`
	NoSync  bool   `json:"noSync"`
}

// Ready is the line by which a child says that it answers.
const Ready = "ready"

// Paths of the control socket. All take and answer JSON.
const (
	PathKey           = "/key"           // Signature → Key
	PathAuthorize     = "/authorize"     // Question → Answer
	PathEvents        = "/events"        // []ebb.ObjectEvent → nothing, when they are durable
	PathNotifications = "/notifications" // Notifications → Notifications
)

// Signature is what a signature says of who made it.
type Signature struct {
	AccessKey string `json:"accessKey"`
	Token     string `json:"token,omitempty"`
	Date      string `json:"date"` // YYYYMMDD
	Region    string `json:"region"`
	Private   bool   `json:"private,omitempty"` // it came by the private socket
}

// Key is what a Signature is checked with, and whose it is.
type Key struct {
	Key     []byte        `json:"key"`
	Service ebb.ServiceID `json:"service"`
	ARN     string        `json:"arn"`
	RoleARN string        `json:"roleArn,omitempty"`
	All     bool          `json:"all,omitempty"` // may do everything
}

// Question is whether somebody may do something.
type Question struct {
	AccessKey string     `json:"accessKey"`
	Token     string     `json:"token,omitempty"`
	Private   bool       `json:"private,omitempty"`
	Actions   []string   `json:"actions"`
	Resources []Resource `json:"resources"`
}

// Resource is a bucket or object, by ARN, and the service whose it is.
type Resource struct {
	ARN   string        `json:"arn"`
	Owner ebb.ServiceID `json:"owner,omitempty"`
}

// Verdicts of an Answer.
const (
	Silent = iota
	Allowed
	Denied
)

// Answer has a verdict for each action on each resource.
type Answer struct {
	Verdicts  [][]int `json:"verdicts"`
	Principal string  `json:"principal"`
}

// Notifications is a bucket's notification configuration, in S3's XML.
type Notifications struct {
	Service ebb.ServiceID `json:"service"`
	Bucket  string        `json:"bucket"`
	Put     bool          `json:"put,omitempty"`
	XML     string        `json:"xml"`
	Code    string        `json:"code,omitempty"` // why it was refused
	Message string        `json:"message,omitempty"`
}
