package asl

import (
	"fmt"
	"slices"
	"strings"
)

func (n *node) parallel(s *state) {
	v, ok := n.o.Get("Branches")
	if !ok {
		n.required("Branches")
		return
	}
	if all, isArray := v.([]any); isArray && len(all) == 0 {
		n.errorf("Branches", "There must be at least one branch")
	}
	n.list("Branches", func(e *node) {
		e.str("Comment")
		s.branches = append(s.branches, n.b.program(e, n.b.m.Language))
		e.done()
	})
}

func (n *node) mapState(s *state) {
	f := &fan{}
	s.fan = f
	n.processor(f)
	n.oneOf("ItemSelector", "Parameters")
	n.oneOf("Items", "ItemsPath")
	if s.language == JSONPath {
		f.selector, s.parameters = s.parameters, nil
		if v, ok := n.get("ItemsPath"); ok && v == nil {
			n.errorf("ItemsPath", "Value is not a Reference Path")
		} else {
			f.itemsPath = n.reference("ItemsPath")
		}
	}
	if n.has("ItemSelector") {
		f.selector = n.template("ItemSelector")
	}
	n.items(f)
	f.concurrency = n.number("MaxConcurrency", 0, 99999999)
	f.tolerated = n.number("ToleratedFailureCount", 0, 99999999)
	n.oneOf("ToleratedFailurePercentage", "ToleratedFailurePercentagePath")
	f.percentage = n.numberOf("ToleratedFailurePercentage", "ToleratedFailurePercentagePath", 0, 100, true)
	n.label(f)
	n.reader(f)
	n.batcher(f)
	n.writer(f)
	if !f.distributed {
		for _, field := range []string{"ItemReader", "ItemBatcher", "ResultWriter", "Label"} {
			switch {
			case !n.has(field):
			case f.mode == "":
				n.warnf(field, "The mode of the ItemProcessor should be DISTRIBUTED")
				f.distributed = f.distributed || f.reader != nil
			default:
				n.errorf("", "Field '%s' is only supported when the mode of the ItemProcessor is DISTRIBUTED", field)
			}
		}
	}
}

// label reads Label, which is part of the ARNs of the children.
func (n *node) label(f *fan) {
	label, ok := n.str("Label")
	if !ok {
		return
	}
	f.label = label
	switch {
	case len(label) > 40 || label == "" || strings.ContainsAny(label, " \t\n?*<>{}[]:;,\\|^~$#%&`\""):
		n.b.errorf(CodeLabel, n.at("Label"), "Value is not a valid label: it must have 1 to 40 characters without white space, wildcards, brackets and special characters")
	case n.b.labels[label]:
		n.b.errorf(CodeDuplicateLabel, n.at("Label"), "Duplicate Label: %s", label)
	}
	if n.b.labels == nil {
		n.b.labels = make(map[string]bool)
	}
	n.b.labels[label] = true
}

// items reads Items, which JSONata has and JSONPath has as a constant.
func (n *node) items(f *fan) {
	if n.language != JSONata {
		return
	}
	v, ok := n.o.Get("Items")
	if !ok {
		return
	}
	f.items = n.template("Items")
	if kind := kindOf(v); f.items.expr == "" && kind != "array" && kind != "object" {
		n.errorf("Items", "Value is not an array, an object or a JSONata expression")
	}
}

// processor reads ItemProcessor, or Iterator as it was called before.
func (n *node) processor(f *fan) {
	field := "ItemProcessor"
	if n.has("Iterator") {
		field = "Iterator"
	}
	n.oneOf("ItemProcessor", "Iterator")
	if !n.has(field) {
		n.required("ItemProcessor")
		return
	}
	n.get("Iterator")
	n.get("ItemProcessor")
	o := n.object(field)
	if o == nil {
		return
	}
	e := n.b.node(o, n.at(field), n.b.m.Language)
	e.str("Comment")
	if field == "ItemProcessor" {
		n.processorConfig(e, f)
	}
	f.program = n.b.program(e, n.b.m.Language)
	e.done()
}

func (n *node) processorConfig(e *node, f *fan) {
	o := e.object("ProcessorConfig")
	if o == nil {
		return
	}
	c := n.b.node(o, e.at("ProcessorConfig"), n.language)
	mode, hasMode := c.str("Mode")
	f.mode, f.distributed = mode, mode == "DISTRIBUTED"
	if hasMode && mode != "INLINE" && mode != "DISTRIBUTED" {
		c.errorf("Mode", "Value is not valid. Allowed values: [INLINE, DISTRIBUTED]")
	}
	kind, has := c.str("ExecutionType")
	switch {
	case has && kind != "STANDARD" && kind != "EXPRESS":
		c.errorf("ExecutionType", "Value is not valid. Allowed values: [STANDARD, EXPRESS]")
	case f.distributed && !has:
		c.required("ExecutionType")
	case !f.distributed && has:
		c.errorf("ExecutionType", "ExecutionType is only supported when the mode is DISTRIBUTED")
	}
	f.express = kind == "EXPRESS"
	c.done()
}

