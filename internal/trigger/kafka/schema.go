package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// registry reads keys and values that name their schema, in Confluent's form: a
// zero, the schema's number in four bytes, and the content.
type registry struct {
	settings *Registry
	client   *sr.Client
	http     *http.Transport

	mu      sync.Mutex
	schemas map[int]*schema
}

// schema is one that was looked up. It never changes.
type schema struct {
	use  schemaUse
	avro avro.Schema
	json *jsonschema.Schema
	err  error // why nothing can be read by it
}

func (k *Kind) registry(ctx context.Context, service ebb.ServiceID, s *Registry) (*registry, error) {
	sec, err := k.open(ctx, "kafka.registry.access", service, s.Access, false)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: sec.tls, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}
	opts := []sr.ClientOpt{sr.URLs(s.URL), sr.HTTPClient(&http.Client{Transport: transport, Timeout: 5 * time.Second})}
	if sec.user.Username != "" {
		opts = append(opts, sr.BasicAuth(sec.user.Username, sec.user.Password))
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, invalid("kafka.registry: %v", err)
	}
	return &registry{settings: s, client: client, http: transport, schemas: make(map[int]*schema)}, nil
}

func (g *registry) close() {
	if g != nil {
		g.http.CloseIdleConnections()
	}
}

// decode reads the attributes of r that are to be. Content that is not as its
// schema says makes r wrong; an error is the registry's.
func (g *registry) decode(ctx context.Context, r *record) error {
	attributes := g.settings.Validate
	if len(attributes) == 0 {
		attributes = []string{AttrValue}
	}
	for _, a := range []struct {
		name string
		text *[]byte
		use  **schemaUse
	}{{AttrKey, &r.key, &r.keySchema}, {AttrValue, &r.value, &r.valueSchema}} {
		if *a.text == nil || !slices.Contains(attributes, a.name) {
			continue
		}
		const head = 5
		if len(*a.text) < head || (*a.text)[0] != 0 {
			r.wrong = fmt.Errorf("the %s names no schema", a.name)
			return nil
		}
		s, err := g.schema(ctx, int(binary.BigEndian.Uint32((*a.text)[1:])))
		if err != nil {
			return err
		}
		text, err := s.read((*a.text)[head:], g.settings.Format)
		if err != nil {
			r.wrong = fmt.Errorf("the %s is not as schema %s says: %w", a.name, s.use.id, err)
			return nil
		}
		*a.text, *a.use = text, &s.use
	}
	return nil
}

// schema looks one up, once.
func (g *registry) schema(ctx context.Context, id int) (*schema, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.schemas[id]; s != nil {
		return s, nil
	}
	s := &schema{use: schemaUse{id: strconv.Itoa(id)}}
	found, err := g.client.SchemaByID(ctx, id)
	if said, ok := errors.AsType[*sr.ResponseError](err); ok && said.StatusCode == http.StatusNotFound {
		s.err = fmt.Errorf("the registry does not know it")
		return s, nil // it may tomorrow
	}
	if err != nil {
		return nil, err
	}
	s.use.format = found.Type.String()
	switch found.Type {
	case sr.TypeAvro:
		s.avro, s.err = avro.ParseWithCache(found.Schema, "", &avro.SchemaCache{})
	case sr.TypeJSON:
		s.json, s.err = compileJSON(found.Schema)
	default:
		s.err = fmt.Errorf("schemas of type %s are not supported", found.Type)
	}
	g.schemas[id] = s
	return s, nil
}

func compileJSON(text string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is fetched from elsewhere
	const name = "mem:schema"
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	return c.Compile(name)
}

// read checks content by the schema and returns it in a format.
func (s *schema) read(content []byte, format string) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.json != nil {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
		if err != nil {
			return nil, err
		}
		return content, s.json.Validate(v)
	}
	v, err := readAvro(s.avro, content)
	if err != nil {
		return nil, err
	}
	if format == FormatSource {
		return content, nil
	}
	return json.Marshal(asJSON(s.avro, v))
}

// readAvro reads one value that content is, neither less nor more.
func readAvro(s avro.Schema, content []byte) (v any, err error) {
	const buffer = 4 << 10
	r := avro.NewReader(bytes.NewReader(content), buffer)
	r.ReadVal(s, &v)
	if errors.Is(r.Error, io.EOF) {
		return nil, errors.New("it ends too early")
	}
	if r.Error != nil {
		return nil, r.Error
	}
	if r.Peek(); !errors.Is(r.Error, io.EOF) {
		return nil, errors.New("there is more behind it")
	}
	return v, nil
}
