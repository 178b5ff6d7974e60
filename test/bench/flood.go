package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// lookEvery is how often flood looks which executions run.
const lookEvery = 20 * time.Millisecond

// flood keeps 64 executions in flight until n have ended, and returns how many
// ended a second. One look at those that run tells of all: a client that asks for
// each would take from the machine what the executions need.
func (b *bench) flood(ctx context.Context, machine string, n int) (float64, error) {
	r, err := b.statesRequest("StartExecution", map[string]any{"stateMachineArn": machine}, "executionArn")
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var next, started atomic.Int64
	free := make(chan struct{}, startCallers)
	for range startCallers {
		free <- struct{}{}
	}
	begin := time.Now()
	err = together(startCallers+1, func(i int) error {
		if i == startCallers {
			return errors.Join(b.release(ctx, machine, &started, free, int64(n)), b.noneFailed(ctx, machine))
		}
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			return err
		}
		defer c.Close()
		in := bufio.NewReader(c)
		for next.Add(1) <= int64(n) {
			select {
			case <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := r.ask(c, in); err != nil {
				cancel()
				return err
			}
			started.Add(1)
		}
		return nil
	})
	return float64(n) / time.Since(begin).Seconds(), err
}

// release gives a place back for each execution that has ended, until n have.
func (b *bench) release(ctx context.Context, machine string, started *atomic.Int64, free chan<- struct{}, n int64) error {
	c := b.platform.Client.Workflows()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ended := int64(0); ended < n; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		before := started.Load()
		out, err := c.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning, MaxResults: 2 * startCallers})
		if err != nil {
			return err
		}
		for ; ended < before-int64(len(out.Executions)); ended++ {
			if ended+startCallers < n {
				free <- struct{}{}
			}
		}
	}
	return nil
}

// noneFailed looks for executions that did not succeed.
func (b *bench) noneFailed(ctx context.Context, machine string) error {
	out, err := b.platform.Client.Workflows().ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusFailed, MaxResults: 1})
	if err == nil && len(out.Executions) > 0 {
		err = fmt.Errorf("%s has failed", *out.Executions[0].ExecutionArn)
	}
	return err
}

// statesRequest is a request of the Step Functions API, signed once and sent
// often; want must be in its answer.
func (b *bench) statesRequest(operation string, in any, want string) (request, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return request{}, err
	}
	r, err := http.NewRequest(http.MethodPost, b.platform.API+"/", bytes.NewReader(body))
	if err != nil {
		return request{}, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSStepFunctions."+operation)
	c := b.platform.Client.Config()
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey},
		r, hex.EncodeToString(sum[:]), "states", c.Region, time.Now()); err != nil {
		return request{}, err
	}
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		return request{}, err
	}
	return request{address: r.URL.Host, bytes: text.Bytes(), want: []byte(want)}, nil
}

// ask sends the request on a connection and reads the answer.
func (r request) ask(c net.Conn, in *bufio.Reader) error {
	if _, err := c.Write(r.bytes); err != nil {
		return err
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err == nil && !bytes.Contains(text, r.want) {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return err
}
