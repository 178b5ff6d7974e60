package lambdaapi

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func TestAccountSettings(t *testing.T) {
	p := newPlatform(t)
	v := p.create("a")
	p.create("b") // the same package, counted once
	got, err := p.sdk().GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})
	must(t, err)
	equal(t, "functions", got.AccountUsage.FunctionCount, 2)
	equal(t, "code", got.AccountUsage.TotalCodeSize, v.Code.Size)
	equal(t, "code limit", got.AccountLimit.TotalCodeSize, 75<<30)
	equal(t, "zipped", got.AccountLimit.CodeSizeZipped, 50<<20)
	equal(t, "unzipped", got.AccountLimit.CodeSizeUnzipped, 250<<20)
	equal(t, "concurrency", got.AccountLimit.ConcurrentExecutions, 1000)
}
