package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// kafkaAccess is how a cluster is reached: a type of the Lambda API and a secret.
type kafkaAccess struct {
	Type   string `json:"type"`
	Secret string `json:"secret"`
}

// kafkaSettings are what the command line knows of a Kafka trigger's settings.
type kafkaSettings struct {
	Brokers        []string      `json:"brokers"`
	Topic          string        `json:"topic"`
	Group          string        `json:"group,omitempty"`
	Start          string        `json:"start,omitempty"`
	StartTime      *time.Time    `json:"startTime,omitempty"`
	BatchSize      int           `json:"batchSize,omitempty"`
	Window         *int64        `json:"window,omitempty"` // milliseconds
	Parallel       int           `json:"parallel,omitempty"`
	Bisect         bool          `json:"bisect,omitempty"`
	ReportFailures bool          `json:"reportFailures,omitempty"`
	TLS            bool          `json:"tls,omitempty"`
	Access         []kafkaAccess `json:"access,omitempty"`
}

// triggerKafka makes a trigger that reads a topic without writing JSON.
func (a *app) triggerKafka() *cobra.Command {
	var s kafkaSettings
	var settings client.TriggerSettings
	var start, login string
	var ca, certificate string
	var window, age time.Duration
	var retries int
	var filters []string
	cmd := &cobra.Command{
		Use:   "kafka TRIGGER TARGET --broker HOST:PORT --topic TOPIC",
		Short: "Make or change a trigger that reads a topic of Kafka",
		Long: "Kafka makes a trigger that hands the records of a topic to a function, in batches and in their\n" +
			"order, or changes the one of that name. The Lambda API calls it an event source mapping. What\n" +
			"has no flag here can be set with \"ebb trigger put\".",
		Example: "  ebb trigger kafka payments settle:prod --broker kafka1:9092 --topic payments\n" +
			"  ebb trigger kafka audit archive --broker kafka1:9093 --topic audit --login scram-512=secret://kafka --ca secret://kafka-ca \\\n" +
			"      --batch 500 --parallel 4 --retries 3 --bisect --on-failure kafka://audit-failed",
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := s.begin(start); err != nil {
				return err
			}
			if err := s.secure(login, ca, certificate); err != nil {
				return err
			}
			if cmd.Flags().Changed("window") {
				s.Window = new(window.Milliseconds())
			}
			if cmd.Flags().Changed("retries") {
				settings.MaxRetries = &retries
			}
			var err error
			if settings.Filters, err = readFilters(filters); err != nil {
				return err
			}
			if settings.Kafka, err = json.Marshal(s); err != nil {
				return err
			}
			settings.Target, settings.MaxAge = given[1], int(age/time.Second)
			return a.putTrigger(cmd.Context(), given[0], settings)
		},
	}
	f := cmd.Flags()
	s.flags(f)
	f.StringVar(&start, "start", "earliest", "`WHERE` a group without offsets begins: earliest, latest, or a time in RFC 3339")
	f.DurationVar(&window, "window", 500*time.Millisecond, "`DURATION` that a batch waits to be full")
	f.IntVar(&retries, "retries", 0, "a batch that failed is tried again `N` times (default without end, or 10 with --on-failure)")
	f.DurationVar(&age, "max-age", 0, "records older than this `DURATION` are given up (default never)")
	f.StringVar(&settings.OnFailure, "on-failure", "", "`ARN` for what was given up, or kafka://TOPIC of the same cluster")
	f.StringArrayVar(&filters, "filter", nil, "`PATTERN` that records must match; may be given again")
	f.StringVar(&login, "login", "", "`HOW=SECRET`: plain, scram-256 or scram-512, and the secret://NAME with username and password")
	f.StringVar(&ca, "ca", "", "`SECRET` (secret://NAME) with the certificate of who signed the brokers'")
	f.StringVar(&certificate, "client-certificate", "", "`SECRET` (secret://NAME) with certificate and privateKey")
	f.BoolVar(&settings.Paused, "paused", false, "do not read yet")
	return cmd
}

