package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// distributed is a distributed Map over its input, or what a reader reads.
func distributed(kind, more string) string {
	return `{"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "L", ` + more + `"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "` + kind + `"},
		"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload", "End": true}}}, "End": true}}}`
}

func TestDistributedMap(t *testing.T) {
	r := newRig(t)
	r.functions["f"] = func(_ context.Context, p []byte) (any, error) {
		if strings.Contains(string(p), "bad") {
			return nil, &lambdaError{"bad", "Bad"}
		}
		return json.RawMessage(p), nil
	}
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		x := r.run(distributed(kind, `"MaxConcurrency": 2, `), `[1, 2, 3]`)
		is(t, x, ebb.ExecutionSucceeded, `[1,2,3]`)
		equal(t, kind, r.types(x), []string{"ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"})
		runs, _, err := r.MapRuns(t.Context(), x, "", 10)
		must(t, err)
		n, err := r.Counts(t.Context(), runs[0])
		must(t, err)
		if len(runs) != 1 || runs[0].Status != ebb.ExecutionSucceeded || n.Items[ebb.ExecutionSucceeded] != 3 || n.Total != [2]int64{3, 3} || n.Pending != [2]int64{} {
			t.Errorf("%+v %+v", runs[0], n)
		}
		tolerated := r.run(distributed(kind, `"ToleratedFailureCount": 1, `), `[1, "bad", 3]`)
		if out := str(tolerated.Outcome.Output); !strings.HasPrefix(out, `[1,{"ExecutionArn":"arn:`) || !strings.Contains(out, `"Error":"Bad"`) || !strings.HasSuffix(out, `,3]`) {
			t.Errorf("%s: one that failed is told among those that did not: %s", kind, out)
		}
		x = r.run(distributed(kind, ""), `["bad", 2]`)
		is(t, x, ebb.ExecutionFailed, "States.ExceedToleratedFailureThreshold: The specified tolerated failure threshold was exceeded")
		is(t, r.run(distributed(kind, ""), `[]`), ebb.ExecutionSucceeded, `[]`)
		is(t, r.run(distributed(kind, `"ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": "b"}, "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}, `), `["x", "y", "z"]`),
			ebb.ExecutionSucceeded, `[{"Items":[{"i":0,"v":"x"},{"i":1,"v":"y"}],"BatchInput":"b"},{"Items":[{"i":2,"v":"z"}],"BatchInput":"b"}]`)
	}
}

// sources has a distributed Map tell where its items come from.
func sources(definition string) string {
	return strings.Replace(definition, `"Label": "L", `, `"Label": "L", "ItemSelector": {"s.$": "$$.Map.Item.Source"}, "ResultSelector": {"all.$": "$[*].s"}, "OutputPath": "$.all", `, 1)
}

