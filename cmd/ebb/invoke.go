package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// invocation is the result of 'ebb invoke -o json'.
type invocation struct {
	Function      string          `json:"function"`
	Version       string          `json:"version"` // that ran
	Status        int32           `json:"status"`
	FunctionError string          `json:"functionError"` // "" or Unhandled
	Payload       json.RawMessage `json:"payload"`       // a JSON string if the answer is not JSON
	Log           string          `json:"log"`           // with --log
}

// invokeOptions are the flags of invoke.
type invokeOptions struct {
	payload, qualifier, clientContext string
	log, dryRun                       bool
	async                             bool
	id                                string // with async: of the task
	egress                            string
}

// invokeVerb runs a function once.
func (a *app) invokeVerb() *cobra.Command {
	var opt invokeOptions
	cmd := &cobra.Command{
		Use:   "invoke FUNCTION",
		Short: "Run a function and print its answer",
		Long: "Invoke runs a function, waits, and prints its answer as it came. If the function fails, its\n" +
			"error document is printed and the exit code is 1. Here --data is the event; the data\n" +
			"directory is --data-dir.",
		Example: "  ebb invoke hello --data '{\"name\":\"x\"}'\n" +
			"  ebb invoke hello --data @event.json --log\n" +
			"  echo '{}' | ebb invoke hello --data - --qualifier 3 -o json",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.functionNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.invoke(cmd.Context(), given[0], opt)
		},
	}
	cmd.Flags().StringVarP(&opt.payload, "data", "d", "{}", "the `EVENT`: JSON, @FILE, or - for standard input")
	cmd.Flags().StringVarP(&opt.qualifier, "qualifier", "q", "", "`VERSION` or alias to run (default $LATEST)")
	cmd.Flags().StringVar(&opt.clientContext, "client-context", "", "`JSON` that the function finds in its context")
	cmd.Flags().BoolVarP(&opt.log, "log", "l", false, "print the end of this invocation's log to standard error")
	cmd.Flags().BoolVar(&opt.dryRun, "dry-run", false, "only check that the function could be invoked")
	cmd.Flags().BoolVar(&opt.async, "async", false, "do not wait: print the id of the task, see: ebb task")
	cmd.Flags().StringVar(&opt.id, "id", "", "with --async: the task's `ID`, which is accepted once")
	cmd.Flags().StringVar(&opt.egress, "egress", "", "`TARGETS` (sftp.acme.example:22,…) that are open for this invocation alone")
	return cmd
}

func (a *app) invoke(ctx context.Context, name string, opt invokeOptions) error {
	switch {
	case opt.async && (opt.log || opt.dryRun || opt.clientContext != ""):
		return usagef("--async: goes with neither --log nor --dry-run nor --client-context")
	case opt.id != "" && !opt.async:
		return usagef("--id: only with --async")
	}
	payload, err := a.payload(opt.payload)
	if err != nil {
		return err
	}
	in := &lambda.InvokeInput{FunctionName: &name, Payload: payload}
	if opt.qualifier != "" {
		in.Qualifier = &opt.qualifier
	}
	if opt.log {
		in.LogType = types.LogTypeTail
	}
	if opt.dryRun {
		in.InvocationType = types.InvocationTypeDryRun
	}
	if opt.clientContext != "" {
		if !json.Valid([]byte(opt.clientContext)) {
			return usagef("--client-context: is not JSON")
		}
		in.ClientContext = aws.String(base64.StdEncoding.EncodeToString([]byte(opt.clientContext)))
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	var options []func(*lambda.Options)
	if opt.egress != "" {
		options = append(options, header(egressHeader, opt.egress))
	}
	if opt.async {
		return a.invokeAsync(ctx, c, in, opt.id, options)
	}
	out, err := c.Lambda().Invoke(ctx, in, options...)
	if err != nil {
		return &named{name, err}
	}
	return a.invoked(name, out)
}

// Headers of an invocation that AWS does not have.
const (
	taskIDHeader = "X-Ebb-Idempotency-Key" // chooses the id of a task
	egressHeader = "X-Ebb-Egress"          // opens targets for it alone
)

func header(name, value string) func(*lambda.Options) {
	return lambda.WithAPIOptions(smithyhttp.AddHeaderValue(name, value))
}

// invokeAsync has the function run later.
func (a *app) invokeAsync(ctx context.Context, c *client.Client, in *lambda.InvokeInput, id string, options []func(*lambda.Options)) error {
	in.InvocationType = types.InvocationTypeEvent
	if id != "" {
		options = append(options, header(taskIDHeader, id))
	}
	out, err := c.Lambda().Invoke(ctx, in, options...)
	if err != nil {
		return &named{*in.FunctionName, err}
	}
	if id == "" {
		id, _ = middleware.GetRequestIDMetadata(out.ResultMetadata)
	}
	return a.print(struct {
		Function string `json:"function"`
		Task     string `json:"task"`
	}{*in.FunctionName, id}, nil, [][]string{{id}})
}

// payload reads what --data means.
func (a *app) payload(s string) ([]byte, error) {
	if s == "-" {
		return io.ReadAll(a.in)
	}
	if file, ok := strings.CutPrefix(s, "@"); ok {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, usagef("--data: %w", err)
		}
		return text, nil
	}
	return []byte(s), nil
}

// invoked prints an answer, and turns a function's failure into an error.
func (a *app) invoked(name string, out *lambda.InvokeOutput) error {
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return err
	}
	if a.output == outJSON {
		r := invocation{
			Function: name, Version: aws.ToString(out.ExecutedVersion), Status: out.StatusCode,
			FunctionError: aws.ToString(out.FunctionError), Payload: rawJSON(out.Payload), Log: string(log),
		}
		err = a.print(r, nil, nil)
	} else {
		_, _ = a.errs.Write(log)
		err = a.answer(out.Payload)
	}
	if err != nil || aws.ToString(out.FunctionError) == "" {
		return err
	}
	failure := &functionError{function: name}
	var doc struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(out.Payload, &doc) == nil {
		failure.errorType, failure.message = doc.ErrorType, doc.ErrorMessage
	}
	return failure
}

// answer writes a payload as it is; a person's terminal gets a line end too.
func (a *app) answer(payload []byte) error {
	if _, err := a.out.Write(payload); err != nil {
		return err
	}
	if len(payload) > 0 && !bytes.HasSuffix(payload, []byte("\n")) && terminal(a.out) {
		_, err := a.out.Write([]byte("\n"))
		return err
	}
	return nil
}

// rawJSON is text itself if it is JSON, null if it is empty, else a JSON string.
func rawJSON(text []byte) json.RawMessage {
	switch {
	case len(text) == 0:
		return json.RawMessage("null")
	case json.Valid(text):
		return text
	}
	s, err := json.Marshal(string(text))
	if err != nil {
		return json.RawMessage("null")
	}
	return s
}
