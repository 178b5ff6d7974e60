package lambdaapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// refuseMapping refuses sources that are not there and what ebb has no meaning
// for, naming the member.
func refuseMapping(in *CreateEventSourceMappingRequest) error {
	switch {
	case deref(in.EventSourceArn) != "":
		return invalid("EventSourceArn: %s is not a source that this platform reads; it reads a self-managed Kafka (SelfManagedEventSource)", clip(*in.EventSourceArn))
	case len(in.Queues) > 0:
		return invalid("Queues: this platform reads no message brokers but Kafka (SelfManagedEventSource)")
	case in.AmazonManagedKafkaEventSourceConfig != nil:
		return invalid("AmazonManagedKafkaEventSourceConfig: give SelfManagedKafkaEventSourceConfig")
	case in.DocumentDBEventSourceConfig != nil:
		return invalid("DocumentDBEventSourceConfig: this platform does not read DocumentDB")
	case in.SelfManagedEventSource == nil || len(in.SelfManagedEventSource.Endpoints[bootstrapServers]) == 0:
		return invalid("SelfManagedEventSource.Endpoints: missing; give %s", bootstrapServers)
	case len(in.Topics) != 1:
		return invalid("Topics: give one topic")
	case in.StartingPosition == nil:
		return invalid("StartingPosition: missing")
	case len(in.Tags) > 0:
		return unsupported("Tags")
	}
	return refuseMappingSettings(in.TumblingWindowInSeconds, in.ScalingConfig, in.KMSKeyArn, in.MetricsConfig, in.LoggingConfig, in.DestinationConfig, in.SourceAccessConfigurations)
}

func refuseMappingUpdate(in *UpdateEventSourceMappingRequest) error {
	switch {
	case in.AmazonManagedKafkaEventSourceConfig != nil:
		return invalid("AmazonManagedKafkaEventSourceConfig: give SelfManagedKafkaEventSourceConfig")
	case in.DocumentDBEventSourceConfig != nil:
		return invalid("DocumentDBEventSourceConfig: this platform does not read DocumentDB")
	}
	return refuseMappingSettings(in.TumblingWindowInSeconds, in.ScalingConfig, in.KMSKeyArn, in.MetricsConfig, in.LoggingConfig, in.DestinationConfig, in.SourceAccessConfigurations)
}

func refuseMappingSettings(tumbling *int32, scaling *ScalingConfig, kms *string, metrics *EventSourceMappingMetricsConfig,
	logging *EventSourceMappingLoggingConfig, d *DestinationConfig, access []SourceAccessConfiguration) error {
	for _, m := range []struct {
		name string
		used bool
	}{
		{"TumblingWindowInSeconds", deref(tumbling) != 0},
		{"ScalingConfig", scaling != nil && scaling.MaximumConcurrency != nil},
		{"KMSKeyArn", deref(kms) != ""},
		{"MetricsConfig", metrics != nil && len(metrics.Metrics) > 0},
		{"LoggingConfig", logging != nil && logging.SystemLogLevel != nil},
		{"DestinationConfig.OnSuccess", d != nil && d.OnSuccess != nil && deref(d.OnSuccess.Destination) != ""},
	} {
		if m.used {
			return unsupported(m.name)
		}
	}
	for _, x := range access {
		switch t := deref(x.Type); t {
		case "VPC_SUBNET", "VPC_SECURITY_GROUP", "VIRTUAL_HOST":
			return unsupported("SourceAccessConfigurations: " + t)
		}
	}
	return nil
}

// mappingChange is what CreateEventSourceMapping and UpdateEventSourceMapping
// share; what is nil stays.
type mappingChange struct {
	batchSize, window, parallel, retries, age *int32
	bisect                                    *bool
	filters                                   *FilterCriteria
	responses                                 []string
	destinations                              *DestinationConfig
	access                                    []SourceAccessConfiguration
	kafka                                     *SelfManagedKafkaEventSourceConfig
	pollers                                   *ProvisionedPollerConfig
}

