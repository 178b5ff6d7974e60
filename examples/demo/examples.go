package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	outbound "github.com/ebb-faas/ebb/examples/outbound-preprocess"
)

// row is one line of the table.
type row struct {
	function string
	runtime  string
	cold     time.Duration // of the first invocation
	init     time.Duration // what of it was starting runtime and code, by REPORT
	warm     time.Duration // median
	result   string
}

// runExamples deploys and runs all examples. It returns the rows it has also
// when it fails.
func runExamples(ctx context.Context, s settings, p *platform, temp string) ([]row, error) {
	var rows []row
	hellos := []string{"hello-python", "hello-node", "hello-go", "hello-web"}
	switch ok, err := p.hasJava(ctx); {
	case err != nil:
		return nil, err
	case ok:
		hellos = append(hellos, "hello-java")
	default:
		fmt.Println("without hello-java: it takes a Java runtime (see ebb doctor), a JDK and Maven")
	}
	for _, name := range hellos {
		fmt.Println("deploying and running", name)
		r, err := runHello(ctx, s, p, name)
		rows = append(rows, r)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Printf("writing a call list of %d lines, some of them bad on purpose\n", s.rows)
	generated := filepath.Join(temp, "calls")
	if err := generate(ctx, s, generated); err != nil {
		return rows, err
	}
	fmt.Println("deploying and running outbound-preprocess on it")
	more, err := runOutbound(ctx, s, p, generated)
	return append(rows, more...), err
}

// runHello runs one of the hello functions cold, warm, and through its URL.
func runHello(ctx context.Context, s settings, p *platform, name string) (row, error) {
	r := row{function: name}
	dir := filepath.Join(s.examples, name)
	if err := p.deploy(ctx, dir); err != nil {
		return r, err
	}
	event, err := os.ReadFile(filepath.Join(dir, "event.json"))
	if err != nil {
		return r, err
	}
	answer, err := r.coldStart(ctx, p, event)
	if err != nil {
		return r, err
	}
	if r.result, err = greeting(answer); err != nil {
		return r, err
	}
	times := make([]time.Duration, 0, s.warm)
	for range s.warm {
		began := time.Now()
		again, err := invoke(ctx, p, name, event)
		if err != nil {
			return r, err
		}
		times = append(times, time.Since(began))
		if got, err := greeting(again.Payload); err != nil {
			return r, err
		} else if got != r.result {
			return r, fmt.Errorf("it said %q, and then %q", r.result, got)
		}
	}
	r.warm = median(times)
	return r, r.throughURL(ctx, p)
}

// coldStart runs the function's first invocation and notes what it cost.
func (r *row) coldStart(ctx context.Context, p *platform, event []byte) ([]byte, error) {
	f, err := p.client.Lambda().GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &r.function})
	if err != nil {
		return nil, err
	}
	r.runtime = string(f.Runtime)
	began := time.Now()
	out, err := invoke(ctx, p, r.function, event)
	if err != nil {
		return nil, err
	}
	r.cold = time.Since(began)
	if r.init, err = initDuration(aws.ToString(out.LogResult)); err != nil {
		return nil, err
	}
	return out.Payload, nil
}

// throughURL asks the same of the function as a browser would.
func (r *row) throughURL(ctx context.Context, p *platform) error {
	u, err := p.client.Lambda().GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &r.function})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, aws.ToString(u.FunctionUrl)+"?name=browser", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	got, err := greeting(body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(got, "browser") {
		return fmt.Errorf("its URL answered %s: %s", resp.Status, body)
	}
	r.result += " (by URL too)"
	return nil
}

// invoke runs a function whose failure is an error here.
func invoke(ctx context.Context, p *platform, name string, event []byte) (*lambda.InvokeOutput, error) {
	out, err := p.client.Lambda().Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: event, LogType: types.LogTypeTail})
	if err != nil {
		return nil, err
	}
	if out.FunctionError != nil {
		return nil, fmt.Errorf("the function failed: %s", out.Payload)
	}
	return out, nil
}

// initDuration reads from the REPORT line how long runtime and code took to
// start. A first invocation without one was not cold, which is an error.
func initDuration(logTail string) (time.Duration, error) {
	tail, err := base64.StdEncoding.DecodeString(logTail)
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`REPORT .*Init Duration: ([0-9.]+) ms`).FindSubmatch(tail)
	if m == nil {
		return 0, fmt.Errorf("the log of a first invocation reports no cold start:\n%s", tail)
	}
	ms, err := strconv.ParseFloat(string(m[1]), 64)
	return time.Duration(ms * float64(time.Millisecond)), err
}

