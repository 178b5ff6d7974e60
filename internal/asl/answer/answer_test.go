package answer

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/asl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCheck(t *testing.T) {
	shapes, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	const fault = "Mock result schema validation error: "
	for _, c := range []struct{ resource, result, strict, present string }{
		{"events:putEvents", `{"Entries": {}}`, fault + "Field 'Entries' must be an array", fault + "Field 'Entries' must be an array"},
		{"events:putEvents", `{"Entries": [{"EventId": "a"}, {"EventId": 1}]}`, fault + "Field 'EventId' must be a string", fault + "Field 'EventId' must be a string"},
		{"events:putEvents", `{"Entries": [], "FailedEntryCount": 0, "Other": 1}`, "", ""},
		{"aws-sdk:eventbridge:putEvents", `{"Entries": 1}`, fault + "Field 'Entries' must be an array", fault + "Field 'Entries' must be an array"},
		{"states:startExecution", `{}`, fault + "Required field 'ExecutionArn' is missing", ""},
		{"aws-sdk:sfn:startExecution", `{"executionArn": "a", "startDate": 1}`, fault + "Required field 'ExecutionArn' is missing", ""},
		{"states:startExecution", `{"ExecutionArn": "a", "StartDate": 1}`, fault + "Field 'StartDate' must be a string", fault + "Field 'StartDate' must be a string"},
		{"states:startExecution.sync:2", `{}`, "", ""},
		{"states:startExecution", `[1]`, "Mocked result must be a JSON object.", "Mocked result must be a JSON object."},
		{"lambda:invoke", `{"StatusCode": "200"}`, fault + "Field 'StatusCode' must be a number", fault + "Field 'StatusCode' must be a number"},
		{"lambda:invoke", `{"Payload": {"own": 1}}`, "", ""},
		{"aws-sdk:lambda:invoke", `{"Payload": {"own": 1}}`, fault + "Field 'Payload' must be a string", fault + "Field 'Payload' must be a string"},
		{"lambda:invoke.waitForTaskToken", `7`, "", ""},
		{"aws-sdk:lambda:getFunction", `{"Configuration": {"MemorySize": 1}}`, fault + "Field 'MemorySize' is less than the minimum value", fault + "Field 'MemorySize' is less than the minimum value"},
		{"aws-sdk:lambda:getFunction", `{"Configuration": {"MemorySize": 1000000}}`, fault + "Field 'MemorySize' exceeds the maximum value", fault + "Field 'MemorySize' exceeds the maximum value"},
		{"aws-sdk:s3:getObject", `{"ContentLength": 1, "StorageClass": "PAPER"}`, fault + "Field 'StorageClass' is not an expected value", fault + "Field 'StorageClass' is not an expected value"},
		{"aws-sdk:s3:getObject", `{"DeleteMarker": "no"}`, fault + "Field 'DeleteMarker' must be a boolean", fault + "Field 'DeleteMarker' must be a boolean"},
		{"aws-sdk:s3:getObject", `{"Metadata": {"a": 1}}`, fault + "Field 'Metadata' must be a string", fault + "Field 'Metadata' must be a string"},
		{"aws-sdk:s3:getObject", `{"Metadata": [], "Body": null}`, fault + "Field 'Metadata' must be an object", fault + "Field 'Metadata' must be an object"},
		{"aws-sdk:kms:encrypt", `{"CiphertextBlob": ""}`, fault + "Field 'CiphertextBlob' is smaller than the minimum length", fault + "Field 'CiphertextBlob' is smaller than the minimum length"},
		{"aws-sdk:sqs:sendMessage", `{"Md5OfMessageBody": 1}`, fault + "Field 'Md5OfMessageBody' must be a string", fault + "Field 'Md5OfMessageBody' must be a string"},
		{"sqs:sendMessage", `{"MD5OfMessageBody": 1}`, fault + "Field 'MD5OfMessageBody' must be a string", fault + "Field 'MD5OfMessageBody' must be a string"},
		{"aws-sdk:unheardof:doThing", `7`, "", ""},
		{"http:invoke", `7`, "", ""},
	} {
		v, err := asl.ParseValue([]byte(c.result))
		if err != nil {
			t.Fatal(err)
		}
		r := asl.ParseResource("arn:aws:states:::" + c.resource)
		if got := shapes.Check(r, v.V, true); got != c.strict {
			t.Errorf("%s %s strict:\ngot  %q\nwant %q", c.resource, c.result, got, c.strict)
		}
		if got := shapes.Check(r, v.V, false); got != c.present {
			t.Errorf("%s %s present:\ngot  %q\nwant %q", c.resource, c.result, got, c.present)
		}
	}
	for _, arn := range []string{"arn:aws:lambda:us-east-1:000000000000:function:f", "arn:aws:states:us-east-1:000000000000:activity:a"} {
		if got := shapes.Check(asl.ParseResource(arn), nil, true); got != "" {
			t.Errorf("%s: %s", arn, got)
		}
	}
}

func TestSpell(t *testing.T) {
	for name, want := range map[string]string{
		"ETag": "ETag", "DBInstances": "DbInstances", "MD5OfMessageBody": "Md5OfMessageBody", "ARN": "Arn",
		"executionArn": "ExecutionArn", "KMSMasterKeyID": "KmsMasterKeyID", "Key": "Key",
	} {
		if got := spell(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
