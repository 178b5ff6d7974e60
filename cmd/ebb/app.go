package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ebb-faas/ebb/internal/server"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// Values of -o.
const (
	outTable = "table"
	outJSON  = "json"
)

// app is what all verbs share: the three streams and the global flags.
type app struct {
	in   io.Reader
	out  io.Writer
	errs io.Writer

	dir     string // --data: data directory, "" = not given
	output  string // -o
	service string // --service: name or id, "" = not given
	started bool   // the verb itself has begun: errors are no longer about usage
}

// root builds the tree of verbs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ebb",
		Short: "Run functions on your own machines",
		Long: "ebb runs functions on your own machines, behind the AWS Lambda API.\n\n" +
			"Verbs find the platform by --data, else AWS_ENDPOINT_URL, else $EBB_DATA, else the default\n" +
			"data directory.\n\n" +
			"Exit codes: 0 done, 1 the function failed, 2 wrong usage, 3 the platform failed.",
		Example: "  ebb serve &\n" +
			"  ebb init hello --runtime python\n" +
			"  ebb deploy hello\n" +
			"  ebb invoke hello --data '{\"name\":\"x\"}'",
		SilenceErrors:    true,
		SilenceUsage:     true,
		TraverseChildren: true,
		PersistentPreRunE: func(verb *cobra.Command, _ []string) error {
			if a.output != outTable && a.output != outJSON {
				return usagef("--output: %q is neither json nor table", a.output)
			}
			a.started = true
			if verb.Name() != "serve" { // which has a log for that
				a.warnOfVariables(os.Environ())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no verb %q; see: ebb --help", args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.dir, "data", "", "data directory `DIR` of the platform (default $EBB_DATA, else "+server.DefaultData()+")")
	flags.StringVar(&a.dir, "data-dir", "", "the same as --data `DIR`, also where --data means something else (ebb invoke)")
	flags.StringVar(&a.service, "service", "", "the service to act for, by `NAME` or id (default $EBB_SERVICE, else that of the keys)")
	flags.StringVarP(&a.output, "output", "o", outTable, "`FORMAT` of the result: json or table")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outJSON, outTable}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.MarkPersistentFlagDirname("data")
	_ = root.MarkPersistentFlagDirname("data-dir")
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		a.serveVerb(), a.initVerb(), a.deployVerb(), a.invokeVerb(), a.taskVerb(), a.deliveryVerb(), a.logsVerb(), a.lsVerb(), a.topVerb(), a.rmVerb(), a.aliasVerb(), a.layerVerb(), a.signVerb(), a.publisherVerb(), a.runtimeVerb(),
		a.workflowVerb(), a.triggerVerb(), a.eventVerb(), a.calendarVerb(), a.bucketVerb(), a.s3Verb(),
		a.serviceVerb(), a.keyVerb(), a.apiKeyVerb(), a.roleVerb(), a.secretVerb(), a.schemaVerb(), a.diffVerb(),
		a.doctorVerb(), a.envVerb(), a.backupVerb(), a.restoreVerb(), a.versionVerb(), a.completionVerb(),
	)
	return root
}

// warnOfVariables tells of those that look like a mistake: with them the verb might
// act on another platform or service than its caller believes.
func (a *app) warnOfVariables(environ []string) {
	for _, v := range server.UnknownVariables(environ) {
		if v.Nearest != "" {
			_, _ = fmt.Fprintf(a.errs, "ebb: warning: %s means nothing to ebb; %s\n", v.Name, v.Hint())
		}
	}
}

// withClient has fn speak to the platform.
func (a *app) withClient(fn func(*client.Client) error) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(c)
}

// where finds the platform, and the service to act for.
func (a *app) where() (client.Config, error) {
	cfg, err := a.platform()
	cfg.Service = a.chosen()
	return cfg, err
}

// chosen is the service to act for: --service, else EBB_SERVICE; "" = that of
// the keys.
func (a *app) chosen() string {
	if a.service != "" {
		return a.service
	}
	return os.Getenv("EBB_SERVICE")
}

// platform finds the platform: --data, else AWS_ENDPOINT_URL, else the default
// data directory.
func (a *app) platform() (client.Config, error) {
	if a.dir != "" {
		return client.Discover(a.dir)
	}
	cfg, err := client.FromEnvironment()
	if _, none := errors.AsType[*client.NotRunningError](err); none {
		return client.Discover(server.DefaultData())
	}
	return cfg, err
}

// connect makes the client that verbs speak through. Its requests report upload
// progress to whoever asks for it (see watchUpload).
func (a *app) connect() (*client.Client, error) { return a.connectAs(a.chosen()) }

// connectAs is connect for a service.
func (a *app) connectAs(service string) (*client.Client, error) {
	cfg, err := a.platform()
	if err != nil {
		return nil, err
	}
	cfg.Service = service
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("net/http has no default transport")
	}
	cfg.HTTPClient = &http.Client{Transport: &uploadTransport{next: t.Clone()}}
	c, err := client.New(cfg)
	if err != nil {
		return nil, usagef("%w; set the variables with: eval \"$(ebb env --data DIR)\"", err)
	}
	return c, nil
}

// args wraps a check of positional arguments so that its error says how the verb
// is called.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usagef("%w; usage: %s", err, cmd.UseLine())
		}
		return nil
	}
}

// functionNames completes names of functions for the shell.
func (a *app) functionNames(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	// A shell waits for this.
	ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
	defer cancel()
	all, err := listFunctions(ctx, c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, f := range all {
		if !slices.Contains(given, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// terminal reports whether stream is one that a person looks at.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// note writes a line for people, beside the result.
func (a *app) note(format string, args ...any) {
	_, _ = fmt.Fprintf(a.errs, format+"\n", args...)
}
