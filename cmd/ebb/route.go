package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// routeSettings are what triggerHTTP sets; ebb trigger put takes all there is.
type routeSettings struct {
	Host          string          `json:"host,omitempty"`
	Path          string          `json:"path"`
	Methods       []string        `json:"methods,omitempty"`
	Auth          string          `json:"auth"`
	Group         string          `json:"group,omitempty"`
	Issuer        string          `json:"issuer,omitempty"`
	Audience      []string        `json:"audience,omitempty"`
	JWKS          string          `json:"jwks,omitempty"`
	Scopes        []string        `json:"scopes,omitempty"`
	Subjects      []string        `json:"subjects,omitempty"`
	MaxBody       int64           `json:"maxBody,omitempty"`
	Rate          float64         `json:"rate,omitempty"`
	Burst         int             `json:"burst,omitempty"`
	CallerRate    float64         `json:"callerRate,omitempty"`
	CallerBurst   int             `json:"callerBurst,omitempty"`
	Timeout       int             `json:"timeout,omitempty"`
	PayloadFormat string          `json:"payloadFormat,omitempty"`
	Stream        bool            `json:"stream,omitempty"`
	StripPrefix   string          `json:"stripPrefix,omitempty"`
	Schema        json.RawMessage `json:"schema,omitempty"`
	CORS          *corsSettings   `json:"cors,omitempty"`

	ClaimHeaders map[string]string `json:"claimHeaders,omitempty"`
}

// corsSettings are those of a route.
type corsSettings struct {
	AllowOrigins     []string `json:"allowOrigins,omitempty"`
	AllowMethods     []string `json:"allowMethods,omitempty"`
	AllowHeaders     []string `json:"allowHeaders,omitempty"`
	AllowCredentials bool     `json:"allowCredentials,omitempty"`
}

// triggerHTTP makes a route without writing JSON.
func (a *app) triggerHTTP() *cobra.Command {
	var s routeSettings
	var cors corsSettings
	var schema string
	cmd := &cobra.Command{
		Use:   "http TRIGGER TARGET --path PATH --auth AUTH",
		Short: "Make or change an HTTP route",
		Long: "Http makes a trigger that hands HTTP requests to a function or an Express workflow, or changes\n" +
			"the one of that name. A path has segments: itself, {name}, and at its end {name+} or *.\n" +
			"What has no flag here is set with ebb trigger put.",
		Example: "  ebb trigger http orders orders:prod --host api.bank.example --method GET --path '/orders/{id}' --auth key\n" +
			"  ebb trigger http site web --path '/*' --auth none",
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := s.complete(a, schema, &cors); err != nil {
				return err
			}
			settings, err := json.Marshal(s)
			if err != nil {
				return err
			}
			return a.putTrigger(cmd.Context(), given[0], client.TriggerSettings{Target: given[1], HTTP: settings})
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.Host, "host", "", "`NAME` or *.NAME (default every host that no route names)")
	f.StringVar(&s.Path, "path", "", "`PATH` with {parameters}")
	f.StringSliceVar(&s.Methods, "method", nil, "only this `METHOD`; may be given again (default all)")
	f.StringVar(&s.Auth, "auth", "", "how callers prove who they are: `AUTH` is none, key, jwt, iam or mtls")
	f.StringVar(&s.Issuer, "issuer", "", "jwt: `ISSUER` of tokens")
	f.StringSliceVar(&s.Audience, "audience", nil, "jwt: `AUDIENCE` of tokens, any of them")
	f.StringVar(&s.JWKS, "jwks", "", "jwt: `URL` of the issuer's keys, or a file of the node's folder")
	f.StringSliceVar(&s.Scopes, "scope", nil, "jwt: `SCOPE` that tokens must have, all of them")
	f.StringToStringVar(&s.ClaimHeaders, "claim-header", nil, "jwt: `HEADER=CLAIM` that the function gets; may be given again")
	f.StringSliceVar(&cors.AllowOrigins, "cors-origin", nil, "`ORIGIN` whose pages may call, or *; may be given again")
	f.StringSliceVar(&cors.AllowMethods, "cors-method", nil, "`METHOD` that they may use, or *")
	f.StringSliceVar(&cors.AllowHeaders, "cors-header", nil, "`HEADER` that they may send, or *")
	f.BoolVar(&cors.AllowCredentials, "cors-credentials", false, "also with cookies and the like")
	f.StringArrayVar(&s.Subjects, "subject", nil, "`PATTERN` with * of client certificates' subjects")
	f.StringVar(&s.Group, "group", "", "`WORD` shared with other routes together with CORS")
	f.Int64Var(&s.MaxBody, "max-body", 0, "`BYTES` of a request's body at most (default the node's)")
	f.Float64Var(&s.Rate, "rate", 0, "`N` requests a second to the route at most (default no limit)")
	f.IntVar(&s.Burst, "burst", 0, "`N` of them that may come at once (default a second's)")
	f.Float64Var(&s.CallerRate, "caller-rate", 0, "`N` requests a second of each caller at most (default no limit)")
	f.IntVar(&s.CallerBurst, "caller-burst", 0, "`N` of them that may come at once (default a second's)")
	f.IntVar(&s.Timeout, "timeout", 0, "`SECONDS` until the answer begins (default the function's)")
	f.StringVar(&s.PayloadFormat, "payload-format", "", "`FORMAT` of event and answer: 1.0 or 2.0 (default 2.0)")
	f.BoolVar(&s.Stream, "stream", false, "pass on what the function writes as it writes it")
	f.StringVar(&s.StripPrefix, "strip-prefix", "", "`PREFIX` that a web function does not see")
	f.StringVar(&schema, "schema", "", "`FILE` with the JSON Schema of bodies; - is standard input")
	_ = cmd.RegisterFlagCompletionFunc("auth", cobra.FixedCompletions(strings.Fields("none key jwt iam mtls"), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// complete checks what triggerHTTP was given and reads the file of --schema.
func (s *routeSettings) complete(a *app, schema string, cors *corsSettings) error {
	switch {
	case s.Path == "":
		return usagef("--path: missing")
	case s.Auth == "":
		return usagef("--auth: missing; one of none, key, jwt, iam and mtls")
	}
	if schema != "" {
		text, err := a.readInput(schema)
		if err != nil {
			return err
		}
		if s.Schema = text; !json.Valid(text) {
			return usagef("--schema: %s is not JSON", schema)
		}
	}
	switch {
	case len(cors.AllowOrigins) > 0:
		s.CORS = cors
	case len(cors.AllowMethods)+len(cors.AllowHeaders) > 0 || cors.AllowCredentials:
		return usagef("--cors-origin: missing")
	}
	return nil
}
