package lambdaapi

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// TestUnsupportedMembers: each is refused by its name, and nothing happened.
func TestUnsupportedMembers(t *testing.T) {
	p := newPlatform(t)
	p.create("there")
	code := `"Code":{"ZipFile":"` + base64.StdEncoding.EncodeToString(pack(t, "x")) + `"}`
	both := map[string]string{
		"VpcConfig":                         `"VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}`,
		"TracingConfig.Mode":                `"TracingConfig":{"Mode":"Active"}`,
		"SnapStart.ApplyOn":                 `"SnapStart":{"ApplyOn":"PublishedVersions"}`,
		"KMSKeyArn":                         `"KMSKeyArn":"arn:aws:kms:us-east-1:000000000000:key/k"`,
		"CapacityProviderConfig":            `"CapacityProviderConfig":{"LambdaManagedInstancesCapacityProviderConfig":{"CapacityProviderArn":"arn:aws:lambda:us-east-1:000000000000:capacity-provider:c"}}`,
		"DurableConfig":                     `"DurableConfig":{"ExecutionTimeout":5}`,
		"LoggingConfig.LogGroup":            `"LoggingConfig":{"LogGroup":"/mine"}`,
		"LoggingConfig.ApplicationLogLevel": `"LoggingConfig":{"LogFormat":"JSON","ApplicationLogLevel":"WARN"}`,
		"LoggingConfig.SystemLogLevel":      `"LoggingConfig":{"LogFormat":"JSON","SystemLogLevel":"WARN"}`,
	}
	create := map[string]string{
		"PublishTo":            `"PublishTo":"LATEST_PUBLISHED",` + code,
		"Code.SourceKMSKeyArn": `"Code":{"ZipFile":"UEs=","SourceKMSKeyArn":"arn:aws:kms:us-east-1:000000000000:key/k"}`,
	}
	for member, doc := range both {
		create[member] = doc + "," + code
		p.raw("PUT", "/2015-03-31/functions/there/configuration", "{"+doc+"}").is(t, 501, "NotImplementedException", `"Message":"`+member+`: `)
	}
	for member, doc := range create {
		p.raw("POST", "/2015-03-31/functions", p.createDoc("new", doc)).is(t, 501, "NotImplementedException", `"Message":"`+member+`: `)
	}
	for member, doc := range map[string]string{
		"SourceKMSKeyArn": `"ZipFile":"UEs=","SourceKMSKeyArn":"arn:aws:kms:us-east-1:000000000000:key/k"`, "PublishTo": `"PublishTo":"LATEST_PUBLISHED"`,
	} {
		p.raw("PUT", "/2015-03-31/functions/there/code", "{"+doc+"}").is(t, 501, "NotImplementedException", `"Message":"`+member+`: `)
	}
	p.raw("GET", "/2015-03-31/functions?FunctionVersion=ALL&MasterRegion=eu-west-1", "").is(t, 501, "NotImplementedException", "MasterRegion: ")
	equal(t, "functions", p.raw("GET", "/2015-03-31/functions/new", "").StatusCode, 404)
}

func (p *platform) createDoc(name, more string) string {
	return fmt.Sprintf(`{"FunctionName":%q,"Runtime":%q,"Role":%q,"Handler":"app.handler",%s}`, name, p.runtime, testRole, more)
}

// TestDefaultsAreNoDemands: tools send these of their own accord.
func TestDefaultsAreNoDemands(t *testing.T) {
	p := newPlatform(t)
	defaults := `"VpcConfig":{"SubnetIds":[],"SecurityGroupIds":[],"Ipv6AllowedForDualStack":false},"DeadLetterConfig":{},"KMSKeyArn":"",
		"TracingConfig":{"Mode":"PassThrough"},"Layers":[],"FileSystemConfigs":[],"ImageConfig":{},"SnapStart":{"ApplyOn":"None"},
		"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/plain"}`
	code := `"Code":{"ZipFile":"` + base64.StdEncoding.EncodeToString(pack(t, "x")) + `"},"PackageType":"Zip"`
	res := p.raw("POST", "/2015-03-31/functions", p.createDoc("plain", defaults+","+code))
	if res.StatusCode != 201 {
		t.Errorf("create: %d %s", res.StatusCode, res.body)
	}
	res = p.raw("PUT", "/2015-03-31/functions/plain/configuration", "{"+defaults+"}")
	if res.StatusCode != 200 {
		t.Errorf("update: %d %s", res.StatusCode, res.body)
	}
}

// TestEveryMemberIsUsedOrRefused: a member that is added to the model by a later
// generation must get a meaning, not be dropped.
func TestEveryMemberIsUsedOrRefused(t *testing.T) {
	used := strings.Fields(`FunctionName Runtime Role Handler Code Description Timeout MemorySize Publish Environment Tags
		Architectures EphemeralStorage LoggingConfig RevisionId DryRun ZipFile Variables Size LogFormat
		PackageType ImageUri ImageConfig EntryPoint Command WorkingDirectory
		DeadLetterConfig Layers FileSystemConfigs CodeSigningConfigArn TenancyConfig S3Bucket S3Key S3ObjectVersion`)
	refused := strings.Fields(`VpcConfig KMSKeyArn TracingConfig
		SnapStart CapacityProviderConfig PublishTo DurableConfig
		SourceKMSKeyArn LogGroup ApplicationLogLevel SystemLogLevel`)
	known := map[string]bool{}
	for _, m := range append(used, refused...) {
		known[m] = true
	}
	for _, shape := range []string{"CreateFunctionRequest", "UpdateFunctionConfigurationRequest", "UpdateFunctionCodeRequest",
		"FunctionCode", "Environment", "EphemeralStorage", "LoggingConfig", "ImageConfig"} {
		fields := shapes()[shape].Fields
		if len(fields) == 0 {
			t.Errorf("no shape %s", shape)
		}
		for _, f := range fields {
			if !known[f.Name] {
				t.Errorf("%s.%s is neither used nor refused: see unsupported.go", shape, f.Name)
			}
		}
	}
}
