package asl

import (
	"fmt"
	"testing"
)

func TestVariableReferences(t *testing.T) {
	got := VariableReferences([]byte(`{"StartAt": "A", "States": {
		"A": {"Type": "Pass", "Parameters": {"r": "$no", "x.$": "$x.y", "y.$": "States.MathAdd($n, $$.State.RetryCount)", "z.$": "$.plain"}, "ResultPath": "$.res", "Next": "B"},
		"B": {"Type": "Choice", "Choices": [{"Variable": "$guess", "StringEqualsPath": "$answer", "Next": "C"}], "Default": "C"},
		"C": {"Type": "Map", "ItemsPath": "$items", "ItemProcessor": {"StartAt": "D", "States": {"D": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% ($t := $sum($list); $t + $states.input) %}", "End": true}}}, "End": true}}}`))
	want := "map[A:[n x] B:[answer guess] C:[items] D:[list]]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if got := VariableReferences([]byte(`{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}`)); got != nil {
		t.Error(got)
	}
}
