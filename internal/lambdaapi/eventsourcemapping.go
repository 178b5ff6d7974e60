package lambdaapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// States of an event source mapping.
const (
	mappingCreating  = "Creating"
	mappingEnabling  = "Enabling"
	mappingEnabled   = "Enabled"
	mappingDisabling = "Disabling"
	mappingDisabled  = "Disabled"
	mappingUpdating  = "Updating"
	mappingDeleting  = "Deleting"
)

const (
	bootstrapServers   = "KAFKA_BOOTSTRAP_SERVERS"
	reportBatchFailure = "ReportBatchItemFailures"
	// withoutEnd is how the API says that retries or age have no bound.
	withoutEnd = -1
)

func (a *API) createEventSourceMapping(c *call, in *CreateEventSourceMappingRequest) (*EventSourceMappingConfiguration, error) {
	if err := refuseMapping(in); err != nil {
		return nil, err
	}
	t, err := c.target(a, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := a.invoker.Resolve(c, t.FunctionKey, t.Qualifier); err != nil {
		return nil, err
	}
	s := &kafka.Settings{
		Brokers: in.SelfManagedEventSource.Endpoints[bootstrapServers], Topic: first(in.Topics), Start: *in.StartingPosition,
	}
	if in.StartingPositionTimestamp != nil {
		s.StartTime = &in.StartingPositionTimestamp.Time
	}
	if k := in.SelfManagedKafkaEventSourceConfig; k != nil {
		s.Group = deref(k.ConsumerGroupId)
	}
	made := ebb.Trigger{Kind: ebb.TriggerKafka, Target: ebb.FunctionARN(a.cfg.Region, t.FunctionKey, t.Qualifier), Paused: in.Enabled != nil && !*in.Enabled}
	made.TriggerKey = ebb.TriggerKey{Service: t.Service, Name: mappingName(t.Name, made.Target, s)}
	if err := (&mappingChange{
		batchSize: in.BatchSize, window: in.MaximumBatchingWindowInSeconds, parallel: in.ParallelizationFactor,
		retries: in.MaximumRetryAttempts, age: in.MaximumRecordAgeInSeconds, bisect: in.BisectBatchOnFunctionError,
		filters: in.FilterCriteria, responses: in.FunctionResponseTypes, destinations: in.DestinationConfig,
		access: in.SourceAccessConfigurations, kafka: in.SelfManagedKafkaEventSourceConfig, pollers: in.ProvisionedPollerConfig,
	}).apply(&made, s); err != nil {
		return nil, err
	}
	out, err := a.cfg.Triggers.Create(c, made)
	if ebb.KindOf(err) == ebb.Conflict && err != nil {
		return nil, ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict,
			"An event source mapping with this self-managed event source, topic %s and function %s already exists: trigger %s", s.Topic, t.Name, made.Name)
	}
	if err != nil {
		return nil, mappingField(err)
	}
	return a.mapping(c, out, mappingCreating)
}

func (a *API) updateEventSourceMapping(c *call, in *UpdateEventSourceMappingRequest) (*EventSourceMappingConfiguration, error) {
	if err := refuseMappingUpdate(in); err != nil {
		return nil, err
	}
	old, s, err := c.mapping(a, in.UUID)
	if err != nil {
		return nil, err
	}
	now, state := *old, mappingUpdating
	if in.FunctionName != nil {
		t, err := c.target(a, in.FunctionName, nil)
		if err != nil {
			return nil, err
		}
		if _, err := a.invoker.Resolve(c, t.FunctionKey, t.Qualifier); err != nil {
			return nil, err
		}
		now.Target = ebb.FunctionARN(a.cfg.Region, t.FunctionKey, t.Qualifier)
	}
	if in.Enabled != nil && *in.Enabled == old.Paused {
		if now.Paused, state = !*in.Enabled, mappingDisabling; *in.Enabled {
			state = mappingEnabling
		}
	}
	if err := (&mappingChange{
		batchSize: in.BatchSize, window: in.MaximumBatchingWindowInSeconds, parallel: in.ParallelizationFactor,
		retries: in.MaximumRetryAttempts, age: in.MaximumRecordAgeInSeconds, bisect: in.BisectBatchOnFunctionError,
		filters: in.FilterCriteria, responses: in.FunctionResponseTypes, destinations: in.DestinationConfig,
		access: in.SourceAccessConfigurations, kafka: in.SelfManagedKafkaEventSourceConfig, pollers: in.ProvisionedPollerConfig,
	}).apply(&now, s); err != nil {
		return nil, err
	}
	out, err := a.cfg.Triggers.Update(c, now, old.Revision)
	if err != nil {
		return nil, mappingField(err)
	}
	return a.mapping(c, out, state)
}

