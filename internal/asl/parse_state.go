package asl

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var stateTypes = []stateType{typeTask, typePass, typeChoice, typeWait, typeSucceed, typeFail, typeParallel, typeMap}

func (b *builder) state(name string, o *Object, location string, outer Language) *state {
	n := b.node(o, location, outer)
	s := &state{name: name, location: location, language: outer}
	if l, ok := n.str("QueryLanguage"); ok {
		s.language = n.languageOf(l)
		if outer == JSONata && s.language == JSONPath {
			n.warnf("", "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
		}
		n.language = s.language
	}
	kind, ok := n.requiredString("Type")
	if !ok {
		return s
	}
	s.kind = stateType(kind)
	if !slices.Contains(stateTypes, s.kind) {
		n.errorf("Type", "Value is not valid. Allowed values: [Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map]")
		return s
	}
	n.str("Comment")
	n.common(s)
	switch s.kind {
	case typeTask:
		n.task(s)
	case typePass:
		n.pass(s)
	case typeChoice:
		n.choiceState(s)
	case typeWait:
		n.wait(s)
	case typeFail:
		n.fail(s)
	case typeParallel:
		n.parallel(s)
	case typeMap:
		n.mapState(s)
	case typeSucceed:
	}
	n.done()
	return s
}

// common reads the fields that many types share.
func (n *node) common(s *state) {
	if s.kind != typeFail && s.kind != typeSucceed && s.kind != typeChoice {
		s.next, _ = n.str("Next")
		s.end = n.boolean("End")
		switch {
		case n.has("Next") && n.has("End"):
			n.oneOf("Next", "End")
		case s.next == "" && !s.end:
			n.required("Next or End")
		}
	}
	if s.kind == typeFail {
		return
	}
	if s.language == JSONata {
		s.output = n.template("Output")
	} else {
		s.inputPath, s.inputNull = n.path("InputPath", true)
		s.outputPath, s.outputNull = n.path("OutputPath", true)
	}
	if s.kind != typeSucceed {
		s.assign = n.assign()
	}
	result := s.kind == typeTask || s.kind == typeParallel || s.kind == typeMap
	if s.language == JSONPath && (result || s.kind == typePass) {
		s.resultPath, s.resultNull = n.resultPath()
		s.parameters = n.template("Parameters")
	}
	if s.language == JSONPath && result {
		s.resultSelector = n.template("ResultSelector")
	}
	if s.language == JSONata && (s.kind == typeTask || s.kind == typeParallel) {
		s.parameters = n.template("Arguments")
	}
	if result {
		s.retry = n.retriers()
		s.catch = n.catchers()
	}
}

// path reads a Path field; null is reported when nullable.
func (n *node) path(field string, nullable bool) (p *jsonPath, null bool) {
	v, ok := n.get(field)
	if !ok {
		return nil, false
	}
	if v == nil && nullable {
		return nil, true
	}
	s, ok := v.(string)
	if !ok {
		n.errorf(field, "Value is not a string")
		return nil, false
	}
	p, err := parsePath(s)
	if err != nil {
		n.errorf(field, "Value is not a valid JSONPath: %s", err)
		return nil, false
	}
	return p, false
}

// reference reads a Reference Path.
func (n *node) reference(field string) *jsonPath {
	v, ok := n.get(field)
	if !ok {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		n.errorf(field, "Value is not a string")
		return nil
	}
	p, err := parsePath(s)
	switch {
	case err != nil:
		n.errorf(field, "Value is not a Reference Path: %s", err)
		return nil
	case !p.reference():
		n.errorf(field, "Value is not a Reference Path: %s may match more than one node", s)
		return nil
	}
	return p
}

func (n *node) resultPath() (p *jsonPath, null bool) {
	if v, ok := n.get("ResultPath"); ok && v == nil {
		return nil, true
	}
	p = n.reference("ResultPath")
	if p != nil && p.root != rootInput {
		n.errorf("ResultPath", "Value is not a Reference Path: it must start with '$.' or be '$'")
	}
	return p, false
}

var variableName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`)

func (n *node) assign() *template { return n.assignAs("Assign") }

// assignAs reads Assign; name is what causes call it.
func (n *node) assignAs(called string) *template {
	v, ok := n.get("Assign")
	if !ok {
		return nil
	}
	o, ok := v.(*Object)
	if !ok {
		n.errorf("Assign", "Value is not an object")
		return nil
	}
	for _, key := range o.Keys() {
		name := key
		if n.language == JSONPath {
			name, _ = cutSuffix(key)
		}
		switch {
		case name == "states":
			n.errorf("Assign/"+key, "The variable name 'states' is reserved")
		case strings.Contains(name, "-") && variableName.MatchString(strings.ReplaceAll(name, "-", "_")):
			n.warnf("Assign/"+key, "The variable name '%s' cannot be used in an expression", name)
		case len([]rune(name)) > 80 || !variableName.MatchString(name):
			n.errorf("Assign/"+key, "The variable name '%s' is not valid", name)
		}
	}
	return n.b.template(o, n.at("Assign"), called, n.language)
}

func (n *node) pass(s *state) {
	if n.language == JSONPath {
		if v, ok := n.get("Result"); ok {
			s.result = &Value{v}
			n.staticResult(v, n.at("Result"))
		}
	}
}

// staticResult warns of paths in a Result, which is what is written there.
func (n *node) staticResult(v any, location string) {
	switch x := v.(type) {
	case string:
		n.b.suspect(x, CodeStaticResult, location, "The value '%s' looks like a path, but the Result of a Pass state is never evaluated")
	case []any:
		for i, e := range x {
			n.staticResult(e, fmt.Sprintf("%s[%d]", location, i))
		}
	case *Object:
		for i := range x.Len() {
			key, e := x.At(i)
			n.staticResult(e, location+"/"+key)
		}
	}
}

// noPath words the warning about a path in a field that takes none.
const noPath = "The value '%s' looks like a path, but the name of its field does not end in 'Path'"

var (
	lambdaARN = regexp.MustCompile(`^arn:[\w-]+:lambda:[\w-]*:\d*:function:[\w-]+(:(\$LATEST|[\w-]+))?$`)
	uri       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:\S+$`)
	variable  = regexp.MustCompile(`\$\{[^{}]+\}`)
)