// flags are the settings that have a flag each.
func (s *kafkaSettings) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.Brokers, "broker", nil, "`HOST:PORT` to begin with; may be given again")
	f.StringVar(&s.Topic, "topic", "", "the `TOPIC`")
	f.StringVar(&s.Group, "group", "", "consumer `GROUP` (default the trigger's id)")
	f.IntVar(&s.BatchSize, "batch", 100, "at most `N` records in one invocation")
	f.IntVar(&s.Parallel, "parallel", 1, "`N` batches of one partition in flight, 1 to 10; records of one key keep their order")
	f.BoolVar(&s.Bisect, "bisect", false, "split a batch that failed in two")
	f.BoolVar(&s.ReportFailures, "report-failures", false, "the function answers with batchItemFailures")
	f.BoolVar(&s.TLS, "tls", false, "speak TLS")
}

// begin reads --start.
func (s *kafkaSettings) begin(start string) error {
	switch start {
	case "earliest":
		s.Start = "TRIM_HORIZON"
	case "latest":
		s.Start = "LATEST"
	default:
		at, err := time.Parse(time.RFC3339, start)
		if err != nil {
			return usagef("--start: %q is neither earliest, latest nor a time like 2026-11-22T18:30:00Z", start)
		}
		s.Start, s.StartTime = "AT_TIMESTAMP", &at
	}
	return nil
}

// secure reads --login, --ca and --client-certificate.
func (s *kafkaSettings) secure(login, ca, certificate string) error {
	if login != "" {
		how, secret, ok := strings.Cut(login, "=")
		kind := map[string]string{"plain": "BASIC_AUTH", "scram-256": "SASL_SCRAM_256_AUTH", "scram-512": "SASL_SCRAM_512_AUTH"}[how]
		if !ok || kind == "" {
			return usagef("--login: %q is not plain=, scram-256= or scram-512=secret://NAME", login)
		}
		s.Access = append(s.Access, kafkaAccess{kind, secret})
	}
	if ca != "" {
		s.Access = append(s.Access, kafkaAccess{"SERVER_ROOT_CA_CERTIFICATE", ca})
	}
	if certificate != "" {
		s.Access = append(s.Access, kafkaAccess{"CLIENT_CERTIFICATE_TLS_AUTH", certificate})
	}
	return nil
}

func (a *app) triggerSeek() *cobra.Command {
	var earliest, latest bool
	var at string
	var offsets []string
	cmd := &cobra.Command{
		Use:   "seek TRIGGER (--earliest | --latest | --time TIME | --offset PARTITION=OFFSET …)",
		Short: "Have a Kafka trigger read on from elsewhere: again, or from later",
		Long: "Seek has a Kafka trigger read on from a place, a time, or offsets of partitions, on all nodes. What\n" +
			"it has in flight is finished first.",
		Example: "  ebb trigger seek payments --time 2026-11-22T18:00:00+08:00\n  ebb trigger seek payments --offset 0=1200 --offset 3=0",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			to, err := readSeek(earliest, latest, at, offsets)
			if err != nil {
				return err
			}
			return a.withClient(func(c *client.Client) error {
				t, err := c.SeekTrigger(cmd.Context(), given[0], to)
				if err != nil {
					return err
				}
				return a.print(t, nil, [][]string{{fmt.Sprintf("%s reads on from there", given[0])}})
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&earliest, "earliest", false, "from the first record that is left")
	f.BoolVar(&latest, "latest", false, "only what comes")
	f.StringVar(&at, "time", "", "from the first record that is not older than this `TIME`, RFC 3339")
	f.StringArrayVar(&offsets, "offset", nil, "`PARTITION=OFFSET`; other partitions go on where they are")
	return cmd
}

// readSeek is the place that the flags mean.
func readSeek(earliest, latest bool, at string, offsets []string) (to client.Seek, err error) {
	given := 0
	for _, is := range []bool{earliest, latest, at != "", len(offsets) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return to, usagef("give one of --earliest, --latest, --time and --offset")
	case earliest:
		to.Position = "TRIM_HORIZON"
	case latest:
		to.Position = "LATEST"
	case at != "":
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return to, usagef("--time: %q is not a time like 2026-11-22T18:30:00Z", at)
		}
		to.Time = &moment
	}
	for _, o := range offsets {
		part, text, ok := strings.Cut(o, "=")
		offset, err := strconv.ParseInt(text, 10, 64)
		if !ok || err != nil || offset < 0 {
			return to, usagef("--offset: %q is not PARTITION=OFFSET", o)
		}
		if to.Offsets == nil {
			to.Offsets = make(map[string]int64)
		}
		to.Offsets[part] = offset
	}
	return to, nil
}