func (a *API) getEventSourceMapping(c *call, in *GetEventSourceMappingRequest) (*EventSourceMappingConfiguration, error) {
	t, _, err := c.mapping(a, in.UUID)
	if err != nil {
		return nil, err
	}
	return a.mapping(c, t, "")
}

func (a *API) deleteEventSourceMapping(c *call, in *DeleteEventSourceMappingRequest) (*EventSourceMappingConfiguration, error) {
	t, _, err := c.mapping(a, in.UUID)
	if err != nil {
		return nil, err
	}
	out, err := a.mapping(c, t, mappingDeleting)
	if err != nil {
		return nil, err
	}
	return out, a.cfg.Triggers.Delete(c, t.TriggerKey)
}

// maxMappings is how many mappings one answer lists, as AWS has it.
const maxMappings = 100

func (a *API) listEventSourceMappings(c *call, in *ListEventSourceMappingsRequest) (*ListEventSourceMappingsResponse, error) {
	f := store.TriggerFilter{Service: serviceOf(c.principal), Kind: ebb.TriggerKafka}
	if in.FunctionName != nil {
		t, err := c.target(a, in.FunctionName, nil)
		if err != nil {
			return nil, err
		}
		f.Service, f.Target = t.Service, ebb.FunctionARN(a.cfg.Region, t.FunctionKey, t.Qualifier)
	} else if err := a.auth.Authorize(c.principal, Action(c.op.Name), a.mappingARN(f.Service, "*")); err != nil {
		return nil, err
	}
	out := &ListEventSourceMappingsResponse{EventSourceMappings: []EventSourceMappingConfiguration{}}
	if in.EventSourceArn != nil {
		return out, nil // a self-managed Kafka has none
	}
	marker, err := readMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	if marker != "" {
		f.After = ebb.TriggerKey{Service: f.Service, Name: marker}
	}
	limit := maxMappings
	if in.MaxItems != nil {
		limit = min(limit, int(*in.MaxItems))
	}
	ts, err := a.cfg.Triggers.List(c, f, limit+1)
	if err != nil {
		return nil, err
	}
	if len(ts) > limit {
		ts = ts[:limit]
		out.NextMarker = writeMarker(ts[limit-1].Name)
	}
	for _, t := range ts {
		m, err := a.mapping(c, t, "")
		if err != nil {
			return nil, err
		}
		out.EventSourceMappings = append(out.EventSourceMappings, *m)
	}
	return out, nil
}

// mapping is the Kafka trigger that an id names, with its settings.
func (c *call) mapping(a *API, id *string) (*ebb.Trigger, *kafka.Settings, error) {
	service := serviceOf(c.principal)
	if err := a.auth.Authorize(c.principal, Action(c.op.Name), a.mappingARN(service, deref(id))); err != nil {
		return nil, nil, err
	}
	t, err := a.cfg.Triggers.ByID(c, service, ebb.TriggerID(deref(id)))
	if err != nil && ebb.KindOf(err) != ebb.NotFound {
		return nil, nil, err
	}
	if err != nil || t.Kind != ebb.TriggerKafka {
		return nil, nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "The event source mapping %s does not exist.", clip(deref(id)))
	}
	s := new(kafka.Settings)
	return t, s, json.Unmarshal(t.Settings, s)
}

func (a *API) mappingARN(service ebb.ServiceID, id string) string {
	return "arn:aws:lambda:" + a.cfg.Region + ":" + string(service) + ":event-source-mapping:" + id
}