func greeting(answer []byte) (string, error) {
	var a struct{ Message string }
	if err := json.Unmarshal(answer, &a); err != nil {
		return "", fmt.Errorf("its answer is not JSON: %q", answer)
	}
	if !strings.HasPrefix(a.Message, "Hello, ") {
		return "", fmt.Errorf("it did not say hello: %q", answer)
	}
	return a.Message, nil
}

// generate writes the call list and its manifest.
func generate(ctx context.Context, s settings, dir string) error {
	script := filepath.Join(s.examples, "outbound-preprocess", "generate.py")
	out, err := exec.CommandContext(ctx, "python3", "-B", script, "--out", dir, "--rows", strconv.Itoa(s.rows)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", script, err, out)
	}
	return nil
}

// stopwatch times every invocation that goes through it.
type stopwatch struct {
	mu    sync.Mutex
	times map[string][]time.Duration // by function
}

func (w *stopwatch) wrap(next outbound.Invoke) outbound.Invoke {
	return func(ctx context.Context, function string, payload []byte) ([]byte, error) {
		began := time.Now()
		answer, err := next(ctx, function, payload)
		took := time.Since(began)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.times[function] = append(w.times[function], took)
		return answer, err
	}
}

// runOutbound preprocesses the generated list and compares the result with what
// the generator knows of it.
func runOutbound(ctx context.Context, s settings, p *platform, generated string) ([]row, error) {
	dir := filepath.Join(s.examples, "outbound-preprocess")
	if err := p.deploy(ctx, dir); err != nil {
		return nil, err
	}
	event, err := os.ReadFile(filepath.Join(dir, "event.json"))
	if err != nil {
		return nil, err
	}
	rows := []row{{function: outbound.FunctionPreprocess}, {function: outbound.FunctionMerge}}
	if _, err := rows[0].coldStart(ctx, p, event); err != nil {
		return rows, err
	}
	if _, err := rows[1].coldStart(ctx, p, []byte(`{"shard":0,"parts":[]}`)); err != nil {
		return rows, err
	}
	watch := &stopwatch{times: map[string][]time.Duration{}}
	report, err := preprocess(ctx, s, p, generated, watch)
	if err != nil {
		return rows, err
	}
	for i := range rows {
		times := watch.times[rows[i].function]
		rows[i].warm = median(times)
		rows[i].result = fmt.Sprintf("%d invocations", len(times))
	}
	rows[0].result += fmt.Sprintf(": %d lines, %d good (%d repaired), %d rejected",
		report.Lines, report.Accepted, len(report.Repaired), len(report.Rejects))
	rows[1].result += fmt.Sprintf(": %d files in %s, every seeded defect found and nothing else",
		len(report.Files), report.Took.Round(10*time.Millisecond))
	return rows, nil
}

func preprocess(ctx context.Context, s settings, p *platform, generated string, watch *stopwatch) (*outbound.Report, error) {
	list, err := os.Open(filepath.Join(generated, "calls.csv"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = list.Close() }()
	out := filepath.Join(s.out, "outbound")
	if err := os.Mkdir(out, 0o755); err != nil {
		return nil, err
	}
	plan := outbound.DefaultPlan()
	plan.Concurrency = s.concurrency
	report, err := outbound.Run(ctx, watch.wrap(outbound.Through(p.client.Lambda())), plan, list, out)
	if err != nil {
		return nil, err
	}
	manifest, err := outbound.ReadManifest(filepath.Join(generated, "manifest.json"))
	if err != nil {
		return nil, err
	}
	if err := manifest.Check(report); err != nil {
		return nil, fmt.Errorf("the result is wrong: %w", err)
	}
	return report, nil
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(times), cmp.Compare)
	return sorted[len(sorted)/2]
}

func printTable(rows []row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(w, "FUNCTION\tRUNTIME\tCOLD START ms\tWARM P50 ms\tRESULT")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s (%s)\t%s\t%s\n", r.function, r.runtime, millis(r.cold), millis(r.init), millis(r.warm), r.result)
	}
	_ = w.Flush()
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}
