// Command bootstrap is a custom runtime that does not keep to the Runtime API:
// before it answers an invocation it tries to answer others.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
)

func main() {
	seen := make(map[string]int) // what was tried → status
	last := ""
	for {
		id := next()
		if last != "" {
			seen["answer of the last one"] = post("invocation/"+last+"/response", `"forged"`)
			seen["error of the last one"] = post("invocation/"+last+"/error", `{"errorMessage":"forged"}`)
		}
		seen["no id"] = post("invocation/x/response", `"forged"`)
		seen["another's id"] = post("invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response", `"forged"`)
		seen["error of another's"] = post("invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/error", `{"errorMessage":"forged"}`)
		seen["path upwards"] = post("invocation/../../invocation/x/response", `"forged"`)
		seen["failing late at init"] = post("init/error", `{"errorMessage":"forged"}`)
		seen["broken request"] = broken()
		answer, err := json.Marshal(seen)
		if err != nil {
			os.Exit(1)
		}
		if status := post("invocation/"+id+"/response", string(answer)); status != http.StatusAccepted {
			os.Exit(2)
		}
		seen["twice"] = post("invocation/"+id+"/response", `"forged"`)
		last = id
	}
}

var base = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"

func next() string {
	res, err := http.Get(base + "invocation/next")
	if err != nil {
		os.Exit(3)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.Header.Get("Lambda-Runtime-Aws-Request-Id")
}

func post(path, body string) int {
	res, err := http.Post(base+path, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// broken announces a body and does not send it.
func broken() int {
	req, err := http.NewRequest(http.MethodPost, base+"invocation/x/response", io.LimitReader(bytes.NewReader(nil), 0))
	if err != nil {
		return 1
	}
	req.ContentLength = 10
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 400
	}
	_ = res.Body.Close()
	return res.StatusCode
}
