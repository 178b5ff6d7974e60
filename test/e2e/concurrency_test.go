package e2e

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/test/platform"
)

// meetings are functions whose invocations wait for each other: eight have to be
// in one instance at once. Each prints before and after.
func meetings(t *testing.T) map[string]platform.Function {
	t.Helper()
	all := map[string]platform.Function{
		"node": node(`
let come = 0, release;
const together = new Promise(resolve => { release = resolve; });
exports.handler = async token => {
  console.log(token + " comes");
  if (++come === 8) release();
  await together;
  await new Promise(resolve => setTimeout(resolve, 5));
  console.log(token + " leaves");
  return token;
};`),
		"python async": python(`
import asyncio
come, together = 0, asyncio.Event()
async def handler(token, context):
    global come
    print(token, "comes")
    come += 1
    if come == 8: together.set()
    await together.wait()
    await asyncio.sleep(0.005)
    print(token, "leaves")
    return token
`),
		"python threads": python(`
import threading
together = threading.Barrier(8)
def handler(token, context):
    print(token, "comes")
    together.wait()
    print(token, "leaves")
    return token
`),
	}
	class := javaClass(t, "Meeting", `
import java.util.concurrent.CountDownLatch;
public class Meeting {
    private final CountDownLatch together = new CountDownLatch(8);
    public String handle(String token) throws Exception {
        System.out.println(token + " comes");
        together.countDown();
        together.await();
        System.out.println(token + " leaves");
        return token;
    }
}`)
	all["java"] = platform.Function{Runtime: "java", Handler: "Meeting::handle", MemoryMB: 256, Files: map[string]string{"Meeting.class": class}}
	return all
}

// TestInstanceConcurrency: eight invocations meet in one instance, each gets its
// own answer, and what each prints is in the log under its own request.
func TestInstanceConcurrency(t *testing.T) {
	t.Parallel()
	for what, f := range meetings(t) {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f.TimeoutS, f.Env = 60, map[string]string{"EBB_INSTANCE_CONCURRENCY": "8"}
			f := deploy(t, f)
			ids := make([]string, 8)
			var all sync.WaitGroup
			come := func(i int) {
				all.Go(func() {
					token := fmt.Sprintf(`"token-%d"`, i)
					out, err := shared.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &f, Payload: []byte(token)})
					if err != nil || out.FunctionError != nil || string(out.Payload) != token {
						t.Errorf("%s: %+v %v", token, out, err)
						return
					}
					ids[i], _ = middleware.GetRequestIDMetadata(out.ResultMetadata)
				})
			}
			for i := range ids[1:] {
				come(i)
			}
			// The last one comes when the others have nothing to do but wait for it.
			eventually(t, func() error {
				if text := strings.Join(texts(read(t, shared, f)), "\n"); strings.Count(text, " comes") < len(ids)-1 {
					return errors.New(text)
				}
				return nil
			})
			come(len(ids) - 1)
			all.Wait()
			if t.Failed() {
				return
			}
			list, err := shared.Instances(t.Context(), f)
			if err != nil || len(list) != 1 || list[0].Invocations != 8 {
				t.Errorf("instances: %+v %v", list, err)
			}
			eventually(t, func() error {
				printed := make(map[string][]string)
				for _, l := range read(t, shared, f) {
					if l.Kind != "platform" {
						printed[l.Request] = append(printed[l.Request], l.Text)
					}
				}
				for i, id := range ids {
					token, lines := fmt.Sprintf("token-%d ", i), printed[id] // Node.js prints time, id and level before
					if len(lines) != 2 || !strings.HasSuffix(lines[0], token+"comes") || !strings.HasSuffix(lines[1], token+"leaves") {
						return fmt.Errorf("%s of %s: %q in %q", id, token, lines, printed)
					}
				}
				return nil
			})
		})
	}
}
