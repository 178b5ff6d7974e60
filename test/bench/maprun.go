package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// mapItems is how many items the distributed Map has.
const mapItems = 100_000

// distributedMap measures a distributed Map with one call of the Node echo for
// each item, beside plain invocations.
func (b *bench) distributedMap(ctx context.Context) error {
	if _, err := b.urls(); err != nil {
		return err
	}
	invoke, err := invokeAPI(b.platform, "node")()
	if err != nil {
		return err
	}
	plain, err := load(invoke, eventCallers, b.each)
	if err != nil {
		return err
	}
	machine, err := b.machine(ctx, "bench-map", `{"StartAt": "Each", "States": {"Each": {"Type": "Map", "MaxConcurrency": 64, "End": true, "ResultPath": null,
		"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "One", "States": {"One": {"Type": "Task",
		"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "node", "Payload": {"body": "x"}}, "ResultSelector": {}, "End": true}}}}}}`, types.StateMachineTypeStandard)
	if err != nil {
		return err
	}
	input := "[" + strings.Repeat("0,", mapItems-1) + "0]"
	progress("a distributed Map over %d items", mapItems)
	c := b.platform.Client.Workflows()
	begin := time.Now()
	x, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
	if err != nil {
		return err
	}
	if err := b.noneRuns(ctx, machine); err != nil {
		return err
	}
	rate := mapItems / time.Since(begin).Seconds()
	out, err := c.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: x.ExecutionArn})
	if err != nil {
		return err
	}
	if out.Status != types.ExecutionStatusSucceeded {
		return fmt.Errorf("the map: %s %v %v", out.Status, deref(out.Error), deref(out.Cause))
	}
	table := b.report.table(fmt.Sprintf("a distributed Map, %d items", mapItems), "rate/s", "plain×", "bar")
	table.add("plain invocations, 64 in flight", plain.rate(), 1, math.NaN())
	table.add("express children, 64 in flight", rate, rate/plain.rate(), 0.5)
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
