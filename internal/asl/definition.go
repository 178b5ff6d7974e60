package asl

import "github.com/ebb-faas/ebb/internal/jsonata"

// Language is the query language of a state.
type Language string

// The query languages.
const (
	JSONPath Language = "JSONPath"
	JSONata  Language = "JSONata"
)

// Machine is a parsed, valid definition. It never changes and is safe for
// concurrent use.
type Machine struct {
	Comment        string
	TimeoutSeconds int64 // of an execution; 0 = none
	Language       Language

	engine   *jsonata.Engine
	programs []*program // 0 is the whole definition; the others are branches and item processors
	root     int        // the program that executions start in
}

// program is a StartAt with its States.
type program struct {
	index   int
	startAt string
	states  map[string]*state
	order   []string
}

// stateType is the Type of a state.
type stateType string

const (
	typeTask     stateType = "Task"
	typePass     stateType = "Pass"
	typeChoice   stateType = "Choice"
	typeWait     stateType = "Wait"
	typeSucceed  stateType = "Succeed"
	typeFail     stateType = "Fail"
	typeParallel stateType = "Parallel"
	typeMap      stateType = "Map"
)

// state is one state of a program. Fields that a type does not have are zero.
type state struct {
	name     string
	location string // in the definition
	kind     stateType
	language Language
	next     string
	end      bool

	inputPath, outputPath *jsonPath // nil = $
	inputNull, outputNull bool      // the path is null: {}
	resultPath            *jsonPath // nil = $
	resultNull            bool      // the result is dropped
	parameters            *template // Parameters or Arguments
	resultSelector        *template
	output                *template // JSONata
	assign                *template
	result                *Value // Pass

	resource             string
	credentials          *template
	timeout, heartbeat   *number
	retry                []retrier
	catch                []catcher
	choices              []choice
	fallback             string // Default
	seconds              *number
	timestamp            *text
	errorName, errorText *text
	branches             []*program
	fan                  *fan
}

// retrier is one element of Retry.
type retrier struct {
	errors      []string
	interval    int64
	maxAttempts int64
	backoff     float64
	maxDelay    int64 // 0 = none
	jitter      bool
}

// catcher is one element of Catch.
type catcher struct {
	errors     []string
	next       string
	resultPath *jsonPath
	resultNull bool
	assign     *template
	output     *template
}

// choice is one element of Choices.
type choice struct {
	rule   rule
	next   string
	assign *template
	output *template
}

// fan is what only a Map state has.
type fan struct {
	program     *program
	mode        string // as written; "" = INLINE
	distributed bool
	express     bool
	label       string
	items       *template // JSONata Items, or JSONPath Items
	itemsPath   *jsonPath
	selector    *template
	concurrency *number
	tolerated   *number // count
	percentage  *number
	reader      *reader
	batcher     *batcher
	writer      *writer
}

// reader is an ItemReader.
type reader struct {
	resource   string
	parameters *template
	config     *Object // as written, without the fields below
	maxItems   *number
}

// batcher is an ItemBatcher.
type batcher struct {
	maxItems, maxBytes *number
	input              *template
}

// writer is a ResultWriter.
type writer struct {
	resource   string
	parameters *template
	config     *Object
}

// number is a numeric field: written down, or computed by a path or an
// expression.
type number struct {
	field   string // the name that causes use
	literal float64
	path    *jsonPath
	expr    string
}

// text is a string field: written down, or computed.
type text struct {
	field   string
	literal string
	path    *jsonPath
	call    *intrinsic
	expr    string
}

// Child is the machine of a branch or an item processor, for child executions
// of a distributed Map. program comes from MapRun.Program.
func (m *Machine) Child(program int) *Machine {
	child := *m
	child.root = program
	child.TimeoutSeconds = 0
	return &child
}

// StateNames lists the states of the machine itself in the order of the
// definition.
func (m *Machine) StateNames() []string { return m.programs[m.root].order }

// Within is the machine with a limit on how long an execution may take; its own
// TimeoutSeconds stays where that is less.
func (m *Machine) Within(seconds int64) *Machine {
	if m.TimeoutSeconds > 0 && m.TimeoutSeconds <= seconds {
		return m
	}
	limited := *m
	limited.TimeoutSeconds = seconds
	return &limited
}
