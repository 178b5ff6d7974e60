package object

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// configuration is S3's notification configuration of a bucket.
type configuration struct {
	XMLName   xml.Name    `xml:"NotificationConfiguration"`
	XMLNS     string      `xml:"xmlns,attr,omitempty"`
	Functions []lambdaXML `xml:"CloudFunctionConfiguration"`
	Queues    []struct{}  `xml:"QueueConfiguration"`
	Topics    []struct{}  `xml:"TopicConfiguration"`
	Bridge    *struct{}   `xml:"EventBridgeConfiguration"`
}

type lambdaXML struct {
	ID       string     `xml:"Id,omitempty"`
	Function string     `xml:"CloudFunction"`
	Events   []string   `xml:"Event"`
	Filter   *filterXML `xml:"Filter"`
}

type filterXML struct {
	Rules []ruleXML `xml:"S3Key>FilterRule"`
}

type ruleXML struct {
	Name  string `xml:"Name"`
	Value string `xml:"Value"`
}

const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// MarshalNotifications spells the triggers of a bucket of the platform's own
// endpoint, whose targets are functions, as S3's notification configuration.
func (k *Kind) MarshalNotifications(ctx context.Context, bucket string) ([]byte, error) {
	ts, err := k.OfBucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	c := configuration{XMLNS: s3Namespace}
	for _, t := range ts {
		s, err := read(t)
		if err != nil {
			return nil, err
		}
		if target, err := ebb.ParseTarget(t.Target); err != nil || target.Kind != ebb.TargetFunction {
			continue
		}
		l := lambdaXML{ID: s.ID, Function: t.Target, Events: s.Events}
		if s.Prefix != "" || s.Suffix != "" {
			l.Filter = new(filterXML)
			if s.Prefix != "" {
				l.Filter.Rules = append(l.Filter.Rules, ruleXML{"Prefix", s.Prefix})
			}
			if s.Suffix != "" {
				l.Filter.Rules = append(l.Filter.Rules, ruleXML{"Suffix", s.Suffix})
			}
		}
		c.Functions = append(c.Functions, l)
	}
	text, err := xml.Marshal(c)
	return append([]byte(xml.Header), text...), err
}

// OfBucket are the triggers of a bucket of the platform's own endpoint.
func (k *Kind) OfBucket(ctx context.Context, bucket string) (ts []*ebb.Trigger, err error) {
	err = k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		ts, err = tx.ObjectTriggers("", bucket)
		return err
	})
	return ts, err
}

// maxRules is how many rules a bucket may have, as with S3.
const maxRules = 100

var notNameRE = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

// ReadNotifications reads S3's notification configuration of a bucket: for each of
// its rules the trigger that it is. Only functions are told.
func ReadNotifications(service ebb.ServiceID, bucket string, text []byte) ([]ebb.Trigger, error) {
	var c configuration
	if err := xml.Unmarshal(text, &c); err != nil {
		return nil, invalid("The XML you provided was not well-formed or did not validate against our published schema: %v", err)
	}
	if len(c.Queues) > 0 || len(c.Topics) > 0 || c.Bridge != nil {
		return nil, invalid("only LambdaFunctionConfigurations are offered by this platform; for workflows, make a trigger")
	}
	if len(c.Functions) > maxRules {
		return nil, invalid("at most %d configurations", maxRules)
	}
	ids := make(map[string]bool)
	var ts []ebb.Trigger
	for i, l := range c.Functions {
		s := Settings{Bucket: bucket, Events: l.Events, ID: l.ID}
		if s.ID == "" {
			s.ID = fmt.Sprintf("rule-%d", i+1)
		}
		if ids[s.ID] {
			return nil, invalid("Same ID used for multiple configurations. IDs must be unique")
		}
		ids[s.ID] = true
		if _, err := ebb.ParseFunctionRef(l.Function); err != nil || !strings.HasPrefix(l.Function, "arn:") {
			return nil, invalid("The ARN could not be parsed")
		}
		if len(l.Events) == 0 {
			return nil, invalid("Events: missing")
		}
		if l.Filter != nil {
			if err := s.filter(l.Filter.Rules); err != nil {
				return nil, err
			}
		}
		settings, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		name := strings.Trim(notNameRE.ReplaceAllString(bucket+"-"+s.ID, "-"), "-.")
		if len(name) > ebb.MaxTriggerName {
			name = name[:ebb.MaxTriggerName]
		}
		ts = append(ts, ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: service, Name: name}, Kind: ebb.TriggerObject, Target: l.Function, Settings: settings})
	}
	return ts, disjoint(ts)
}

// disjoint refuses rules of which two take the same events.
func disjoint(ts []ebb.Trigger) error {
	for i := range ts {
		a, err := read(&ts[i])
		if err != nil {
			return err
		}
		for j := range i {
			b, err := read(&ts[j])
			if err != nil {
				return err
			}
			if _, yes := a.overlaps(b); yes {
				return invalid("Configurations overlap. Configurations on the same bucket cannot share a common event type. (%s, %s)", b.ID, a.ID)
			}
		}
	}
	return nil
}

func (s *Settings) filter(rules []ruleXML) error {
	for _, r := range rules {
		switch {
		case strings.EqualFold(r.Name, "prefix"):
			s.Prefix = r.Value
		case strings.EqualFold(r.Name, "suffix"):
			s.Suffix = r.Value
		default:
			return invalid("filter rule name must be either prefix or suffix")
		}
	}
	return nil
}