// arguments reads what a reader or a writer calls its resource with.
func (n *node) arguments(owner string) *template {
	if n.language == JSONata {
		return n.templateAs("Arguments", owner+"/Arguments")
	}
	return n.template("Parameters")
}

// inner is the node of an object field.
func (n *node) inner(field string) *node {
	o := n.object(field)
	if o == nil {
		return nil
	}
	return n.b.node(o, n.at(field), n.language)
}

// among reads a field that has one of some values.
func (n *node) among(field string, allowed ...string) {
	if v, has := n.str(field); has && !slices.Contains(allowed, v) {
		n.errorf(field, "Value is not valid. Allowed values: [%s]", strings.Join(allowed, ", "))
	}
}

var inputTypes = []string{"CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"}

func (n *node) reader(f *fan) {
	e := n.inner("ItemReader")
	if e == nil {
		return
	}
	r := &reader{resource: e.resourceARN(), parameters: e.arguments("ItemReader"), config: object()}
	f.reader = r
	if c := e.inner("ReaderConfig"); c != nil {
		r.maxItems = c.number("MaxItems", 0, 100_000_000)
		kind, has := c.str("InputType")
		if has && !slices.Contains(inputTypes, kind) {
			c.errorf("InputType", "Value is not valid. Allowed values: %v", inputTypes)
		}
		location, _ := c.str("CSVHeaderLocation")
		if location != "" && location != "FIRST_ROW" && location != "GIVEN" {
			c.errorf("CSVHeaderLocation", "Value is not valid. Allowed values: [FIRST_ROW, GIVEN]")
		}
		if kind == "CSV" && location == "" {
			c.required("CSVHeaderLocation")
		}
		if location == "GIVEN" && !c.has("CSVHeaders") {
			c.required("CSVHeaders")
		}
		c.among("Transformation", "NONE", "LOAD_AND_FLATTEN")
		c.among("ManifestType", "ATHENA_DATA", "S3_INVENTORY")
		for _, field := range []string{"CSVHeaders", "CSVDelimiter", "ItemsPointer"} {
			c.get(field)
		}
		c.done()
		for i := range c.o.Len() {
			if k, v := c.o.At(i); k != "MaxItems" && k != "MaxItemsPath" {
				r.config.Set(k, v)
			}
		}
	}
	e.done()
}

func (n *node) batcher(f *fan) {
	e := n.inner("ItemBatcher")
	if e == nil {
		return
	}
	f.batcher = &batcher{
		maxItems: e.number("MaxItemsPerBatch", 0, 100_000_000),
		maxBytes: e.number("MaxInputBytesPerBatch", 0, MaxPayload),
		input:    e.template("BatchInput"),
	}
	if f.batcher.maxItems == nil && f.batcher.maxBytes == nil {
		e.required("MaxItemsPerBatch or MaxInputBytesPerBatch")
	}
	e.done()
}

func (n *node) writer(f *fan) {
	e := n.inner("ResultWriter")
	if e == nil {
		return
	}
	w := &writer{config: object()}
	f.writer = w
	if e.has("Resource") {
		w.resource = e.resourceARN()
	}
	w.parameters = e.arguments("ResultWriter")
	if c := e.inner("WriterConfig"); c != nil {
		c.among("OutputType", "JSON", "JSONL")
		c.among("Transformation", "NONE", "COMPACT", "FLATTEN")
		c.done()
		w.config = c.o
	}
	if w.resource == "" && w.config.Len() == 0 {
		e.required("Resource or WriterConfig")
	}
	e.done()
}

func (n *node) choiceState(s *state) {
	s.fallback, _ = n.str("Default")
	if !n.has("Choices") {
		n.required("Choices")
		return
	}
	if v, _ := n.o.Get("Choices"); n.count("Choices") == 0 && kindOf(v) == "array" {
		n.errorf("Choices", "There must be at least one choice")
	}
	n.list("Choices", func(e *node) {
		c := choice{}
		c.next, _ = e.requiredString("Next")
		e.str("Comment")
		c.assign = e.assignAs(fmt.Sprintf("Choices[%d]/Assign", len(s.choices)))
		if n.language == JSONata {
			c.output = e.templateAs("Output", fmt.Sprintf("Choices[%d]/Output", len(s.choices)))
			c.rule = e.condition(len(s.choices))
		} else {
			c.rule = e.rule()
			e.done()
		}
		s.choices = append(s.choices, c)
	})
}

// condition reads the Condition of a JSONata choice.
func (n *node) condition(index int) rule {
	defer n.done()
	v, ok := n.get("Condition")
	if !ok {
		n.required("Condition")
		return nil
	}
	switch x := v.(type) {
	case bool:
		return conditionRule{literal: x}
	case string:
		if expr, ok := n.b.expression(x, n.at("Condition")); ok {
			return conditionRule{expr: expr, field: fmt.Sprintf("Choices[%d]/Condition", index)}
		}
	}
	n.errorf("Condition", "Value is not a boolean or a JSONata expression")
	return nil
}
