package ebb

import (
	"net/url"
	"regexp"
	"strings"
)

// TargetKind says what an event can be delivered to.
type TargetKind string

// The kinds of target.
const (
	TargetFunction TargetKind = "function"
	TargetWorkflow TargetKind = "workflow"
	TargetHTTP     TargetKind = "http"
	TargetS3       TargetKind = "s3"
	TargetKafka    TargetKind = "kafka"
)

// Target is where an event goes, as its ARN names it.
type Target struct {
	Kind     TargetKind
	ARN      string      // as it was given
	Function FunctionRef // TargetFunction
	Machine  string      // TargetWorkflow: the ARN of a state machine
	URL      string      // TargetHTTP
	Bucket   string      // TargetS3
	Prefix   string      // TargetS3: of keys, "" or without a slash at its end
	Topic    string      // TargetKafka
}

var (
	bucketRE = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	topicRE  = regexp.MustCompile(`^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}$`)
)

// ParseTarget reads the ARN of a function, a state machine, a bucket
// (arn:aws:s3:::BUCKET, optionally with /PREFIX), a Kafka topic (kafka://TOPIC
// or arn:aws:kafka:::topic/TOPIC) or an HTTP endpoint (arn:aws:http:::URL).
func ParseTarget(arn string) (Target, error) {
	t := Target{ARN: arn}
	if topic, ok := strings.CutPrefix(arn, "kafka://"); ok {
		return t.topic(topic)
	}
	p := strings.SplitN(arn, ":", 6)
	if len(p) < 6 || p[0] != "arn" {
		return Target{}, invalidTarget(arn)
	}
	switch rest := p[5]; p[2] {
	case "lambda":
		ref, err := ParseFunctionRef(arn)
		t.Kind, t.Function = TargetFunction, ref
		return t, err
	case "states":
		t.Kind, t.Machine = TargetWorkflow, arn
		if !strings.HasPrefix(rest, "stateMachine:") {
			return Target{}, invalidTarget(arn)
		}
		return t, nil
	case "s3":
		t.Kind = TargetS3
		t.Bucket, t.Prefix, _ = strings.Cut(rest, "/")
		t.Prefix = strings.Trim(t.Prefix, "/")
		if !bucketRE.MatchString(t.Bucket) {
			return Target{}, invalidTarget(arn)
		}
		return t, nil
	case "kafka":
		topic, ok := strings.CutPrefix(rest, "topic/")
		if !ok {
			return Target{}, invalidTarget(arn)
		}
		return t.topic(topic)
	case "http":
		u, err := url.Parse(rest)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return Target{}, invalidTarget(arn)
		}
		t.Kind, t.URL = TargetHTTP, rest
		return t, nil
	}
	return Target{}, invalidTarget(arn)
}

func (t Target) topic(name string) (Target, error) {
	t.Kind, t.Topic = TargetKafka, name
	if !topicRE.MatchString(name) || name == ".." {
		return Target{}, invalidTarget(t.ARN)
	}
	return t, nil
}

func invalidTarget(arn string) error {
	if len(arn) > 350 {
		arn = arn[:350] + "…"
	}
	return Errorf(Invalid, TypeInvalidParameterValue,
		"%q is not the ARN of a function, a bucket, a Kafka topic, an HTTP endpoint or a state machine", arn)
}

// Account is the service that owns a state machine; "" of other kinds, which say
// so elsewhere or have none.
func (t Target) Account() ServiceID {
	if t.Kind != TargetWorkflow {
		return ""
	}
	return ServiceID(strings.SplitN(t.Machine, ":", 6)[4])
}