func TestItemReaders(t *testing.T) {
	r := newRig(t)
	r.objects = map[string][]byte{
		"b/a.json": []byte(`[{"n": 1}, {"n": 2}]`), "b/deep.json": []byte(`{"x": {"y": ["d"]}}`),
		"b/l.jsonl": []byte("{\"n\": 1}\n\n{\"n\": 2}\n"), "b/c.csv": []byte("a,b\n1,\"x,y\"\n2,z\n"), "b/p.csv": []byte("1|2\n"), "b/athena.csv": []byte("\"s3://b/c.csv\"\ns3://b/c.csv\n"),
		"b/inv/manifest.json": []byte(`{"destinationBucket": "arn:aws:s3:::b", "fileFormat": "CSV", "fileSchema": "Bucket, Key", "files": [{"key": "inv/1.csv"}]}`), "b/inv/1.csv": []byte("\"q\",\"k\"\n"),
	}
	read := func(api, config, parameters string) string {
		return distributed("EXPRESS", `"ItemReader": {"Resource": "arn:aws:states:::s3:`+api+`", "ReaderConfig": `+config+`, "Parameters": {"Bucket": "b", `+parameters+`}}, `)
	}
	for _, c := range []struct{ definition, want string }{
		{read("getObject", `{"InputType": "JSON"}`, `"Key": "a.json"`), `[{"n":1},{"n":2}]`},
		{read("getObject", `{"InputType": "JSON", "MaxItems": 1}`, `"Key": "a.json"`), `[{"n":1}]`},
		{read("getObject", `{"InputType": "JSON", "ItemsPointer": "/x/y"}`, `"Key": "deep.json"`), `["d"]`},
		{read("getObject", `{"InputType": "JSONL"}`, `"Key": "l.jsonl"`), `[{"n":1},{"n":2}]`},
		{read("getObject", `{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}`, `"Key": "c.csv"`), `[{"a":"1","b":"x,y"},{"a":"2","b":"z"}]`},
		{read("getObject", `{"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["p", "q", "r"], "CSVDelimiter": "PIPE"}`, `"Key": "p.csv"`), `[{"p":"1","q":"2","r":""}]`},
		{read("getObject", `{"InputType": "MANIFEST"}`, `"Key": "inv/manifest.json"`), `[{"Bucket":"q","Key":"k"}]`},
		{read("getObject", `{"ManifestType": "S3_INVENTORY"}`, `"Key": "inv/manifest.json"`), `[{"Bucket":"q","Key":"k"}]`},
		{read("getObject", `{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "ManifestType": "ATHENA_DATA"}`, `"Key": "athena.csv"`), `[{"a":"1","b":"x,y"},{"a":"2","b":"z"},{"a":"1","b":"x,y"},{"a":"2","b":"z"}]`},
		{read("listObjectsV2", `{"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSONL"}`, `"Prefix": "l."`), `[{"n":1},{"n":2}]`},
		{sources(read("getObject", `{"InputType": "JSON"}`, `"Key": "a.json"`)), `["S3://b/a.json","S3://b/a.json"]`},
		{sources(read("listObjectsV2", `{}`, `"Prefix": "inv/1"`)), `["S3://b"]`},
		{sources(read("listObjectsV2", `{"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSONL"}`, `"Prefix": "l."`)), `["S3://b/l.jsonl","S3://b/l.jsonl"]`},
		{read("listObjectsV2", `{}`, `"Prefix": "inv/1"`), `[{"Etag":"\"e\"","Key":"inv/1.csv","LastModified":-62135596800,"Size":1,"StorageClass":"STANDARD"}]`},
	} {
		is(t, r.run(c.definition, `{}`), ebb.ExecutionSucceeded, c.want)
	}
	for config, want := range map[string]string{
		`{"InputType": "PARQUET"}`: "States.ItemReaderFailed: s3://b/c.csv: InputType PARQUET is not offered",
		`{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "ManifestType": "ATHENA_DATA"}`: "States.ItemReaderFailed: s3://b/c.csv: \"a,b\" is not the URI of an object",
	} {
		is(t, r.run(read("getObject", config, `"Key": "c.csv"`), `{}`), ebb.ExecutionFailed, want)
	}
	is(t, r.run(read("getObject", `{"InputType": "JSON"}`, `"Key": "a.json", "VersionId": "v"`), `{}`), ebb.ExecutionFailed, "States.ItemReaderFailed: Parameters: VersionId is not offered")
	is(t, r.run(read("getObject", `{"InputType": "JSON"}`, `"Key": "none"`), `{}`), ebb.ExecutionFailed, "States.ItemReaderFailed: s3://b/none: NoSuchKey")
	is(t, r.run(read("getObject", `{"InputType": "JSON"}`, `"Key": "c.csv"`), `{}`), ebb.ExecutionFailed, "States.ItemReaderFailed: s3://b/c.csv: ")
}

func TestResultWriter(t *testing.T) {
	r := newRig(t)
	x := r.run(distributed("STANDARD", `"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "p/"}}, `), `[1, 2]`)
	if x.Status != ebb.ExecutionSucceeded {
		t.Fatal(str(x.Outcome.Error), str(x.Outcome.Cause))
	}
	var out struct {
		MapRunArn           string
		ResultWriterDetails struct{ Bucket, Key string }
	}
	must(t, json.Unmarshal([]byte(*x.Outcome.Output), &out))
	var manifest struct {
		DestinationBucket, MapRunArn string
		ResultFiles                  map[string][]struct{ Key string }
	}
	must(t, json.Unmarshal(r.objects["out/"+out.ResultWriterDetails.Key], &manifest))
	files := manifest.ResultFiles["SUCCEEDED"]
	if manifest.DestinationBucket != "out" || manifest.MapRunArn != out.MapRunArn || len(files) != 1 || len(manifest.ResultFiles["FAILED"]) != 0 {
		t.Fatalf("%+v", manifest)
	}
	var results []struct{ Output, Status, Input string }
	must(t, json.Unmarshal(r.objects["out/"+files[0].Key], &results))
	if len(results) != 2 || results[1].Output != "2" || results[1].Input != "2" {
		t.Errorf("%+v", results)
	}
}

