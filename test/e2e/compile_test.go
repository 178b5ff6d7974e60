package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestCodeIsCompiledAhead: what a deploy brought is compiled once, beside the
// invocations; instances that start later compile nothing when they import.
func TestCodeIsCompiledAhead(t *testing.T) {
	t.Parallel()
	if !sandboxRequired() {
		t.Skip("only boxes that look the same from within share what was compiled")
	}
	f := python(`
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append(str(args[1])) if event == "compile" else None)
import late, pack.inner

def handler(event, context):
    return {"compiled": [s for s in seen if s.startswith("/var/task")], "value": late.value + pack.inner.value,
            "file": late.where.__code__.co_filename}
`)
	f.Name = name(t)
	f.Files["late.py"] = "value = 1\ndef where(): pass\n"
	f.Files["pack/__init__.py"] = ""
	f.Files["pack/inner.py"] = "value = 2\n"
	if err := shared.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for i, end := 0, time.Now().Add(60*time.Second); ; i++ {
		out, err := shared.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &f.Name})
		if err != nil || out.FunctionError != nil {
			t.Fatalf("%v: %s", err, out.Payload)
		}
		var got struct {
			Compiled []string
			Value    int
			File     string
		}
		if err := json.Unmarshal(out.Payload, &got); err != nil || got.Value != 3 || got.File != "/var/task/late.py" {
			t.Fatalf("%v: %s", err, out.Payload)
		}
		if len(got.Compiled) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still compiled when imported: %s", out.Payload)
		}
		<-time.After(200 * time.Millisecond)                                                                        // what is waited for happens in another process
		_, err = shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{ // another instance
			FunctionName: &f.Name, Environment: &types.Environment{Variables: map[string]string{"ROUND": fmt.Sprint(i)}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}
