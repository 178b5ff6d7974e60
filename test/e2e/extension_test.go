package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// extensionLayer is a layer with an extension that tells what it is told.
func extensionLayer(t *testing.T) string {
	t.Helper()
	return publishLayer(t, "", map[string]string{"extensions/watcher": compiled(t, "./test/e2e/testdata/extension")})
}

// TestExtensions: an extension of a layer runs beside a function, whatever its
// runtime, is told of its invocations and of its end, and hears its telemetry.
func TestExtensions(t *testing.T) {
	t.Parallel()
	if !sandboxRequired() {
		t.Skip("a plain process has no /opt of its own")
	}
	layer := extensionLayer(t)
	py := python("def handler(event, context):\n    print('a line of the function')\n    return event\n")
	py.Name = name(t) + "-py"
	js := node("exports.handler = async (event) => { console.log('a line of the function'); return event; };\n")
	js.Name = name(t) + "-js"
	for _, f := range []platform.Function{py, js} {
		f.TimeoutS = 20
		if err := shared.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		with(t, f.Name, layer)
		id := invokeID(t, shared, f.Name, `{}`)
		logged(t, f.Name, `"eventType":"INVOKE"`)
		logged(t, f.Name, `"requestId":"`+id+`"`)
		logged(t, f.Name, "extension: 1 of platform.start")
		logged(t, f.Name, "extension: 1 of function")
		for _, text := range texts(read(t, shared, f.Name)) {
			if strings.Contains(text, "extension: knows") && (strings.Contains(text, "_HANDLER=") || !strings.Contains(text, "AWS_LAMBDA_FUNCTION_NAME="+f.Name)) {
				t.Errorf("%s", text)
			}
		}
		again := invokeID(t, shared, f.Name, `{}`)
		logged(t, f.Name, `"requestId":"`+again+`"`)
		with(t, f.Name) // what was started with the layer goes
		logged(t, f.Name, `{"eventType":"SHUTDOWN","shutdownReason":"SPINDOWN"`)
	}
}

// TestExtensionCrash: the end of an extension is the end of the instance, and of
// nothing else.
func TestExtensionCrash(t *testing.T) {
	t.Parallel()
	if !sandboxRequired() {
		t.Skip("a plain process has no /opt of its own")
	}
	layer := extensionLayer(t)
	f := python("import time\ndef handler(event, context):\n    time.sleep(5)\n")
	f.TimeoutS, f.Env = 20, map[string]string{"CRASH": "1"}
	f.Name = deploy(t, f)
	with(t, f.Name, layer)
	out, err := shared.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &f.Name})
	if err != nil || aws.ToString(out.FunctionError) != "Unhandled" || !strings.Contains(string(out.Payload), `"Extension.Crash"`) ||
		!strings.Contains(string(out.Payload), "watcher exited with status 7") {
		t.Fatalf("%v: %+v %s", err, out, out.Payload)
	}
	_, err = shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f.Name,
		Layers: []string{publishLayer(t, "-none", map[string]string{"extensions/nothing": "#!/no/such/interpreter\n"})}, Environment: &types.Environment{}})
	if err != nil {
		t.Fatal(err)
	}
	out, err = shared.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &f.Name})
	if err != nil || !strings.Contains(string(out.Payload), `"Extension.Crash"`) || !strings.Contains(string(out.Payload), "could not be started") {
		t.Fatalf("%v: %s", err, out.Payload)
	}
}