// Too many that failed are no reason to lose the results.
func TestResultsOfAFailure(t *testing.T) {
	r := newRig(t)
	r.functions["f"] = func(_ context.Context, p []byte) (any, error) {
		if strings.Contains(string(p), "bad") {
			return nil, &lambdaError{"bad", "Bad"}
		}
		return json.RawMessage(p), nil
	}
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		x := r.run(distributed(kind, `"MaxConcurrency": 1, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out"}}, `), `[1, "bad", 3]`)
		is(t, x, ebb.ExecutionFailed, "States.ExceedToleratedFailureThreshold: ")
		runs, _, err := r.MapRuns(t.Context(), x, "", 10)
		must(t, err)
		folder := "out/" + runs[0].ID + "/"
		for file, want := range map[string]string{"SUCCEEDED_0.json": `"Output":"1"`, "FAILED_0.json": `"Error":"Bad"`, "manifest.json": `"FAILED":[{"Key":"` + runs[0].ID + `/FAILED_0.json"`} {
			if got := string(r.objects[folder+file]); !strings.Contains(got, want) {
				t.Errorf("%s %s: %s", kind, file, got)
			}
		}
		if runs[0].Status != ebb.ExecutionFailed || runs[0].ResultsWritten == 0 {
			t.Errorf("%+v", runs[0])
		}
	}
}

// WriterConfig says what children give, and in what form.
func TestWriterConfig(t *testing.T) {
	r := newRig(t)
	r.functions["f"] = func(_ context.Context, p []byte) (any, error) {
		if strings.Contains(string(p), "bad") {
			return nil, &lambdaError{"bad", "Bad"}
		}
		return json.RawMessage(p), nil
	}
	config := func(transformation, kind string) string {
		return `"WriterConfig": {"Transformation": "` + transformation + `", "OutputType": "` + kind + `"}`
	}
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		output := func(writer, input string) string {
			t.Helper()
			x := r.run(distributed(kind, `"ToleratedFailureCount": 1, "ResultWriter": {`+writer+`}, `), input)
			if x.Status != ebb.ExecutionSucceeded {
				t.Fatal(str(x.Outcome.Error), str(x.Outcome.Cause))
			}
			return *x.Outcome.Output
		}
		equal(t, kind, []string{
			output(config("COMPACT", "JSON"), `[[1, 2], 3]`), output(config("FLATTEN", "JSON"), `[[1, 2], 3]`),
			output(config("FLATTEN", "JSONL"), `[[1, {"a": 2}], 3]`),
		}, []string{`[[1,2],3]`, `[1,2,3]`, `"1\n{\"a\":2}\n3\n"`})
		var records []struct{ Status, Output, Input, Error, RedriveStatusReason string }
		must(t, json.Unmarshal([]byte(output(config("NONE", "JSON"), `[1, "bad"]`)), &records))
		if len(records) != 2 || records[0].Output != "1" || records[0].RedriveStatusReason != "Execution is SUCCEEDED and cannot be redriven" || records[0].Status != "SUCCEEDED" || records[1].Error != "Bad" || records[1].Input != `"bad"` {
			t.Errorf("%+v", records)
		}
		if out := output(config("FLATTEN", "JSON"), `[[1, 2], "bad"]`); !strings.HasPrefix(out, `[1,2,{"ExecutionArn":`) {
			t.Error(out)
		}
		to := `"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out"}, `
		for _, c := range []struct{ config, file, want string }{
			{config("COMPACT", "JSON"), "SUCCEEDED_0.json", `[[1,2],3]`},
			{config("FLATTEN", "JSONL"), "SUCCEEDED_0.jsonl", "1\n2\n3\n"},
		} {
			var out struct{ ResultWriterDetails struct{ Key string } }
			must(t, json.Unmarshal([]byte(output(to+c.config, `[[1, 2], "bad", 3]`)), &out))
			folder := "out/" + strings.TrimSuffix(out.ResultWriterDetails.Key, "manifest.json")
			if got := string(r.objects[folder+c.file]); got != c.want {
				t.Errorf("%s %s: %s", kind, c.config, got)
			}
			if lost := string(r.objects[folder+strings.Replace(c.file, "SUCCEEDED", "FAILED", 1)]); !strings.Contains(lost, `"Status":"FAILED"`) {
				t.Errorf("%s: %s", c.config, lost)
			}
		}
	}
}