// mappingName names the trigger that a mapping is: readable, and the same for the
// same source and function, which AWS allows one mapping.
func mappingName(function, target string, s *kafka.Settings) string {
	const part, digits = 26, 8
	sum := sha256.Sum256([]byte(target + "\x00" + s.Topic + "\x00" + strings.Join(s.Brokers, ",") + "\x00" + s.Group))
	name := cut(s.Topic, part) + "." + cut(function, part) + "." + hex.EncodeToString(sum[:])[:digits]
	return strings.TrimLeft(name, "._-")
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// mapping is how the wire shows a Kafka trigger; state is what it is on its way
// to, "" = where it is.
func (a *API) mapping(c *call, t *ebb.Trigger, state string) (*EventSourceMappingConfiguration, error) {
	s, err := kafka.Read(t)
	if err != nil {
		return nil, err
	}
	result, err := a.lastResult(c, t)
	if err != nil {
		return nil, err
	}
	if state == "" {
		if state = mappingEnabled; t.Paused {
			state = mappingDisabled
		}
	}
	out := &EventSourceMappingConfiguration{
		UUID: new(string(t.ID)), State: &state, StateTransitionReason: new("USER_INITIATED"), FunctionArn: &t.Target,
		EventSourceMappingArn: new(a.mappingARN(t.Service, string(t.ID))), LastModified: &awswire.Epoch{Time: t.ModifiedAt},
		LastProcessingResult: &result, StartingPosition: &s.Start, Topics: []string{s.Topic},
		SelfManagedEventSource: &SelfManagedEventSource{Endpoints: map[string][]string{bootstrapServers: s.Brokers}},
		BatchSize:              new(int32(s.BatchSize)), MaximumBatchingWindowInSeconds: new(int32(*s.Window / 1000)),
		ParallelizationFactor: new(int32(s.Parallel)), BisectBatchOnFunctionError: &s.Bisect,
		MaximumRetryAttempts: new(int32(withoutEnd)), MaximumRecordAgeInSeconds: new(int32(withoutEnd)),
		DestinationConfig: &DestinationConfig{OnFailure: &OnFailure{}}, FunctionResponseTypes: []string{},
		SelfManagedKafkaEventSourceConfig: &SelfManagedKafkaEventSourceConfig{ConsumerGroupId: &s.Group, SchemaRegistryConfig: writeRegistry(s.Registry)},
	}
	if s.StartTime != nil {
		out.StartingPositionTimestamp = &awswire.Epoch{Time: *s.StartTime}
	}
	if t.MaxRetries != nil {
		out.MaximumRetryAttempts = new(int32(*t.MaxRetries))
	}
	if t.MaxAgeS != 0 {
		out.MaximumRecordAgeInSeconds = new(int32(t.MaxAgeS))
	}
	if t.OnFailure != "" {
		out.DestinationConfig.OnFailure.Destination = &t.OnFailure
	}
	if s.ReportFailures {
		out.FunctionResponseTypes = []string{reportBatchFailure}
	}
	if len(t.Filters) > 0 {
		out.FilterCriteria = new(FilterCriteria)
		for _, f := range t.Filters {
			out.FilterCriteria.Filters = append(out.FilterCriteria.Filters, Filter{Pattern: new(asWritten.Replace(string(f)))})
		}
	}
	for _, x := range s.Access {
		out.SourceAccessConfigurations = append(out.SourceAccessConfigurations, SourceAccessConfiguration{Type: new(x.Type), URI: new(x.Secret)})
	}
	if s.MinPollers > 0 || s.MaxPollers > 0 {
		out.ProvisionedPollerConfig = &ProvisionedPollerConfig{MinimumPollers: new(int32(max(s.MinPollers, 1))), MaximumPollers: new(int32(s.MaxPollers))}
		if s.PollerGroup != "" {
			out.ProvisionedPollerConfig.PollerGroupName = &s.PollerGroup
		}
	}
	return out, nil
}

// asWritten undoes what Go's JSON makes of characters that mean something in HTML,
// so that tools find the pattern that they gave.
var asWritten = strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// lastResult words what became of the last records.
func (a *API) lastResult(c *call, t *ebb.Trigger) (string, error) {
	counts, err := a.cfg.Triggers.Counts(c, t)
	if err != nil {
		return "", err
	}
	down, err := a.cfg.Triggers.State(c, t)
	switch {
	case err != nil:
		return "", err
	case down.Error != "":
		return "PROBLEM: Connection error: " + down.Error, nil
	case counts.Result != "":
		return "PROBLEM: " + counts.Result, nil
	case counts.ResultAt.IsZero():
		return "No records processed", nil
	}
	return "OK", nil
}

func writeRegistry(r *kafka.Registry) *KafkaSchemaRegistryConfig {
	if r == nil {
		return nil
	}
	out := &KafkaSchemaRegistryConfig{SchemaRegistryURI: &r.URL, EventRecordFormat: &r.Format}
	for _, x := range r.Access {
		out.AccessConfigs = append(out.AccessConfigs, KafkaSchemaRegistryAccessConfig{Type: new(x.Type), URI: new(x.Secret)})
	}
	for _, v := range r.Validate {
		out.SchemaValidationConfigs = append(out.SchemaValidationConfigs, KafkaSchemaValidationConfig{Attribute: new(v)})
	}
	return out
}