// apply puts the changes into a trigger and its settings.
func (m *mappingChange) apply(t *ebb.Trigger, s *kafka.Settings) (err error) {
	set(&s.BatchSize, m.batchSize)
	set(&s.Parallel, m.parallel)
	if m.window != nil {
		s.Window = new(int(*m.window) * 1000)
	}
	if m.bisect != nil {
		s.Bisect = *m.bisect
	}
	if m.responses != nil {
		s.ReportFailures = len(m.responses) > 0
	}
	if m.retries != nil {
		if t.MaxRetries = new(int(*m.retries)); *m.retries == withoutEnd {
			t.MaxRetries = nil
		}
	}
	if m.age != nil {
		if *m.age >= 0 && *m.age < trigger.MinAgeS {
			return invalid("MaximumRecordAgeInSeconds: %d is neither -1 nor between %d and %d", *m.age, trigger.MinAgeS, trigger.MaxKafkaAgeS)
		}
		t.MaxAgeS = max(int(*m.age), 0)
	}
	if m.filters != nil {
		t.Filters = nil
		for i, f := range m.filters.Filters {
			if !json.Valid([]byte(deref(f.Pattern))) {
				return invalid("FilterCriteria.Filters[%d].Pattern: not JSON", i)
			}
			t.Filters = append(t.Filters, json.RawMessage(*f.Pattern))
		}
	}
	if m.destinations != nil && m.destinations.OnFailure != nil {
		t.OnFailure = deref(m.destinations.OnFailure.Destination)
	}
	if m.access != nil {
		s.Access = readAccess(m.access)
	}
	for _, x := range s.Access { // as AWS: whoever logs in does so over TLS
		s.TLS = s.TLS || x.Type != ""
	}
	if m.kafka != nil && m.kafka.SchemaRegistryConfig != nil {
		s.Registry = readRegistry(m.kafka.SchemaRegistryConfig)
	}
	if m.kafka != nil && m.kafka.ConsumerGroupId != nil && t.ID != "" && *m.kafka.ConsumerGroupId != cmp.Or(s.Group, string(t.ID)) {
		return invalid("SelfManagedKafkaEventSourceConfig.ConsumerGroupId: it is given when the mapping is created")
	}
	if p := m.pollers; p != nil {
		s.MinPollers, s.MaxPollers, s.PollerGroup = int(deref(p.MinimumPollers)), int(deref(p.MaximumPollers)), deref(p.PollerGroupName)
	}
	t.Settings, err = json.Marshal(s)
	return err
}

func set(field *int, to *int32) {
	if to != nil {
		*field = int(*to)
	}
}

func readAccess(all []SourceAccessConfiguration) (out []kafka.Access) {
	for _, x := range all {
		out = append(out, kafka.Access{Type: deref(x.Type), Secret: deref(x.URI)})
	}
	return out
}

func readRegistry(r *KafkaSchemaRegistryConfig) *kafka.Registry {
	if deref(r.SchemaRegistryURI) == "" {
		return nil
	}
	out := &kafka.Registry{URL: *r.SchemaRegistryURI, Format: deref(r.EventRecordFormat)}
	for _, x := range r.AccessConfigs {
		out.Access = append(out.Access, kafka.Access{Type: deref(x.Type), Secret: deref(x.URI)})
	}
	for _, v := range r.SchemaValidationConfigs {
		out.Validate = append(out.Validate, deref(v.Attribute))
	}
	return out
}

// mappingField words an error about a trigger's field with the name that the
// field has here.
func mappingField(err error) error {
	e, ok := errors.AsType[*ebb.Error](err)
	if !ok {
		return err
	}
	for _, name := range [][2]string{
		{"kafka.brokers", "SelfManagedEventSource.Endpoints." + bootstrapServers}, {"kafka.topic", "Topics"},
		{"kafka.group", "SelfManagedKafkaEventSourceConfig.ConsumerGroupId"}, {"kafka.startTime", "StartingPositionTimestamp"},
		{"kafka.access", "SourceAccessConfigurations"}, {"kafka.registry", "SelfManagedKafkaEventSourceConfig.SchemaRegistryConfig"},
		{"kafka.minPollers", "ProvisionedPollerConfig.MinimumPollers"}, {"onFailure", "DestinationConfig.OnFailure.Destination"},
		{"filters", "FilterCriteria.Filters"}, {"maxRetries", "MaximumRetryAttempts"}, {"maxAge", "MaximumRecordAgeInSeconds"},
	} {
		if rest, ok := strings.CutPrefix(e.Message, name[0]); ok {
			also := *e
			also.Message = name[1] + rest
			return &also
		}
	}
	return err
}