// A map run goes on after the process died, and after a redrive, with the
// children that had not succeeded.
func TestMapRunGoesOn(t *testing.T) {
	r := newRig(t)
	var fails atomic.Bool
	fails.Store(true)
	var calls atomic.Int64
	r.functions["f"] = func(_ context.Context, p []byte) (any, error) {
		calls.Add(1)
		if string(p) == "2" && fails.Load() {
			return nil, &lambdaError{"bad", "Bad"}
		}
		return json.RawMessage(p), nil
	}
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		fails.Store(true)
		calls.Store(0)
		x := r.run(distributed(kind, `"MaxConcurrency": 1, `), `[1, 2, 3]`)
		is(t, x, ebb.ExecutionFailed, "States.ExceedToleratedFailureThreshold")
		fails.Store(false)
		before := calls.Load()
		_, err := r.Redrive(t.Context(), x.ARN("us-east-1"), "")
		must(t, err)
		x = r.end(x.ARN("us-east-1"))
		is(t, x, ebb.ExecutionSucceeded, `[1,2,3]`)
		if n := calls.Load() - before; n != 2 {
			t.Errorf("%s: %d calls after the redrive", kind, n)
		}
		if types := strings.Join(r.types(x), " "); !strings.Contains(types, "ExecutionFailed ExecutionRedriven MapRunRedriven MapRunSucceeded") {
			t.Error(types)
		}
		runs, _, err := r.MapRuns(t.Context(), x, "", 10)
		must(t, err)
		if len(runs) != 1 || runs[0].RedriveCount != 1 {
			t.Errorf("%+v", runs)
		}
	}
}

// The redrives of a map run are counted from its own first.
func TestRedrivesOfAMapRun(t *testing.T) {
	r := newRig(t)
	var calls atomic.Int64
	bad := map[int64]bool{1: true, 3: true} // the task before the Map, then its child
	r.functions["f"] = func(context.Context, []byte) (any, error) {
		if bad[calls.Add(1)] {
			return nil, &lambdaError{"no", "Nope"}
		}
		return 1, nil
	}
	definition := strings.Replace(distributed("STANDARD", ""), `"StartAt": "M", "States": {`, `"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "ResultPath": null, "Next": "M"}, `, 1)
	x := r.run(definition, `[1]`)
	for i, want := range []string{ebb.ExecutionFailed, ebb.ExecutionFailed, ebb.ExecutionSucceeded} {
		if i > 0 {
			_, err := r.Redrive(t.Context(), x.ARN("us-east-1"), "")
			must(t, err)
			x = r.end(x.ARN("us-east-1"))
		}
		if x.Status != want {
			t.Fatalf("after %d redrives: %s", i, x.Status)
		}
	}
	runs, _, err := r.MapRuns(t.Context(), x, "", 10)
	must(t, err)
	events, _, err := r.History(t.Context(), x, 1, 100, false)
	must(t, err)
	for _, e := range events {
		if e.Type == "MapRunRedriven" && e.Details.RedriveCount != 1 {
			t.Errorf("%+v", e.Details)
		}
	}
	if x.RedriveCount != 2 || len(runs) != 1 || runs[0].RedriveCount != 1 {
		t.Errorf("%d %+v", x.RedriveCount, runs)
	}
}

func TestMapRunStopped(t *testing.T) {
	r := newRig(t)
	definition := strings.Replace(distributed("STANDARD", ""), `"T": {"Type": "Task"`, `"T": {"Type": "Task", "TimeoutSeconds": 99`, 1)
	held := make(chan struct{})
	defer close(held)
	r.functions["f"] = func(context.Context, []byte) (any, error) { <-held; return nil, nil }
	arn := r.begin(r.create("m", "", definition), `[1, 2]`)
	children := func(status string) int {
		xs, _, err := r.Executions(t.Context(), store.ExecutionFilter{Service: service, Machine: "m/L", Status: status, Limit: 10})
		must(t, err)
		return len(xs)
	}
	r.until("the children", func() bool { return children(ebb.ExecutionRunning) == 2 })
	_, err := r.Stop(t.Context(), arn, nil, nil)
	must(t, err)
	r.until("the end of the children", func() bool { return children(ebb.ExecutionAborted) == 2 })
	x := r.end(arn)
	r.until("the end of the map run", func() bool {
		runs, _, err := r.MapRuns(t.Context(), x, "", 10)
		must(t, err)
		return runs[0].Status == ebb.ExecutionAborted
	})
}

func TestManyItems(t *testing.T) {
	r := newRig(t)
	n := 3000
	if testing.Short() {
		n = 300
	}
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d\n", i)
	}
	r.objects["b/l.jsonl"] = []byte(text.String())
	x := r.run(distributed("EXPRESS", `"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSONL"}, "Parameters": {"Bucket": "b", "Key": "l.jsonl"}}, `), `{}`)
	var out []int
	must(t, json.Unmarshal([]byte(str(x.Outcome.Output)), &out))
	if len(out) != n || out[n-1] != n-1 {
		t.Error(len(out))
	}
}
