package asl

import (
	"fmt"
	"slices"
)

// errorNames reads ErrorEquals.
func (n *node) errorNames(last bool) []string {
	v, ok := n.get("ErrorEquals")
	if !ok {
		n.required("ErrorEquals")
		return nil
	}
	all, ok := v.([]any)
	if !ok || len(all) == 0 {
		n.errorf("ErrorEquals", "Value must be a non-empty array of strings")
		return nil
	}
	var names []string
	for _, e := range all {
		s, ok := e.(string)
		if !ok {
			n.errorf("ErrorEquals", "Value must be a non-empty array of strings")
			return nil
		}
		names = append(names, s)
	}
	if slices.Contains(names, ErrAll) && (len(names) > 1 || !last) {
		n.errorf("ErrorEquals", "States.ALL must appear alone and at the end of the list")
	}
	return names
}

func (n *node) retriers() []retrier {
	var all []retrier
	count := n.count("Retry")
	n.list("Retry", func(e *node) {
		r := retrier{errors: e.errorNames(len(all) == count-1), interval: 1, maxAttempts: 3, backoff: 2}
		if v := e.integer("IntervalSeconds", 1, 99999999); v != nil {
			r.interval = *v
		}
		if v := e.integer("MaxAttempts", 0, 99999999); v != nil {
			r.maxAttempts = *v
		}
		if v := e.integer("MaxDelaySeconds", 1, 31622400); v != nil {
			r.maxDelay = *v
			if r.maxDelay <= r.interval && e.has("IntervalSeconds") {
				e.errorf("MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds")
			}
		}
		if v, ok := e.get("BackoffRate"); ok {
			num, isNumber := v.(Number)
			if !isNumber {
				e.errorf("BackoffRate", "Value is not a number")
			} else if r.backoff = num.Float(); r.backoff < 1 {
				e.errorf("BackoffRate", "Minimum value is 1.0")
			}
		}
		if v, ok := e.str("JitterStrategy"); ok {
			if v != "FULL" && v != "NONE" {
				e.errorf("JitterStrategy", "Value is not valid. Allowed values: [FULL, NONE]")
			}
			r.jitter = v == "FULL"
		}
		e.done()
		all = append(all, r)
	})
	return all
}

func (n *node) count(field string) int {
	v, _ := n.o.Get(field)
	all, _ := v.([]any)
	return len(all)
}

func (n *node) catchers() []catcher {
	var all []catcher
	count := n.count("Catch")
	n.list("Catch", func(e *node) {
		c := catcher{errors: e.errorNames(len(all) == count-1)}
		c.next, _ = e.requiredString("Next")
		if n.language == JSONPath {
			c.resultPath, c.resultNull = e.resultPath()
		} else {
			c.output = e.templateAs("Output", fmt.Sprintf("Catch[%d]/Output", len(all)))
		}
		c.assign = e.assignAs(fmt.Sprintf("Catch[%d]/Assign", len(all)))
		e.done()
		all = append(all, c)
	})
	return all
}