// resource checks an ARN, or what stands for one in a template that is not
// filled in yet.
func (n *node) resourceARN() string {
	if v, _ := n.o.Get("Resource"); kindOf(v) == "object" {
		if o := v.(*Object); o.Len() == 1 && (o.Keys()[0] == "Ref" || strings.HasPrefix(o.Keys()[0], "Fn::")) {
			n.get("Resource")
			n.warnf("Resource", "Value is not filled in yet")
			return quoteJSON(v)
		}
	}
	r, ok := n.requiredString("Resource")
	if !ok {
		return ""
	}
	filled := variable.ReplaceAllString(r, "x:x")
	if r != filled {
		return r
	}
	lambda := strings.Contains(r, ":lambda:") && strings.Contains(r, ":function:")
	if !uri.MatchString(filled) || strings.ContainsAny(r, "{}") || (lambda && !lambdaARN.MatchString(r)) {
		n.errorf("Resource", "Value is not a valid resource ARN")
	}
	return r
}

func (n *node) task(s *state) {
	s.resource = n.resourceARN()
	s.timeout = n.number("TimeoutSeconds", 1, 99999999)
	s.heartbeat = n.number("HeartbeatSeconds", 1, 99999999)
	if s.timeout != nil && s.heartbeat != nil && s.timeout.fixed() && s.heartbeat.fixed() && s.heartbeat.literal >= s.timeout.literal {
		n.errorf("HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds")
	}
	if v, ok := n.get("Credentials"); ok {
		if o, isObject := v.(*Object); isObject {
			s.credentials = n.b.template(o, n.at("Credentials"), "Credentials", n.language)
		} else {
			n.errorf("Credentials", "Value is not an object")
		}
	}
}

func (n *node) wait(s *state) {
	fields := []string{"Seconds", "Timestamp"}
	if n.language == JSONPath {
		fields = []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"}
	}
	count := 0
	for _, f := range fields {
		if n.has(f) {
			count++
		}
	}
	if count == 0 {
		n.required(strings.Join(fields, " or "))
	}
	n.oneOf(fields...)
	s.seconds = n.numberOf("Seconds", "SecondsPath", 0, 99999999, false)
	s.timestamp = n.text("Timestamp", "TimestampPath", false)
	if t := s.timestamp; t != nil && t.path == nil && t.expr == "" {
		if _, ok := parseTimestamp(t.literal); !ok {
			n.errorf("Timestamp", "Value is not a valid timestamp")
		}
	}
}

func (n *node) fail(s *state) {
	n.oneOf("Error", "ErrorPath")
	n.oneOf("Cause", "CausePath")
	s.errorName = n.text("Error", "ErrorPath", true)
	s.errorText = n.text("Cause", "CausePath", true)
}

// number reads FIELD or FIELDPath, or an expression.
func (n *node) number(field string, low, high float64) *number {
	n.oneOf(field, field+"Path")
	return n.numberOf(field, field+"Path", low, high, false)
}

func (n *node) numberOf(field, pathField string, low, high float64, fraction bool) *number {
	if n.language == JSONPath && n.has(pathField) {
		n.used[field] = true // both at once is told elsewhere
		if p := n.reference(pathField); p != nil {
			if p.root == rootContext {
				n.errorf(pathField, "Value is not a Reference Path: the Context Object is not supported here")
			}
			return &number{field: pathField, path: p}
		}
	}
	v, ok := n.get(field)
	if !ok {
		return nil
	}
	if s, isText := v.(string); isText && n.language == JSONata {
		if expr, isExpr := n.b.expression(s, n.at(field)); isExpr {
			return &number{field: field, expr: expr}
		}
	}
	num, ok := v.(Number)
	f := num.Float()
	switch {
	case !ok:
		n.errorf(field, "Value is not a number")
	case !fraction && f != float64(int64(f)):
		n.errorf(field, "Value is not an integer")
	case f < low && fraction:
		n.errorf(field, "Minimum value is %.1f", low)
	case f > high && fraction:
		n.errorf(field, "Maximum value is %.1f", high)
	case f < low:
		n.errorf(field, "Minimum value is %.0f", low)
	case f > high:
		n.errorf(field, "Maximum value is %.0f", high)
	}
	return &number{field: field, literal: f}
}

// fixed reports whether the number is known when the definition is read.
func (m *number) fixed() bool { return m.path == nil && m.expr == "" }

// text reads FIELD or FIELDPath, or an expression.
func (n *node) text(field, pathField string, functions bool) *text {
	if n.language == JSONPath && n.has(pathField) {
		n.used[field] = true // both at once is told elsewhere
		if v, _ := n.o.Get(pathField); functions {
			if s, ok := v.(string); ok && isIntrinsic(s) {
				n.used[pathField] = true
				call, err := parseIntrinsic(s)
				if err != nil {
					n.errorf(pathField, "Value is not a valid intrinsic function: %s", err)
				}
				return &text{field: pathField, call: call}
			}
		}
		if p := n.reference(pathField); p != nil {
			return &text{field: pathField, path: p}
		}
		return nil
	}
	s, ok := n.str(field)
	if !ok {
		return nil
	}
	if n.language == JSONata {
		if expr, isExpr := n.b.expression(s, n.at(field)); isExpr {
			return &text{field: field, expr: expr}
		}
	} else {
		n.b.suspect(s, CodeNoPath, n.at(field), noPath)
	}
	return &text{field: field, literal: s}
}
